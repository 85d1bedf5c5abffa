"""Kills of a worker, the client and the scheduler; `python -m test.reliability.cohort_kills`."""

from __future__ import annotations

import pytest

from test.reliability.cohort_kills import KINDS, Cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return Cohort(tmp_path_factory.mktemp("cohort"), images=5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_or_doubled(cohort: Cohort, kind: str) -> None:
    """Beside the folder to compare with: results name their images by relative paths."""
    cohort.kill(kind, cohort.folder / kind, moment=0.0)

"""Each adaptation has one name, and every one is called alike."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from model.adaptation.base import Adapt
from model.adaptation.registry import (
    ADAPTATIONS,
    DEFAULT_ADAPTATION,
    EXPERIMENTS,
    RENAMED,
    find_adaptation,
)


def test_what_a_user_can_choose() -> None:
    assert list(ADAPTATIONS) == ["gradient-reversal", "paper", "calibrated", "none"]
    assert all(ADAPTATIONS[name].name == name for name in ADAPTATIONS)
    assert DEFAULT_ADAPTATION in ADAPTATIONS


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_adaptations_are_called_alike(name: str) -> None:
    adaptation = find_adaptation(name)
    if not adaptation.needs_bank:
        with pytest.raises(ValueError, match="leaves the network as it is"):
            adaptation.load()
        return
    left = [
        parameter
        for parameter in inspect.signature(adaptation.load()).parameters
        if parameter not in adaptation.options
    ]
    assert left == list(inspect.signature(Adapt.__call__).parameters)[1:]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_renamed_adaptation_states_its_new_name(old: str, new: str) -> None:
    assert new in ADAPTATIONS
    with pytest.raises(ValueError, match=f"'{old}' is now called '{new}'"):
        find_adaptation(old)


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_experiment_states_where_it_is_run(name: str) -> None:
    with pytest.raises(ValueError, match=f"python -m experiments.ablation --arms {name}"):
        find_adaptation(name)


def test_unknown_name_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="'magic' is not an adaptation; choose from gradient-rev"):
        find_adaptation("magic")


def test_names_are_known_without_torch() -> None:
    code = "import sys, model.adaptation.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

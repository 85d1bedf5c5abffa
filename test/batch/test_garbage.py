"""The garbage collector sees what is created after the start-up, and nothing before."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from batch.garbage import pause_collections, resume_collections


class Node:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def freed() -> bool:
    """Whether a collection frees an object that is created now."""
    node = weakref.ref(Node())
    gc.collect()
    return node() is None


def test_objects_of_the_start_up_are_not_looked_at_again() -> None:
    pause_collections()
    assert not gc.isenabled()
    node = weakref.ref(Node())
    resume_collections()
    assert gc.isenabled() and gc.get_freeze_count() > 0
    gc.collect()
    assert node() is not None
    assert freed()


def test_without_a_pause_all_objects_are_looked_at() -> None:
    node = weakref.ref(Node())
    resume_collections()
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert node() is None

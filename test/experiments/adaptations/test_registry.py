"""Each control has one name, is called as the product's adaptations are, and is not a product's."""

from __future__ import annotations

import inspect

import pytest

from experiments.adaptations.registry import (
    ARMS,
    CONTROLS,
    LEARN_FROM_SCORES,
    NO_ADAPTATION,
    STAIN_NORMALISED,
)
from model.adaptation.base import Adapt
from model.adaptation.registry import ADAPTATIONS, EXPERIMENTS, Adaptation


def test_every_name_is_its_own() -> None:
    assert all(name == adaptation.name for name, adaptation in ARMS.items())
    assert not CONTROLS.keys() & ADAPTATIONS.keys()
    assert not ARMS[NO_ADAPTATION].needs_bank and not ARMS[NO_ADAPTATION].calibrates


def test_the_product_sends_users_here_for_every_former_name() -> None:
    assert set(EXPERIMENTS) <= CONTROLS.keys()


def test_calibrated_variants_differ_in_the_calibration_alone() -> None:
    pairs = {n: n.removesuffix("-calibrated") for n in CONTROLS if n.endswith("-calibrated")}
    assert len(pairs) == 5
    for name, plain in (pairs | {"adabn-calibrated": "adabn-blended"}).items():
        same = [
            (adaptation.function, dict(adaptation.options))
            for adaptation in (CONTROLS[name], CONTROLS[plain])
        ]
        assert same[0] == same[1]
        assert CONTROLS[name].calibrates and not CONTROLS[plain].calibrates


def test_stain_normalisation_and_learning_from_scores_are_of_known_arms() -> None:
    assert CONTROLS.keys() >= STAIN_NORMALISED | LEARN_FROM_SCORES


@pytest.mark.parametrize("adaptation", CONTROLS.values(), ids=CONTROLS)
def test_controls_are_called_alike(adaptation: Adaptation) -> None:
    known = set(adaptation.options)
    if adaptation.name in LEARN_FROM_SCORES:
        known |= {"threshold", "calibration"}
    parameters = inspect.signature(adaptation.load()).parameters
    left = [name for name in parameters if name not in known]
    assert left == list(inspect.signature(Adapt.__call__).parameters)[1:]

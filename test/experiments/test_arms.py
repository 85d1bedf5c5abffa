"""An arm gives what a detector with its adaptation gives, and leaves the shared parts alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from experiments.adaptations.registry import ARMS, LEARN_FROM_SCORES, STAIN_NORMALISED
from experiments.arms import Setup, Trial, prepare, result_row, run_arm, trials
from experiments.cases import Field
from experiments.schedules import PAPER, SHIPPED, SHORT
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.detector import Detector, DetectorSettings
from test.model.builders import CPU, field, tiny_bank, tiny_network

SCHEDULE = AdaptationSettings(epochs=1, learning_rate=1e-3, batch_size=16, max_steps=2)


@cache
def pixels() -> np.ndarray:
    return field(seed=1, size=(240, 280))


def setup() -> Setup:
    network = tiny_network()
    settings = DetectorSettings(
        ARMS["none"], SCHEDULE, 0.5, calibration=Calibration(-1.5), guarded=False
    )
    return Setup(network, tiny_bank(network, 3), settings, CPU, "")


@pytest.mark.parametrize("arm", sorted(ARMS.keys() - STAIN_NORMALISED - LEARN_FROM_SCORES))
def test_arm_is_a_detector_with_its_adaptation(arm: str) -> None:
    shared = setup()
    found = run_arm(shared, prepare(shared, Field(pixels(), 0.25)), Trial(arm))
    alone = setup()
    schedule = replace(SCHEDULE, **ARMS[arm].schedule)
    settings = replace(alone.settings, adaptation=ARMS[arm], schedule=schedule)
    expected = Detector(alone.network, alone.bank, settings, CPU).detect(pixels(), 0.25)
    for name in ("points", "probabilities", "without_adaptation"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.adaptation == expected.adaptation
    assert set(found.seconds) == set(expected.seconds)


def test_arms_do_not_influence_each_other() -> None:
    shared = setup()
    before = {name: value.clone() for name, value in shared.network.state_dict().items()}
    prepared = prepare(shared, Field(pixels(), 0.25))
    first = run_arm(shared, prepared, Trial("none"))
    for arm in ARMS:
        run_arm(shared, prepared, Trial(arm))
    again = run_arm(shared, prepared, Trial("none"))
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    for name, value in shared.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert shared.settings == setup().settings


def test_stain_normalisation_changes_the_scores_and_not_the_places() -> None:
    shared = setup()
    prepared = prepare(shared, Field(pixels(), 0.25))
    found = run_arm(shared, prepared, Trial("macenko"))
    centres = {tuple(point) for point in prepared.image.to_input(prepared.centres)}
    assert {tuple(point) for point in found.points} <= centres and len(found.points) > 1
    assert (found.probabilities != found.without_adaptation).all()


def test_candidates_that_are_given_or_masked() -> None:
    shared, large = setup(), field(seed=4, size=(240, 280))
    everything = prepare(shared, Field(large, 0.25)).centres
    one = everything[0]
    masked = prepare(shared, Field(large, 0.25, masked=one[None])).centres
    far = np.linalg.norm(everything - one, axis=1) > 45
    assert 0 < far.sum() < len(everything)
    np.testing.assert_array_equal(masked, everything[far])
    given = np.array([[50.0, 60.0], [70.0, 20.0]])
    np.testing.assert_array_equal(
        prepare(shared, Field(pixels(), 0.25, centres=given)).centres, given
    )


def test_one_trial_is_enough_where_no_step_is_taken() -> None:
    wanted = trials(["none", "calibrated", "tent"], [0, 1], [SHIPPED, SHORT])
    assert wanted == [
        *(Trial("none", 0, SHIPPED), Trial("calibrated", 0, SHIPPED)),
        *(Trial("tent", seed, schedule) for seed in (0, 1) for schedule in (SHIPPED, SHORT)),
    ]


def test_row_names_the_trial_and_leaves_out_the_curve() -> None:
    shared = setup()
    trial = Trial("paper", 3, PAPER)
    found = run_arm(shared, prepare(shared, Field(pixels(), 0.25)), trial)
    row = result_row(trial, found)
    assert (row["arm"], row["seed"], row["schedule"]) == trial
    assert found.adaptation.curve and "curve" not in row["adaptation"]
    assert row["adaptation"]["steps"] == found.adaptation.steps > 2
    assert len(row["points"]) == len(row["probabilities"]) == len(found.points)

"""An image's way: independent of the images before it, in time, and safe from its adaptation."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from model import detector as detector_module
from model.adaptation import pace
from model.adaptation.base import AdaptationSettings, Adapted, Arm
from model.adaptation.registry import ARMS
from model.candidates import find_candidates
from model.detections import MERGE_RADIUS_UM, MIN_PROBABILITY
from model.detector import WRITING_RESERVE, Detections, Detector, DetectorSettings
from model.network import MitosisNetwork
from model.patches import PATCH_SIZE, PatchCutter, resize
from model.scoring import mitosis_probabilities
from model.target import MAX_KEPT, WIDE
from slide.image import Image
from slide.memory import GIB
from test.model.builders import CPU, field, linear, tiny_detector, tiny_network

FAST: dict[str, Any] = {"learning_rate": 1e-3, "max_steps": 2}  # a rate at which two steps are felt
# An arm that calibrates after another is the sum of the two: one of them is enough.
DIFFERENT = [a for a in ARMS if not a.endswith("-calibrated") or a == "coral-calibrated"]
BLANK = Image(np.full((80, 90, 3), 240, np.uint8), (0.00025, 0.00025), (0.0, 0.0))


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of random weights is no detector: the guard's judgement of it means nothing."""
    monkeypatch.setattr(detector_module, "check_network", lambda *_: [])
    monkeypatch.setattr(detector_module, "check_calibration", lambda *_: [])


def assert_same(first: Detections, second: Detections) -> None:
    for name in ("points", "probabilities", "without_adaptation"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.adaptation == second.adaptation


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(("arm", "cut"), [*((arm, 3) for arm in DIFFERENT), ("paper", 0)])
def test_result_does_not_depend_on_the_images_before(arm: str, cut: int) -> None:
    image = field(seed=1, size=(120, 150))
    detector = tiny_detector(arm, bank_cut=cut, **FAST)
    alone = detector.detect(image)
    for before in (field(seed=2, size=(90, 120)), BLANK, field(seed=3, size=(60, 60), mpp=0.5)):
        detector.detect(before)
    assert_same(detector.detect(image), alone)
    assert_same(tiny_detector(arm, bank_cut=cut, **FAST).detect(image), alone)
    changed = (alone.probabilities != alone.without_adaptation).any()
    # Random weights leave no candidate confident enough to learn from.
    assert changed == (arm not in ("none", "pseudo-labels"))


def test_what_is_reported() -> None:
    """Candidates, probabilities over eight views, merging: each derived a second time."""
    image = field(seed=1)
    network = tiny_network()
    found = tiny_detector("none").detect(image)
    centres = find_candidates(image.pixels)
    near = PatchCutter(image.pixels).cut(centres)
    wide = resize(PatchCutter(image.pixels, WIDE).cut(centres), PATCH_SIZE)
    views = [near, *(torch.rot90(near, turns, (1, 2)) for turns in (1, 2, 3))]
    views += [wide.flip(1), wide.flip(2), wide.transpose(1, 2), wide.transpose(1, 2).flip(1, 2)]
    log_odds = [mitosis_probabilities(network, v, 0, "fp32").double().logit() for v in views]
    expected = torch.stack(log_odds).mean(dim=0).sigmoid().numpy()
    assert found.candidates == len(centres) > len(found.points) > 1
    distance = np.linalg.norm(found.points[:, None] - centres[None], axis=2)
    assert distance.min(axis=1).max() == 0
    np.testing.assert_allclose(found.probabilities, expected[distance.argmin(axis=1)], atol=1e-5)
    assert (np.diff(found.probabilities) <= 0).all()
    apart = np.linalg.norm(found.points[:, None] - found.points[None], axis=2) * 0.25
    assert (apart[~np.eye(len(apart), dtype=bool)] > MERGE_RADIUS_UM).all()
    np.testing.assert_array_equal(found.probabilities, found.without_adaptation)
    assert found.adaptation == {"arm": "none", "fallback": None, "steps": 0, "share_changed": 0}
    assert set(found.seconds) == {"candidates", "patches", "classification", "adaptation"}


def test_faint_points_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, image = tiny_detector("none"), field(seed=1)
    middle = float(np.median(detector.detect(image).probabilities))
    assert middle > MIN_PROBABILITY
    monkeypatch.setattr(detector_module, "MIN_PROBABILITY", middle)
    found = detector.detect(image)
    assert len(found.points) > 0 and (found.probabilities >= np.float32(middle)).all()


@pytest.mark.parametrize("arm", ARMS)
def test_image_without_candidates(arm: str) -> None:
    found = tiny_detector(arm).detect(BLANK)
    assert found.points.shape == (0, 2) and len(found.probabilities) == 0
    assert found.candidates == 0 and found.adaptation["steps"] == 0


def test_other_pixel_size_is_reported_in_the_image_s_pixels() -> None:
    image = field(seed=4, size=(240, 280))
    large = Image(
        image.pixels.repeat(2, axis=0).repeat(2, axis=1), (0.000125, 0.000125), image.origin
    )
    detector = tiny_detector("none")
    found, expected = detector.detect(large), detector.detect(image)
    assert found.rescaled and not expected.rescaled
    strongest = found.points[0]
    distance = np.linalg.norm((expected.points + 0.5) * 2 - 0.5 - strongest, axis=1)
    assert distance.min() < 8 and strongest.max() > 280 / 2
    assert len(found.points) == pytest.approx(len(expected.points), rel=0.2)


# --------------------------------------------------------------------------------------- adaptation


@pytest.mark.usefixtures("unguarded")
def test_account_says_what_was_done() -> None:
    found = tiny_detector("paper", **FAST).detect(field(seed=1))
    account = found.adaptation
    assert account["arm"] == "paper" and account["batch_norm"] == "training"
    assert account["steps"] == account["planned_steps"] == 2
    assert account["target_candidates"] == found.candidates
    assert account["drift"] > 0 and 0 <= account["share_changed"] <= 1
    assert account["fallback"] is None


def test_memory_that_a_detector_takes() -> None:
    """An arm that adapts keeps activations, 256 x 4 x 4 in float32 behind layer 3."""
    limit = 4 * GIB
    without, paper = (tiny_detector(arm).memory_budget(limit) for arm in ("calibrated", "paper"))
    assert without.limit == limit and without.resting < without.working < limit
    assert paper.working - without.working == MAX_KEPT * 256 * 4 * 4 * 4
    assert without.detecting == paper.detecting == (4 + 1 + 4) / 4, "in blocks of 2 x 2 px"
    assert tiny_detector("macenko").memory_budget(limit).detecting == without.detecting + 3
    detector = tiny_detector("none")
    detector.settings = replace(detector.settings, candidates="paper")
    assert detector.memory_budget(limit).detecting == 9


def test_steps_are_told() -> None:
    told: list[tuple[str, int, int]] = []
    tiny_detector("paper-frozen", max_steps=3, batch_size=4).detect(
        field(seed=1), progress=lambda *step: told.append(step)
    )
    assert told == [("adaptation", step, 3) for step in (1, 2, 3)]


def test_adaptation_needs_a_bank() -> None:
    settings = DetectorSettings("paper", AdaptationSettings(), threshold=0.5)
    with pytest.raises(ValueError, match="--adaptation paper needs a source bank"):
        Detector(tiny_network(), None, settings, CPU)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The time that pipeline and adaptation see stands still but where a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(detector_module, "time", clock)
    monkeypatch.setattr(pace, "time", clock)
    yield clock


@pytest.mark.parametrize(
    ("budget", "read", "taken"),
    [
        (WRITING_RESERVE + 3.5, 0.0, 3),
        (WRITING_RESERVE + 3.5, 2.0, 1),
        (1.0, 0.0, 0),
        (99.0, 0.0, 9),
    ],
)
def test_adaptation_ends_within_the_time_budget(
    clock: SimpleNamespace, budget: float, read: float, taken: int
) -> None:
    """Every step lasts a second; reading counts too, and writing has its reserve."""
    detector = tiny_detector("paper-frozen", epochs=9, batch_size=1000)
    detector.settings = replace(detector.settings, time_budget=budget)

    def tick(*_: Any) -> None:
        clock.now += 1

    found = detector.detect(field(seed=1), started=clock.now - read, progress=tick)
    assert found.adaptation["steps"] == taken
    assert found.adaptation["planned_steps"] == 9
    assert len(found.points) > 0


@pytest.mark.usefixtures("unguarded")
def test_steps_of_a_time_budget_can_be_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real clock: within the budget, and --max-steps gives the same to the last bit."""
    image = field(seed=1)
    monkeypatch.setattr(detector_module, "WRITING_RESERVE", 0.0)
    detector = tiny_detector("paper-frozen", epochs=10_000, learning_rate=1e-3)
    whole = detector.settings
    schedule = replace(whole.schedule, max_steps=1)
    detector.settings = replace(whole, schedule=schedule)
    for _ in range(2):  # the first run of a process takes longer
        started = time.monotonic()
        detector.detect(image)
        budget = 1.0 + 3 * (time.monotonic() - started)
    detector.settings = replace(whole, time_budget=budget)
    # The machine may be busy with other things just then: one run of three must do.
    for _ in range(3):
        started = time.monotonic()
        found = detector.detect(image, started)
        lasted = time.monotonic() - started
        if lasted <= 1.05 * budget:
            break
    assert lasted <= 1.05 * budget
    steps = found.adaptation["steps"]
    assert 0 < steps < found.adaptation["planned_steps"]
    again = tiny_detector(
        "paper-frozen", epochs=10_000, learning_rate=1e-3, max_steps=steps
    ).detect(image)
    assert again.adaptation["steps"] == again.adaptation["planned_steps"] == steps
    np.testing.assert_array_equal(again.points, found.points)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)


# ----------------------------------------------------------------------------------------- fallback


def spoiled(how: str) -> Any:
    """An arm that spoils the network."""

    def adapt(network: MitosisNetwork, *_: object) -> Adapted:
        with torch.no_grad():
            last = linear(network.mitosis)
            last.weight.zero_()
            last.bias.copy_(torch.tensor([0.0, math.nan if how == "diverged" else 9.0]))
        return Adapted(network, {"steps": 1})

    return adapt


@pytest.mark.parametrize("how", ["diverged", "collapsed"])
def test_spoiled_network_is_not_used(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setitem(ARMS, "paper", Arm(spoiled(how)))
    detector = tiny_detector("paper")
    with torch.no_grad():  # a network that calls nothing mitotic
        linear(detector._network.mitosis).bias.copy_(torch.tensor([0.5, -0.5]))
    found = detector.detect(field(seed=1))
    assert f"adaptation {how}: " in found.adaptation["fallback"]
    assert len(found.points) > 0
    np.testing.assert_array_equal(found.probabilities, found.without_adaptation)
    detector.settings = replace(detector.settings, adaptation="none")
    expected = detector.detect(field(seed=1))
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_refused_network_is_looked_at_in_one_view_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[MitosisNetwork] = []
    eight_views = Detector._eight_views

    def watched(self: Detector, network: MitosisNetwork, *rest: Any) -> np.ndarray:
        looked.append(network)
        return eight_views(self, network, *rest)

    monkeypatch.setattr(Detector, "_eight_views", watched)
    monkeypatch.setitem(ARMS, "paper", Arm(spoiled("collapsed")))
    detector = tiny_detector("paper")
    detector.detect(field(seed=1))
    assert looked == [detector._network]
    detector.settings = replace(detector.settings, guarded=False)
    detector.detect(field(seed=1))
    assert len(looked) == 3 and looked[2] is not detector._network


def test_rate_that_makes_the_loss_overflow_falls_back() -> None:
    found = tiny_detector("paper-frozen", learning_rate=1e30, epochs=2).detect(field(seed=1))
    assert (
        found.adaptation["fallback"]
        == "adaptation diverged: losses or probabilities are not finite"
    )
    assert found.adaptation["steps"] < found.adaptation["planned_steps"]
    np.testing.assert_array_equal(found.probabilities, found.without_adaptation)

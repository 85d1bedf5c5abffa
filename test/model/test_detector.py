"""An image's way: independent of the images before it, in time, and safe from its adaptation."""

from __future__ import annotations

import doctest
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from model import clock as clock_module
from model import detector as detector_module
from model import scoring
from model.adaptation import pace
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.record import AdaptationRecord
from model.adaptation.registry import ADAPTATIONS, Adaptation, find_adaptation
from model.candidates import DEFAULT, PAPER, find_candidates
from model.clock import WRITING_RESERVE
from model.detections import MERGE_RADIUS_UM, MIN_PROBABILITY, Detections
from model.detector import Detector, DetectorSettings
from model.network import MitosisNetwork
from model.patches import PATCH_SIZE, PatchCutter, resize
from model.scoring import mitosis_probabilities
from model.target import MAX_KEPT, WIDE
from slide.memory import GIB
from slide.read import read_image
from slide.tissue import Kind
from test.model.builders import CPU, field, linear, tiny_detector, tiny_network

ROOT = Path(__file__).resolve().parents[2]
FAST: dict[str, Any] = {"learning_rate": 1e-3, "max_steps": 2}  # a rate at which two steps are felt
BLANK = np.full((80, 90, 3), 240, np.uint8)
UNGUARDED = {"guarded": False}  # the guard's judgement of random weights means nothing


def assert_same(first: Detections, second: Detections) -> None:
    for name in ("points", "probabilities", "without_adaptation"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.adaptation == second.adaptation


def test_example_of_the_documentation_runs() -> None:
    image = read_image(ROOT / "test" / "images" / "rendered.tiff")
    example = doctest.DocTestParser().get_doctest(
        str(detector_module.__doc__), {"pixels": image.pixels[:400, :400]}, "detector", None, 0
    )
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(example, out=lambda _: None) == doctest.TestResults(0, len(example.examples))
    assert len(example.examples) >= 4


@pytest.mark.parametrize(("name", "cut"), [*((name, 3) for name in ADAPTATIONS), ("paper", 0)])
def test_result_does_not_depend_on_the_images_before(name: str, cut: int) -> None:
    pixels = field(seed=1, size=(120, 150))
    detector = tiny_detector(name, bank_cut=cut, settings=UNGUARDED, **FAST)
    alone = detector.detect(pixels, 0.25)
    for before, mpp in (
        (field(seed=2, size=(90, 120)), 0.25),
        (BLANK, 0.25),
        (field(seed=3, size=(60, 60), mpp=0.5), 0.5),
    ):
        detector.detect(before, mpp)
    assert_same(detector.detect(pixels, 0.25), alone)
    other = tiny_detector(name, bank_cut=cut, settings=UNGUARDED, **FAST)
    assert_same(other.detect(pixels, 0.25), alone)
    changed = (alone.probabilities != alone.without_adaptation).any()
    assert changed == (name != "none")


def test_what_is_reported() -> None:
    """Candidates, probabilities over eight views, merging: each derived a second time."""
    pixels = field(seed=1)
    network = tiny_network()
    found = tiny_detector("none").detect(pixels, 0.25)
    centres = find_candidates(pixels)
    near = PatchCutter(pixels).cut(centres)
    wide = resize(PatchCutter(pixels, WIDE).cut(centres), PATCH_SIZE)
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
    assert found.adaptation == AdaptationRecord(name="none", share_changed=0)
    assert set(found.seconds) == {"candidates", "patches", "classification", "adaptation"}


def test_faint_points_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, pixels = tiny_detector("none"), field(seed=1)
    middle = float(np.median(detector.detect(pixels, 0.25).probabilities))
    assert middle > MIN_PROBABILITY
    monkeypatch.setattr("model.detections.MIN_PROBABILITY", middle)
    found = detector.detect(pixels, 0.25)
    assert len(found.points) > 0 and (found.probabilities >= np.float32(middle)).all()


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_image_without_candidates(name: str) -> None:
    found = tiny_detector(name).detect(BLANK, 0.25)
    assert found.points.shape == (0, 2) and len(found.probabilities) == 0
    assert found.candidates == 0 and found.adaptation == AdaptationRecord(name=name)


def test_other_pixel_size_is_reported_in_the_image_s_pixels() -> None:
    pixels = field(seed=4, size=(240, 280))
    large = pixels.repeat(2, axis=0).repeat(2, axis=1)
    detector = tiny_detector("none")
    found, expected = detector.detect(large, 0.125), detector.detect(pixels, (0.25, 0.25))
    assert found.rescaled and not expected.rescaled
    strongest = found.points[0]
    distance = np.linalg.norm((expected.points + 0.5) * 2 - 0.5 - strongest, axis=1)
    assert distance.min() < 8 and strongest.max() > 280 / 2
    assert len(found.points) == pytest.approx(len(expected.points), rel=0.2)


# --------------------------------------------------------------------------------------- adaptation


def test_record_says_what_was_done() -> None:
    found = tiny_detector("paper", settings=UNGUARDED, **FAST).detect(field(seed=1), 0.25)
    record = found.adaptation
    assert (record.name, record.batch_norm, record.fallback) == ("paper", "training", None)
    assert record.steps == record.planned_steps == 2
    assert record.target_candidates == found.candidates
    assert record.drift is not None and record.drift > 0 and record.drift_by_layer
    assert record.share_changed is not None and 0 <= record.share_changed <= 1
    assert [check.name for check in record.guard] == [
        *("candidates", "share_mitotic", "accuracy_loss", "share_at_threshold")
    ]


def test_diagnostics_are_recorded_on_request() -> None:
    for wanted in (False, True):
        detector = tiny_detector("paper", settings={"diagnostics": wanted}, **FAST)
        record = detector.detect(field(seed=1), 0.25).adaptation
        assert (record.proxy_a_distance_before is not None) == wanted


def test_memory_that_a_detector_takes() -> None:
    """An adaptation of the network keeps activations, 256 x 4 x 4 in float32 behind layer 3."""
    limit = 4 * GIB
    without, paper = (tiny_detector(name).memory_budget(limit) for name in ("calibrated", "paper"))
    assert without.limit == limit and without.resting < without.working < limit
    assert paper.working - without.working == MAX_KEPT * 256 * 4 * 4 * 4
    assert without.detecting == paper.detecting == DEFAULT.bytes_per_pixel
    detector = tiny_detector("none", settings={"candidates": "paper"})
    assert detector.memory_budget(limit).detecting == PAPER.bytes_per_pixel


def test_steps_are_reported() -> None:
    reported: list[tuple[str, int, int]] = []
    tiny_detector("gradient-reversal", max_steps=3, batch_size=4).detect(
        field(seed=1), 0.25, progress=lambda *step: reported.append(step)
    )
    assert reported == [("adaptation", step, 3) for step in (1, 2, 3)]


def test_adaptation_needs_a_bank() -> None:
    settings = DetectorSettings(find_adaptation("paper"), AdaptationSettings(), threshold=0.5)
    with pytest.raises(ValueError, match="--adaptation paper needs a source bank"):
        Detector(tiny_network(), None, settings, CPU)


def test_calibration_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="--adaptation calibrated needs a calibration"):
        tiny_detector("calibrated", settings={"calibration": None})


def test_shipped_detector_can_be_loaded_with_other_settings() -> None:
    detector = Detector.load(adaptation="none", threshold=0.25, seed=7, candidates="paper")
    settings = detector.settings
    assert (settings.adaptation.name, settings.threshold) == ("none", 0.25)
    assert (settings.schedule.seed, settings.candidates) == (7, "paper")
    assert detector.bank is None and len(detector.weights_sha256) == 64


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The time that detector and adaptation see stands still but where a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(clock_module, "time", clock)
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
    detector = tiny_detector(epochs=9, batch_size=1000, settings={"time_budget": budget})

    def tick(*_: Any) -> None:
        clock.now += 1

    found = detector.detect(field(seed=1), 0.25, started=clock.now - read, progress=tick)
    assert (found.adaptation.steps, found.adaptation.planned_steps) == (taken, 9)
    assert len(found.points) > 0


def test_steps_of_a_time_budget_can_be_taken_again(clock: SimpleNamespace) -> None:
    """--max-steps gives the same as the budget, to the last bit."""
    pixels = field(seed=1)
    schedule: dict[str, Any] = {"epochs": 100, "learning_rate": 1e-3}

    def tick(*_: Any) -> None:
        clock.now += 1

    limited = tiny_detector(settings=UNGUARDED | {"time_budget": WRITING_RESERVE + 5}, **schedule)
    found = limited.detect(pixels, 0.25, started=clock.now, progress=tick)
    assert found.adaptation.steps == 5 and not found.adaptation.complete
    again = tiny_detector(settings=UNGUARDED, max_steps=5, **schedule).detect(pixels, 0.25)
    assert again.adaptation.steps == again.adaptation.planned_steps == 5
    np.testing.assert_array_equal(again.points, found.points)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)


# ----------------------------------------------------------------------------------------- fallback


def diverge(network: MitosisNetwork, *_: object) -> Adapted:
    """An adaptation whose network answers NaN."""
    return _with_bias(network, math.nan)


def collapse(network: MitosisNetwork, *_: object) -> Adapted:
    """An adaptation whose network calls everything mitotic."""
    return _with_bias(network, 9.0)


def _with_bias(network: MitosisNetwork, mitotic: float) -> Adapted:
    with torch.no_grad():
        last = linear(network.mitosis)
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, mitotic]))
    return Adapted(network, {"steps": 1})


def harmful(how: str) -> Adaptation:
    return Adaptation(how, "harmful", f"test.model.test_detector:{how}")


def quiet_network() -> MitosisNetwork:
    """A network that calls nothing mitotic."""
    network = tiny_network()
    with torch.no_grad():
        linear(network.mitosis).bias.copy_(torch.tensor([0.5, -0.5]))
    return network


@pytest.mark.parametrize("how", ["diverge", "collapse"])
def test_harmful_adaptation_is_not_used(how: str) -> None:
    found = tiny_detector(harmful(how), network=quiet_network()).detect(field(seed=1), 0.25)
    assert f"adaptation {how}d: " in str(found.adaptation.fallback)
    assert len(found.points) > 0
    np.testing.assert_array_equal(found.probabilities, found.without_adaptation)
    expected = tiny_detector("none", network=quiet_network()).detect(field(seed=1), 0.25)
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


@pytest.mark.parametrize(("guarded", "passes"), [(True, 1), (False, 2)])
def test_refused_network_is_asked_for_one_view_only(
    monkeypatch: pytest.MonkeyPatch, guarded: bool, passes: int
) -> None:
    asked: list[MitosisNetwork] = []
    all_views = scoring.score_all_views

    def watched(network: MitosisNetwork, *rest: Any) -> np.ndarray:
        asked.append(network)
        return all_views(network, *rest)

    for module in ("model.scoring", "model.adaptation.guard"):
        monkeypatch.setattr(f"{module}.score_all_views", watched)
    detector = tiny_detector(
        harmful("collapse"), network=quiet_network(), settings={"guarded": guarded}
    )
    detector.detect(field(seed=1), 0.25)
    assert len(asked) == passes and asked[0] is detector.network
    assert all(network is not detector.network for network in asked[1:])


def test_rate_that_makes_the_loss_overflow_falls_back() -> None:
    record = tiny_detector("paper", learning_rate=1e30, epochs=2).detect(field(seed=1), 0.25)
    adaptation = record.adaptation
    assert adaptation.fallback == "adaptation diverged: losses or probabilities are not finite"
    assert adaptation.planned_steps is not None and adaptation.steps < adaptation.planned_steps
    np.testing.assert_array_equal(record.probabilities, record.without_adaptation)


def test_colours_that_tissue_lacks_are_measured_in_margins_too() -> None:
    """Half of an image in another order of channels, as after a lost byte, is such a margin."""
    pixels = field(seed=1, size=(300, 400))
    pixels[:, 200:] = pixels[:, 200:, [1, 2, 0]]
    found = tiny_detector("none").detect(pixels, 0.25).tissue
    assert found is not None and found.kinds.shape[1] < 400 / 16
    assert found.whole_mm2(Kind.PEN) == pytest.approx(300 * 200 * 0.25**2 / 1e6, rel=0.15)


@pytest.mark.parametrize("mpp", [0.25, 0.4])
def test_margins_of_glass_and_black_change_nothing(mpp: float) -> None:
    """Adapted, calibrated and scored alike, at its place in the larger image."""
    tissue = field(seed=1, size=(230, 310), mpp=mpp)
    noise = np.random.default_rng(0).normal(236, 3, (700, 800, 3))
    pixels = np.pad(noise.clip(0, 255).astype(np.uint8), ((33, 33), (20, 50), (0, 0)))
    pixels[190:420, 97:407] = tissue
    detector = tiny_detector("gradient-reversal", settings=UNGUARDED, **FAST)
    bare, found = detector.detect(tissue, mpp), detector.detect(pixels, mpp)
    assert len(bare.points) > 10 and bare.adaptation.log_odds_shift
    assert_same(found, replace(bare, points=bare.points + np.array([97, 190])))
    assert bare.appearance is not None and found.appearance is not None
    assert found.appearance.area_mm2 == bare.appearance.area_mm2
    ratio = tissue.size / pixels.size
    assert found.appearance.share == pytest.approx(bare.appearance.share * ratio)
    assert bare.tissue is not None and found.tissue is not None
    height, width = pixels.shape[:2]
    place = (97 / width, 190 / height, (97 + 310) / width, (190 + 230) / height)
    area = found.tissue.area_mm2
    assert found.tissue.area_mm2_within(*place) == pytest.approx(area, rel=1e-6)
    assert found.tissue.area_mm2_within(0, 0, 1, place[1]) == pytest.approx(0, abs=area / 1e6)
    left = found.tissue.area_mm2_within(*place[:2], (97 + 155) / width, place[3])
    assert left == pytest.approx(bare.tissue.area_mm2_within(0, 0, 0.5, 1))

"""What must hold for any input of candidates, patches, merging, the result's forms and names."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from batch.challenge_json import (
    FORMATS,
    MITOTIC_FIGURE,
    NON_MITOTIC_FIGURE,
    Format,
    mitotic_figures,
)
from batch.layout import SUMMARY_FILE, output_names
from batch.writing import write_json
from model.candidates import CandidateSettings, find_candidates
from model.detections import merge
from model.patches import PATCH_SIZE, PatchCutter
from test.container.conftest import strict_json

SCHEMAS = Path(__file__).parents[1] / "schemas"
RADIUS = 5.0  # whole, as the coordinates are, so that no distance is rounded over it
# The same examples at every run: a failure is the change's, not the day's.
steady = settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip

few = settings(steady, max_examples=50)  # where each writes a file through to the disk


# --------------------------------------------------------------------------------------- candidates


@st.composite
def pictures(draw: st.DrawFn, largest: int = 40) -> np.ndarray:
    """(height, width, 3) uint8: few colours in random places, so that there are regions."""
    colours = draw(arrays(np.uint8, (3, 3)))
    shape = draw(st.tuples(st.integers(1, largest), st.integers(1, largest)))
    generator = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    coarse = generator.choice(3, (shape[0] // 3 + 1, shape[1] // 3 + 1), p=(0.7, 0.2, 0.1))
    fine = np.kron(coarse, np.ones((3, 3), int))[: shape[0], : shape[1]]
    return np.ascontiguousarray(colours[fine])


# With such deviations no colour lies exactly at the threshold.
candidate_settings = st.builds(
    CandidateSettings,
    ratio=st.sampled_from(("simple", "full")),
    deviations=st.sampled_from((0.7312, 1.3718, 2.6161)),
    peak_deviations=st.sampled_from((0.0, 1.8317)),
    window=st.integers(1, 4),
    min_area=st.integers(1, 40),
    max_side=st.integers(1, 60),
    over=st.just("image"),  # such pictures are not tissue
)


@steady
@given(pixels=pictures(), chosen=candidate_settings)
def test_candidates_lie_in_the_image_apart_from_each_other(
    pixels: np.ndarray, chosen: CandidateSettings
) -> None:
    height, width = pixels.shape[:2]
    before = pixels.copy()
    centres = find_candidates(pixels, chosen)
    assert centres.dtype == np.float32 and centres.ndim == 2 and centres.shape[1] == 2
    assert np.array_equal(pixels, before), "the image is not changed"
    assert ((centres >= 0) & (centres <= (width - 1, height - 1))).all()
    assert len(centres) * chosen.min_area <= height * width


@steady
@given(pixels=pictures(), chosen=candidate_settings)
def test_a_mirrored_image_has_mirrored_candidates(
    pixels: np.ndarray, chosen: CandidateSettings
) -> None:
    height, width = pixels.shape[:2]
    found = find_candidates(pixels, chosen)
    for flipped, mirror in (
        (pixels[:, ::-1], lambda c: (width - 1 - c[:, 0], c[:, 1])),
        (pixels[::-1], lambda c: (c[:, 0], height - 1 - c[:, 1])),
        (pixels.transpose(1, 0, 2), lambda c: (c[:, 1], c[:, 0])),
    ):
        other = find_candidates(np.ascontiguousarray(flipped), chosen)
        back = np.stack(mirror(other), axis=1)
        assert _in_order(back) == pytest.approx(_in_order(found), abs=1e-4)


def _in_order(points: np.ndarray) -> np.ndarray:
    rounded = points.round(3)
    return points[np.lexsort(rounded.T)]


# ------------------------------------------------------------------------------------------ patches


@steady
@given(pixels=pictures(90), data=st.data())
def test_patches_pixel_by_pixel(pixels: np.ndarray, data: st.DataObject) -> None:
    height, width = pixels.shape[:2]
    places = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    centres = data.draw(st.lists(places, max_size=4))
    jitter = data.draw(st.floats(-0.49, 0.49))
    cut = PatchCutter(pixels).cut(np.array(centres, np.float32).reshape(-1, 2) + jitter)
    assert tuple(cut.shape) == (len(centres), PATCH_SIZE, PATCH_SIZE, 3)
    offsets = np.arange(PATCH_SIZE) - PATCH_SIZE // 2
    for patch, (x, y) in zip(cut.numpy(), centres, strict=True):
        rows, columns = _mirrored(y + offsets, height), _mirrored(x + offsets, width)
        assert np.array_equal(patch, pixels[np.ix_(rows, columns)])


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Places beyond the border, the border's own pixel first: 1 0 | 0 1 2 | 2 1."""
    wrapped = index % (2 * length)
    return np.where(wrapped < length, wrapped, 2 * length - 1 - wrapped)


# ------------------------------------------------------------------------------------------ merging


@steady
@given(
    found=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from((0.1, 0.5, 0.9))),
        max_size=40,
    ),
    order=st.randoms(use_true_random=False),
)
def test_merging(found: list[tuple[int, int, float]], order: random.Random) -> None:
    points = np.array([f[:2] for f in found], np.float64).reshape(-1, 2)
    probabilities = np.array([f[2] for f in found], np.float32)
    kept = merge(points, probabilities, RADIUS)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(probabilities[kept]) <= 0).all(), "the most probable first"
    apart = np.linalg.norm(points[kept, None] - points[None, kept], axis=-1)
    assert (apart[~np.eye(len(kept), dtype=bool)] > RADIUS).all(), "one point a figure"
    for point, probability in zip(points, probabilities, strict=True):
        near = np.linalg.norm(points[kept] - point, axis=1) <= RADIUS
        assert (probabilities[kept][near] >= probability).any(), "none is lost but to a better one"
    shuffled = list(range(len(found)))
    order.shuffle(shuffled)
    again = merge(points[shuffled], probabilities[shuffled], RADIUS)
    assert points[shuffled][again].tolist() == points[kept].tolist(), "in whatever order they came"


# ------------------------------------------------------------------------------------------- output


millimetres = st.floats(0, 10)  # what the evaluation of 2025 takes


@pytest.mark.parametrize("form", FORMATS)
@few
@given(
    points=st.lists(st.tuples(millimetres, millimetres, st.floats(0, 1, width=32)), max_size=30),
    threshold=st.floats(0, 1),
)
def test_every_result_is_of_the_years_form(
    tmp_path: Path, form: Format, points: list[tuple[float, float, float]], threshold: float
) -> None:
    places = np.array([p[:2] for p in points], np.float64).reshape(-1, 2)
    probabilities = np.array([p[2] for p in points], np.float64)
    content = mitotic_figures(places, probabilities, threshold, form)
    write_json(tmp_path / "figures.json", content)
    read = strict_json(tmp_path / "figures.json")
    jsonschema.Draft202012Validator(strict_json(SCHEMAS / f"{form}.json")).validate(read)
    positive = [p >= threshold for _, _, p in points]
    expected = [p for p, yes in zip(points, positive, strict=True) if yes or form != "2021"]
    assert [entry["point"] for entry in read["points"]] == [[x, y, 0.0] for x, y, _ in expected]
    if form != "2021":
        names = [MITOTIC_FIGURE if yes else NON_MITOTIC_FIGURE for yes in positive]
        assert [entry["name"] for entry in read["points"]] == names
        assert [entry["probability"] for entry in read["points"]] == [p for _, _, p in points]


@few
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_what_is_written_is_read_back(tmp_path: Path, content: object) -> None:
    write_json(tmp_path / "file.json", content)
    assert json.loads((tmp_path / "file.json").read_bytes()) == content
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


# ------------------------------------------------------------------------------------------- names


stems = st.sampled_from(("a", "A", "a.tif", "a.tif-2", ".", "..", SUMMARY_FILE, "ß", "SS")) | (
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8)
)
file_names = st.builds(lambda stem, suffix: stem + suffix, stems, st.sampled_from((".tif", ".mha")))


@steady
@given(names=st.lists(st.tuples(st.sampled_from(("in", "in/images")), file_names), unique=True))
def test_each_image_has_a_folder_of_its_own_in_the_output(names: list[tuple[str, str]]) -> None:
    images = [Path(folder) / name for folder, name in names]
    folders = output_names(images)
    assert len(folders) == len(images)
    if len(images) == 1:
        assert folders == [""]
        return
    assert len({name.casefold() for name in folders}) == len(folders)
    for name in folders:
        assert name not in ("", ".", "..") and "/" not in name and "\0" not in name
        assert name.casefold() != SUMMARY_FILE

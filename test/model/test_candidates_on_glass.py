"""Candidates do not depend on what lies around the tissue: glass, black borders and pen marks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial import cKDTree

from model.candidates import DEFAULT, PAPER, PAPER_LITERAL, CandidateSettings, find_candidates
from test.make_rendered_image import SAMPLE
from test.slide.test_tissue import BLUE, GREEN, glass

NEAR_PX = 4.0  # 1 µm
ALLOWED, FEW = 0.02, 2  # share of candidates lost, and of new ones; along the edge of small pieces
DATA = os.environ.get("MITOSIS_DATA")
FIELDS = ("fields_a/images/A01_05.jpg", "fields_a/images/A02_02.jpg", "fields_a/images/A03_02.jpg")

steady = settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
both_settings = pytest.mark.parametrize("chosen", [DEFAULT, PAPER], ids=["default", "paper"])


@pytest.fixture(scope="module")
def rendered() -> np.ndarray:
    """(500, 700, 3) uint8 of the sample image."""
    return np.ascontiguousarray(tifffile.imread(SAMPLE)[300:800, 200:900])


def margins(size: tuple[int, int], share: float, side: str) -> tuple[int, int, int, int]:
    """px of glass at top, bottom, left and right, so that it is this share of the image."""
    height, width = size
    if side == "around":
        more = (1 / (1 - share)) ** 0.5 - 1
        top, left = int(height * more * 0.3), int(width * more * 0.6)
        return top, int(height * more) - top, left, int(width * more) - left
    length = height if side in ("top", "bottom") else width
    glass_px = round(length * share / (1 - share))
    return tuple(glass_px if side == name else 0 for name in ("top", "bottom", "left", "right"))  # type: ignore[return-value]


surroundings = st.fixed_dictionaries(
    {
        "share": st.sampled_from((0.005, 0.01, 0.03)) | st.floats(0.05, 0.9),
        "side": st.sampled_from(("top", "bottom", "left", "right", "around")),
        "level": st.integers(180, 255),
        "noise": st.floats(0, 4),
        "border": st.sampled_from((0, 0, 1, 20, 64, 150)),
        "pen": st.sampled_from((None, BLUE, GREEN, (25, 25, 30))),
    }
)


def surrounded(
    tissue: np.ndarray,
    share: float,
    side: str,
    level: float,
    noise: float,
    border: int = 0,
    pen: tuple[int, int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The tissue with glass, a pen mark where there is room, and a black border; its place x, y."""
    height, width = tissue.shape[:2]
    top, bottom, left, right = margins((height, width), share, side)
    pixels = glass((top + height + bottom, left + width + right), level, noise)
    pixels[top : top + height, left : left + width] = tissue
    if pen is not None and top > 120:
        pixels[20:90] = pen
    if pen is not None and right > 120:
        pixels[:, -90:-20] = pen
    pixels = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    return pixels, np.array([left + border, top + border])


def check(tissue: np.ndarray, chosen: CandidateSettings, **around: object) -> None:
    """At most 2 % of the bare tissue's candidates are lost, and as many new."""
    bare = find_candidates(tissue, chosen)
    pixels, place = surrounded(tissue, **around)  # type: ignore[arg-type]
    found = find_candidates(pixels, chosen) - place
    lost = cKDTree(found).query(bare)[0] > NEAR_PX
    new = cKDTree(bare).query(found)[0] > NEAR_PX
    allowed = max(ALLOWED * len(bare), FEW)
    assert len(bare) > 15
    assert lost.sum() <= allowed, f"{lost.sum()} of {len(bare)} lost"
    assert new.sum() <= allowed, f"{new.sum()} new beside {len(bare)}"


@both_settings
@steady
@given(around=surroundings)
def test_any_surroundings(
    rendered: np.ndarray, chosen: CandidateSettings, around: dict[str, object]
) -> None:
    check(rendered, chosen, **around)


@both_settings
@pytest.mark.parametrize("share", [0.97, 0.99])
def test_a_little_tissue_on_a_lot_of_glass(
    rendered: np.ndarray, chosen: CandidateSettings, share: float
) -> None:
    tissue = np.ascontiguousarray(rendered[:301, :402])
    check(tissue, chosen, share=share, side="around", level=215, noise=3, border=40)


@pytest.mark.parametrize("noise", [0.0, 4.0])
@pytest.mark.parametrize("level", [180, 243])
@both_settings
def test_glass_alone_has_no_candidate(
    chosen: CandidateSettings, level: float, noise: float
) -> None:
    assert len(find_candidates(glass((600, 800), level, noise), chosen)) == 0


def test_the_literal_statistic_depends_on_glass(rendered: np.ndarray) -> None:
    bare = find_candidates(rendered, PAPER_LITERAL)
    pixels, _ = surrounded(rendered, 0.9, "right", 243, 2)
    assert abs(len(find_candidates(pixels, PAPER_LITERAL)) / len(bare) - 1) > 0.3


def test_nothing_is_found_in_pen_marks_and_black(rendered: np.ndarray) -> None:
    pixels = rendered.copy()
    pixels[200:300] = BLUE
    pixels[220:280:16, ::16] = (90, 40, 110)
    pixels[:, :100] = glass((500, 100), 0, 4)
    found = find_candidates(pixels)
    assert len(found) > 50
    assert (found[:, 0] > 100).all()
    assert not ((found[:, 1] > 200) & (found[:, 1] < 299)).any()


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
@pytest.mark.parametrize(("file", "share"), list(zip(FIELDS, (0.01, 0.5, 0.8), strict=True)))
@both_settings
def test_real_fields(chosen: CandidateSettings, file: str, share: float) -> None:
    tissue = np.asarray(Image.open(Path(str(DATA)) / file).convert("RGB"))
    check(tissue, chosen, share=share, side="around", level=236, noise=2, border=33, pen=GREEN)


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
@pytest.mark.parametrize("file", FIELDS)
def test_small_pieces_of_real_fields(file: str) -> None:
    tissue = np.asarray(Image.open(Path(str(DATA)) / file).convert("RGB"))[700:1117, 801:1204]
    check(tissue, DEFAULT, share=0.97, side="around", level=236, noise=2)


MARKS = {
    "a blue pixel": ((300, 301), (350, 351), (0, 0, 255)),
    "a blue square": ((300, 316), (350, 366), (0, 0, 254)),
    "a dark blue square": ((300, 316), (350, 366), (0, 0, 100)),
    "a line of ink": ((250, 253), (0, 700), (30, 30, 140)),
}


@both_settings
@pytest.mark.parametrize("mark", MARKS)
def test_marks_on_the_pixels_hide_no_candidate(
    rendered: np.ndarray, mark: str, chosen: CandidateSettings
) -> None:
    (top, bottom), (left, right), colour = MARKS[mark]
    marked = rendered.copy()
    marked[top:bottom, left:right] = colour
    bare, found = (find_candidates(pixels, chosen) for pixels in (rendered, marked))
    nearest = np.clip(bare, (left, top), (right, bottom))
    away = bare[np.linalg.norm(bare - nearest, axis=1) > 60]  # two cells of the map and a nucleus
    distance, _ = cKDTree(found).query(away)
    # Tissue under a line no longer counts, so the threshold of so small an image moves a little.
    assert len(away) > 20 and (distance > NEAR_PX).sum() <= max(2 * ALLOWED * len(away), FEW)
    inside = ((found > (left, top)) & (found < (right, bottom))).all(axis=1)
    assert not inside.any()


def test_a_mark_hides_candidates_of_the_paper_s_literal_statistic(rendered: np.ndarray) -> None:
    marked = rendered.copy()
    marked[300:316, 350:366] = (0, 0, 254)
    counts = [len(find_candidates(pixels, PAPER_LITERAL)) for pixels in (rendered, marked)]
    assert counts[1] < counts[0] / 2

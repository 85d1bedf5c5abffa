"""The whole fields' adapter: what becomes a figure, a negative, or neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.candidates import find_candidates
from test.builders import FIELD_FIGURE
from training.crops import FIGURE_RADIUS
from training.icpr_2012 import PAINT_RADIUS, PARIS, add_fields, field_figures, field_images
from training.samples import NO_DOMAIN, Samples

DOMAINS = ["aperio_cs2_utrecht", PARIS]


def test_whole_fields(data: Path) -> None:
    samples = Samples(DOMAINS)
    add_fields(samples, data, {"A00", "A02"})
    assert [image.slide for image in samples.images] == ["A00", "A02", "H00", "H02"]
    figures = samples.mitotic
    np.testing.assert_allclose(samples.centres[figures], FIELD_FIGURE.repeat(2, axis=0))
    assert set(samples.domain[figures]) == {DOMAINS.index(PARIS)}
    assert np.isinf(samples.borders).all()
    for number, radius in ((0, FIGURE_RADIUS), (1, FIGURE_RADIUS), (2, PAINT_RADIUS)):
        negatives = samples.centres[(samples.image == number) & ~figures]
        assert len(negatives) > 5
        assert np.hypot(*(negatives - FIELD_FIGURE).T).min() > radius
    of_h = samples.image >= 2
    assert (samples.domain[of_h] == NO_DOMAIN).all() and not figures[of_h].any()


def test_whole_fields_without_their_figures(data: Path) -> None:
    """The control for the seam: they are not negatives either."""
    samples = Samples(DOMAINS)
    add_fields(samples, data, {"A00"}, figures_as_positives=False)
    assert not samples.mitotic.any()
    assert np.hypot(*(samples.centres - FIELD_FIGURE).T).min() > FIGURE_RADIUS


# ------------------------------------------------------------------------------------ the real data


def test_real_figures(real_data: Path) -> None:
    figures = field_figures(real_data, "fields_a")
    assert sum(map(len, figures.values())) == 184
    assert sum(len(here) for name, here in figures.items() if name[:3] == "A03") == 82


def test_real_fields(real_data: Path) -> None:
    for folder, letter, shape in (("fields_a", "A", (2084, 2084)), ("fields_h", "H", (2250, 2252))):
        assert len(list((real_data / folder / "images").glob("*.jpg"))) == 28
        slides = {f"{letter}00"}
        images = field_images(real_data, folder, slides)
        assert {image.slide for image in images} == slides
        assert all(image.pixels.shape == (*shape, 3) for image in images)


def test_every_real_figure_of_a_training_slide_is_near_a_candidate(real_data: Path) -> None:
    """Recall of the candidates is the ceiling of the detector: slide A00, 7.5 µm are 30.5 px."""
    figures = field_figures(real_data, "fields_a")
    found = []
    for image in field_images(real_data, "fields_a", {"A00"})[:3]:
        candidates = find_candidates(image.pixels)
        for figure in figures.get(image.file, np.zeros((0, 2))):
            found.append(np.hypot(*(candidates - figure).T).min())
    assert len(found) > 5 and max(found) <= 7.5 / 0.2456

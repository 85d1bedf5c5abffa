"""The data set adapter: what becomes a figure, a negative, or neither."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.candidates import find_candidates
from test.builders import FIELD_FIGURE
from training.ami_br import (
    CROP_DOMAINS,
    FIGURE_RADIUS,
    MAX_BLACK_PADDING,
    PAINT_RADIUS,
    PARIS,
    add_crops,
    add_fields,
    field_figures,
    field_images,
    read_table,
)
from training.samples import NO_DOMAIN, Samples

DOMAINS = [*CROP_DOMAINS.values(), PARIS]


def crops(data: Path, **options: frozenset[str]) -> Samples:
    samples = Samples(DOMAINS)
    add_crops(samples, data, **options)
    return samples


def test_a_figure_in_the_middle_of_each_crop(data: Path) -> None:
    samples = crops(data)
    assert len(samples.images) == 20
    figures = samples.mitotic
    assert figures.sum() == 20 and (samples.centres[figures] == 64).all()
    assert np.bincount(samples.domain[figures]).tolist() == [4, 4, 4, 4, 4]
    assert samples.images[0].slide == "rendered_000.tiff"


def test_negatives_of_a_crop_are_the_other_candidates(data: Path) -> None:
    samples = crops(data)
    for number, image in enumerate(samples.images):
        found = samples.centres[(samples.image == number) & ~samples.mitotic]
        candidates = find_candidates(image.pixels)
        far = np.hypot(*(candidates - 64).T) > FIGURE_RADIUS
        np.testing.assert_array_equal(found, candidates[far])
    assert (~samples.mitotic).sum() > 20


def test_samples_of_crops_are_mirrored_at_the_crop_s_border(data: Path) -> None:
    samples = crops(data)
    x, y = samples.centres.T
    expected = np.stack([x, 127 - x, y, 127 - y], axis=1)
    np.testing.assert_allclose(samples.borders, expected)


def test_cells_annotated_elsewhere_in_a_crop_are_no_negatives(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "crops", tmp_path / "crops")
    samples = crops(data)
    first = samples.centres[(samples.image == 0) & ~samples.mitotic]
    with (tmp_path / "crops" / "other_annotations.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["crop_0.png", *first[0], "mitosis"])
    fewer = crops(tmp_path)
    left = fewer.centres[(fewer.image == 0) & ~fewer.mitotic]
    assert len(first) - len(left) > 0
    assert len(left) == 0 or np.hypot(*(left - first[0]).T).min() > FIGURE_RADIUS


def test_crops_left_out(data: Path, tmp_path: Path) -> None:
    assert len(crops(data, slides_out=frozenset({"rendered_003.tiff"})).images) == 19
    only = Samples([DOMAINS[1]])
    add_crops(only, data)
    assert len(only.images) == 4 and set(only.domain) == {0}
    shutil.copytree(data / "crops", tmp_path / "crops")
    table = tmp_path / "crops" / "manifest.csv"
    lines = table.read_text().splitlines()
    lines[1], lines[2] = lines[1][:-3] + "0.06", lines[2][:-3] + "0.05"
    table.write_text("\n".join(lines))
    assert len(crops(tmp_path).images) == 19


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
    """The control for the seam: they are no negatives either."""
    samples = Samples(DOMAINS)
    add_fields(samples, data, {"A00"}, figures_as_positives=False)
    assert not samples.mitotic.any()
    assert np.hypot(*(samples.centres - FIELD_FIGURE).T).min() > FIGURE_RADIUS


# ------------------------------------------------------------------------------------ the real data


def test_real_tables(real_data: Path) -> None:
    manifest = read_table(real_data / "crops" / "manifest.csv")
    counts = {name: sum(row["scanner"] == name for row in manifest) for name in CROP_DOMAINS}
    assert counts == {
        "hamamatsu_xr": 451, "hamamatsu_s360": 582, "aperio_cs2": 688, "aperio_xt": 1329,
        "leica_scn400": 670,
    }  # fmt: skip
    assert len(manifest) == 3720
    usable = [r for r in manifest if float(r["black_padding_frac"]) <= MAX_BLACK_PADDING]
    assert len(usable) == 3613, "the others are mostly black padding"
    figures = field_figures(real_data, "fields_a")
    assert sum(map(len, figures.values())) == 184
    of_slide = {s: sum(len(f) for n, f in figures.items() if n[:3] == s) for s in ("A03",)}
    assert of_slide == {"A03": 82}


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


@pytest.mark.parametrize("slide", ["A00"])
def test_real_domains_stay_apart(real_data: Path, slide: str) -> None:
    manifest = read_table(real_data / "crops" / "manifest.csv")
    assert {row["scanner"] for row in manifest} == set(CROP_DOMAINS)
    assert not {f"{row['dataset']}_{row['slide']}" for row in manifest} & {slide}

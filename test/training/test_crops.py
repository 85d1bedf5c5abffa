"""The crops' adapter: what becomes a figure, a negative, or neither."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from model.candidates import find_candidates
from training.crops import (
    AMI_BR,
    CROP_SETS,
    FIGURE_RADIUS,
    SCANNERS,
    add_crops,
    black_padding,
    crop_domains,
)
from training.icpr_2012 import PARIS
from training.samples import Samples
from training.tables import read_table

DOMAINS = [*crop_domains([AMI_BR]), PARIS]


def crops(data: Path) -> Samples:
    samples = Samples(DOMAINS)
    add_crops(samples, data)
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
        csv.writer(file).writerow(["crops_0.png", *first[0], "mitosis"])
    fewer = crops(tmp_path)
    left = fewer.centres[(fewer.image == 0) & ~fewer.mitotic]
    assert len(first) - len(left) > 0
    assert len(left) == 0 or np.hypot(*(left - first[0]).T).min() > FIGURE_RADIUS


def test_crops_of_other_domains_are_left_out(data: Path) -> None:
    only = Samples([DOMAINS[1]])
    add_crops(only, data)
    assert len(only.images) == 4 and set(only.domain) == {0}


def test_crops_with_black_padding_are_left_out(data: Path, tmp_path: Path) -> None:
    """7 of 128 columns are 0.055 of a crop, 6 are 0.047."""
    shutil.copytree(data / "crops", tmp_path / "crops")
    for number, columns in ((0, 7), (1, 6)):
        path = tmp_path / "crops" / "patches" / f"crops_{number}.png"
        pixels = np.array(Picture.open(path))
        pixels[:, :columns] = 0
        Picture.fromarray(pixels).save(path)
        assert black_padding(pixels) == columns / 128
    files = {image.file for image in crops(tmp_path).images}
    assert len(files) == 19 and "crops_0.png" not in files


def test_seven_domains_of_two_crop_sets(data: Path) -> None:
    """The scanner that both sets have in the same laboratory is one domain."""
    domains = crop_domains()
    assert len(domains) == 7 and domains[:5] == crop_domains([AMI_BR])
    samples = Samples(domains)
    add_crops(samples, data, CROP_SETS)
    figures = np.bincount(samples.domain[samples.mitotic]).tolist()
    assert figures == [8, 4, 4, 4, 4, 4, 4]
    assert np.isfinite(samples.borders).all()
    assert "aperio_cs2_berlin" not in crop_domains(leave_out="aperio_cs2_berlin")


# ------------------------------------------------------------------------------------ the real data


def test_real_tables(real_data: Path) -> None:
    counts: dict[str, int] = {}
    for crop_set in CROP_SETS:
        for row in read_table(real_data / crop_set / "manifest.csv"):
            domain = SCANNERS[crop_set][row["scanner"]]
            counts[domain] = counts.get(domain, 0) + 1
    assert counts == {
        "hamamatsu_xr_utrecht": 451 + 447, "hamamatsu_s360_utrecht": 582,
        "aperio_cs2_utrecht": 688, "aperio_xt_utrecht": 1329, "leica_scn400_netherlands": 670,
        "pannoramic_scan_ii_vienna": 664, "aperio_cs2_berlin": 396,
    }  # fmt: skip


def test_real_padding_is_what_the_manifest_states(real_data: Path) -> None:
    rows = read_table(real_data / "crops" / "manifest.csv")[::40]
    for row in rows:
        pixels = np.asarray(Picture.open(real_data / "crops" / "patches" / row["file"]))
        assert abs(black_padding(pixels) - float(row["black_padding_frac"])) < 1e-4


def test_slides_of_real_domains_are_apart(real_data: Path) -> None:
    """A split by domain is a split by slide: no slide is in two domains, nor in both crop sets."""
    seen: dict[str, str] = {}
    for crop_set in CROP_SETS:
        for row in read_table(real_data / crop_set / "manifest.csv"):
            slide = f"{row['dataset']}_{row['slide']}"
            domain = f"{crop_set} {row['scanner']}"
            assert seen.setdefault(slide, domain) == domain

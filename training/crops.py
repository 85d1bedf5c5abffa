"""Data set adapter: crops of 128 px around mitotic figures, from AMi-Br and AtNorM-MD.

A data folder holds `crops/` (AMi-Br: MIDOG 2021 and TUPAC16) and `crops_md/` (AtNorM-MD, out of
MIDOG++), each with `patches/`, `manifest.csv` and `other_annotations.csv`; `training.collect`
makes them from the public repository. A domain is a scanner and its laboratory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from model.candidates import find_candidates
from training.samples import Samples, SourceImage, away_from, read_rgb
from training.tables import read_table

AMI_BR, ATNORM_MD = "crops", "crops_md"
CROP_SETS = (AMI_BR, ATNORM_MD)
SCANNERS = {
    AMI_BR: {
        "hamamatsu_xr": "hamamatsu_xr_utrecht",
        "hamamatsu_s360": "hamamatsu_s360_utrecht",
        "aperio_cs2": "aperio_cs2_utrecht",
        "aperio_xt": "aperio_xt_utrecht",
        "leica_scn400": "leica_scn400_netherlands",
    },
    ATNORM_MD: {
        "hamamatsu_xr": "hamamatsu_xr_utrecht",
        "3dhistech": "pannoramic_scan_ii_vienna",
        "aperio_cs2": "aperio_cs2_berlin",
    },
}
MAX_BLACK_PADDING = 0.05  # share of a crop that lies outside its image
CROP_CENTRE = 64.0  # px: the figure's position in a 128 px crop
# Positions this near to a figure are neither class: 7.5 µm at the training resolution.
FIGURE_RADIUS = 30.0


def crop_domains(crop_sets: Iterable[str] = CROP_SETS, leave_out: str | None = None) -> list[str]:
    """Domains of the crop sets without the one that is left out."""
    domains = dict.fromkeys(d for name in crop_sets for d in SCANNERS[name].values())
    return [domain for domain in domains if domain != leave_out]


def add_crops(samples: Samples, data: Path, crop_sets: Iterable[str] = (AMI_BR,)) -> None:
    """Add each crop's figure, and as negatives the other candidates around it.

    A negative lies nearer to the crop's border than a figure does, so its window is mirrored
    there. Figures are given the borders of negatives at random when they are drawn (see
    `training.batches`); otherwise the mirrored borders would identify the class.

    Args:
        samples: added to; crops of domains that it does not name are left out.
        data: the data folder.
        crop_sets: names of CROP_SETS.
    """
    for crop_set in crop_sets:
        _add_crop_set(samples, data / crop_set, SCANNERS[crop_set])
    _set_crop_borders(samples)


def _add_crop_set(samples: Samples, folder: Path, scanners: dict[str, str]) -> None:
    others = defaultdict(list)
    for row in read_table(folder / "other_annotations.csv"):
        others[row["file"]].append((float(row["px"]), float(row["py"])))
    rows = read_table(folder / "manifest.csv")
    rows = [row for row in rows if scanners[row["scanner"]] in samples.domains]
    files = [folder / "patches" / row["file"] for row in rows]
    with ThreadPoolExecutor() as pool:
        for row, (pixels, candidates) in zip(rows, pool.map(_read_crop, files), strict=True):
            if black_padding(pixels) > MAX_BLACK_PADDING:
                continue
            slide = f"{row['dataset']}_{row['slide']}"
            image = SourceImage(pixels, row["file"], slide, scanners[row["scanner"]])
            figure = np.array([[CROP_CENTRE, CROP_CENTRE]])
            samples.add(image, figure, mitotic=True)
            taken = np.concatenate([figure, np.reshape(others[row["file"]], (-1, 2))])
            samples.add(image, away_from(taken, candidates, FIGURE_RADIUS), mitotic=False)


def _read_crop(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and candidates of a crop."""
    pixels = read_rgb(path)
    return pixels, find_candidates(pixels, threads=1)


def black_padding(pixels: np.ndarray) -> float:
    """Share of a crop (height, width, 3) uint8 that is pure black, as padding is."""
    return float((pixels.max(axis=2) == 0).mean())


def _set_crop_borders(samples: Samples) -> None:
    sides = [samples.images[i].pixels.shape[1::-1] for i in samples.image]
    width, height = np.array(sides, np.float32).T
    x, y = samples.centres.T
    samples.borders = np.stack([x, width - 1 - x, y, height - 1 - y], axis=1).astype(np.float32)

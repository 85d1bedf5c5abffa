"""Rendered tissue as labelled samples, and as a data folder laid out like the real one."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture

from model.candidates import find_candidates
from model.network import MitosisNetwork
from test.rendering import PINK, PURPLE, Look, render_tissue
from training.crops import FIGURE_RADIUS
from training.crops import SCANNERS as CROP_SCANNERS
from training.samples import Samples, SourceImage
from training.trunk import TRUNK_FILE

SCANNERS: dict[str, Look] = {"purple_lab": PURPLE, "pink_lab": PINK}
FIELD = (200, 200)  # px, of the fake fields
FIELD_FIGURE = np.array([[90.0, 150.0]])  # px (x, y), in every field of fields_a and fields_h
LOOK_ALIKES = [(22.0, 24.0), (104.0, 26.0), (24.0, 104.0), (104.0, 102.0)]  # px, in every crop
UNSEEN_CELLS = {"Mitosis": (60.0, 70.0), "Apoptosis": (100.0, 50.0), "Tumor_nuclei": (30.0, 30.0)}


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    """What is freed meanwhile is freed at once, by its last reference."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def rendered_samples(
    seed: int = 0, figures: int = 8, size: tuple[int, int] = (560, 500)
) -> Samples:
    """One image per scanner, with its figures and the candidates away from them as negatives."""
    samples = Samples(list(SCANNERS))
    for number, (name, look) in enumerate(SCANNERS.items()):
        pixels, centres = render_tissue(size, figures, seed=2 * seed + number, look=look)
        image = SourceImage(pixels, f"{name}_{seed}.tif", f"slide_{seed}", name)
        samples.add(image, centres, mitotic=True)
        samples.add(image, away(find_candidates(pixels), centres), mitotic=False)
    return samples


def away(candidates: np.ndarray, figures: np.ndarray) -> np.ndarray:
    """The candidates that are not near a figure."""
    far = [np.hypot(*(figures - c).T).min(initial=np.inf) > FIGURE_RADIUS for c in candidates]
    return candidates[np.array(far, bool)]


def write_data_folder(folder: Path, crops: int = 4, fields: int = 1) -> Path:
    """Rendered tissue in the form of the real data folder, and a random trunk.

    crops: of each scanner; fields: of each slide. Each field has one mitotic figure.
    """
    for crop_set, scanners in CROP_SCANNERS.items():
        _write_crops(folder / crop_set, list(scanners), crops)
    for name, letter, table, header in (
        ("fields_a", "A", "mitoses.csv", ("image", "x", "y", "area_px")),
        ("fields_h", "H", "painted_mitoses.csv", ("image", "x", "y", "area_px")),
    ):
        (folder / name / "images").mkdir(parents=True)
        files = [f"{letter}0{s}_{f:02d}.jpg" for s in range(4) for f in range(fields)]
        for number, file in enumerate(files):
            pixels, _ = _rendered(FIELD, tuple(FIELD_FIGURE[0]), seed=number % 4)
            _save(folder / name / "images" / file, pixels)
        rows = [(file, *FIELD_FIGURE[0], 400) for file in files]
        _write_table(folder / name / table, header, rows)
    _write_unseen(folder / "unseen_lab")
    write_folded_trunk(folder / TRUNK_FILE, MitosisNetwork(1).trunk.eval())
    return folder


def write_folded_trunk(path: Path, trunk: Any) -> None:
    """Write a ResNet's convolutions with batch norm folded in, as in the ImageNet file."""
    arrays = {}
    for name, module in trunk.named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        last = "1" if name.endswith("downsample.0") else None
        norm = trunk.get_submodule(name[:-1] + last if last else name.replace("conv", "bn"))
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        arrays[f"{name}.weight"] = (module.weight * scale[:, None, None, None]).detach().numpy()
        arrays[f"{name}.bias"] = (norm.bias - norm.running_mean * scale).detach().numpy()
    np.savez(path, **arrays)


def _write_crops(folder: Path, scanners: list[str], count: int) -> None:
    (folder / "patches").mkdir(parents=True)
    rows = []
    for number, scanner in enumerate(scanner for scanner in scanners for _ in range(count)):
        file = f"{folder.name}_{number}.png"
        pixels, _ = _rendered((128, 128), (64.0, 64.0), *LOOK_ALIKES, seed=100 + number % count)
        _save(folder / "patches" / file, pixels)
        rows.append((file, scanner, "rendered", f"{number:03d}.tiff"))
    _write_table(folder / "manifest.csv", ("file", "scanner", "dataset", "slide"), rows)
    _write_table(folder / "other_annotations.csv", ("file", "px", "py", "label"), [])


def _write_unseen(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    pixels, _ = _rendered((128, 160), UNSEEN_CELLS["Mitosis"], seed=77)
    _save(folder / "images" / "Case_10-01.jpg", pixels)
    rows = [("Case_10-01.jpg", x, y, name) for name, (x, y) in UNSEEN_CELLS.items()]
    _write_table(folder / "cells.csv", ("image", "x", "y", "class"), rows)


@cache
def _rendered(
    size: tuple[int, int], *figures: tuple[float, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    return render_tissue(size, np.array(figures), seed=seed)


def _save(path: Path, pixels: np.ndarray) -> None:
    Picture.fromarray(pixels).save(path, quality=95)


def _write_table(path: Path, header: tuple[str, ...], rows: list[Any]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])

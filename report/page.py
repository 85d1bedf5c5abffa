"""One self-contained HTML page for a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from model.detections import MERGE_RADIUS_UM
from report.chart import HEIGHT, WIDTH
from report.hotspot import hotspot
from report.pictures import crops_an_image, overview, overview_side, shown_detections
from report.saved import Saved
from report.trust import counts, signs
from report.words import named, tell_adaptation, valued

PAGE_FILE = "report.html"
HERE = Path(__file__).parent
RING = 1 / 70  # least radius of a ring in the overview, as a part of the image's longer side


def entry(saved: Saved, pixels: np.ndarray | None, images: int) -> dict[str, Any]:
    """What the template shows of an image.

    Args:
        saved: its result.
        pixels: (height, width, 3) uint8 RGB; None where the image could not be read.
        images: how many the page shows, and shares its room among.
    """
    shown: dict[str, Any] = {"saved": saved, "result": saved.result, "signs": signs(saved)}
    if not saved.ok:
        return shown
    figures = [(d["x"], d["y"]) for d in saved.detections[: saved.figures]]
    width, height = saved.size_px
    return shown | {
        "overview": overview(pixels, overview_side(images)) if pixels is not None else None,
        "ring": max(MERGE_RADIUS_UM / saved.mpp[0], RING * max(width, height)),
        "shown": shown_detections(saved, pixels, crops_an_image(images)),
        "probabilities": [round(d["probability"], 4) for d in saved.detections],
        "hotspot": hotspot(np.array(figures), saved.size_px, saved.mpp),
        "counts": counts(saved),
        "told": tell_adaptation(saved),
    }


def render(entries: list[dict[str, Any]], problems: list[str]) -> bytes:
    """The page in UTF-8. Whatever comes from file names or results is escaped.

    Args:
        entries: of `entry`, an image each.
        problems: what could not be shown, a line each.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    same, differing = _settings([e["result"] for e in entries])
    page = template.render(
        entries=entries,
        problems=problems,
        settings=same,
        differing=differing,
        named=named,
        valued=valued,
        chart_size=(WIDTH, HEIGHT),
        style=Markup((HERE / "page.css").read_text()),
        script=Markup((HERE / "page.js").read_text()),
    )
    return page.encode(errors="backslashreplace")  # a file name may be no valid text


def _settings(results: list[dict[str, Any]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Settings, versions and hashes that hold for all images, and each image's others."""
    every = [_flat(result) for result in results]
    same = {k: v for k, v in every[0].items() if all(e.get(k) == v for e in every)} if every else {}
    return same, [{k: v for k, v in e.items() if k not in same} for e in every]


def _flat(result: dict[str, Any]) -> dict[str, str]:
    lines = {}
    for group in ("settings", "versions", "weights", "source_bank"):
        for key, value in (result.get(group) or {}).items():
            name = named(key) if group in ("settings", "versions") else f"{named(group)}, {key}"
            text = "not set" if value is None else valued("", value)
            lines[name] = f"{text[:12]}…" if key == "sha256" and value else text
    return lines

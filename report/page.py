"""One HTML page for a folder of results, self-contained but for the tiles of large images."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batch.documents import SCHEMA_VERSION, ImageResult
from batch.hotspot import hotspot
from model.detections import MERGE_RADIUS_UM
from report.chart import HEIGHT, WIDTH
from report.pictures import cells_of, crops_an_image, overview, overview_side, shown_detections
from report.regions import RegionReader
from report.reviews.merge import Merged
from report.saved import Saved
from report.trust import counts, signs
from report.view import embedded_source, view_data
from report.words import describe_adaptation, named, ranged, valued

HERE = Path(__file__).parent
STYLES = ("page.css", "view.css")
SCRIPTS = (
    "page.js", "vendor/openseadragon.min.js", "view.js", "review.js", "rings.js", "strip.js",
    "density.js", "panel.js", "export.js", "load.js",
)  # fmt: skip
RING = 1 / 70  # least radius of a ring in the overview, as a fraction of the image's longer side


def entry(
    saved: Saved, image: RegionReader | None, images: int, tiles: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the template shows of an image.

    Args:
        saved: its result.
        image: its pixels; None where it could not be read.
        images: how many the page shows, and shares its room among.
        tiles: of `view.tiled_source`; None for an image that is to be inside the page.
    """
    shown: dict[str, Any] = {"saved": saved, "result": saved.result, "signs": signs(saved)}
    if not saved.ok:
        return shown
    figures = [(d.x, d.y) for d in saved.detections[: saved.figures]]
    width, height = saved.size_px
    listed = shown_detections(saved, image, crops_an_image(images))
    spot = hotspot(np.array(figures), saved.size_px, saved.mpp)
    if image is not None:
        source = tiles or embedded_source(image)
        shown["view"] = view_data(saved, cells_of(saved, images), spot, source)
    return (
        {"view": None}
        | shown
        | {
            "overview": overview(image, overview_side(images)) if image is not None else None,
            "ring": max(MERGE_RADIUS_UM / saved.mpp[0], RING * max(width, height)),
            "shown": listed,
            "probabilities": [round(d.probability, 4) for d in saved.detections],
            "hotspot": spot,
            "counts": counts(saved),
            "adaptation": describe_adaptation(saved.processed),
        }
    )


def render(
    entries: list[dict[str, Any]],
    problems: list[str],
    merged: Merged | None = None,
    copies: Sequence[Sequence[str]] = (),
) -> bytes:
    """The page in UTF-8. Whatever comes from file names or results is escaped.

    Args:
        entries: of `entry`, an image each.
        problems: what could not be shown, a line each.
        merged: the reviews of the images, in their order.
        copies: names of files that show the same image.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html")
    scripts = [_script(name) for name in SCRIPTS]
    same, differing = _settings([e["result"] for e in entries])
    page = template.render(
        entries=entries,
        merged=merged,
        numbers={e["saved"].file: number for number, e in enumerate(entries, 1)},
        reviewed=merged.images if merged else [None] * len(entries),
        problems=problems,
        copies=copies,
        area=_area([e["saved"] for e in entries]),
        settings=same,
        differing=differing,
        named=named,
        ranged=ranged,
        valued=valued,
        chart_size=(WIDTH, HEIGHT),
        style=Markup("\n".join((HERE / name).read_text() for name in STYLES)),
        scripts=[Markup(script) for script in scripts],
        schema_version=SCHEMA_VERSION,
        policy=_policy(scripts),
    )
    return page.encode(errors="backslashreplace")  # a file name may not be valid UTF-8


def _script(name: str) -> str:
    """A script with the licence that lies beside it, if it is somebody else's."""
    path = HERE / name
    licence = path.with_name(f"{path.name.split('.')[0]}-LICENSE.txt")
    notice = f"/*\n{licence.read_text()}*/\n" if licence.exists() else ""
    return notice + path.read_text()


def _policy(scripts: list[str]) -> str:
    """A Content Security Policy: these scripts alone run, and only the page's own files load.

    'self' is the server of the page; a page that is opened as a file has none, so file: is named.
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        "default-src 'none'; img-src data: 'self' file:; style-src 'unsafe-inline'; "
        f"script-src {hashes}; base-uri 'none'; form-action 'none'"
    )


def _area(images: list[Saved]) -> str:
    """Name of the area that densities refer to; with old and new results on a page, the larger."""
    return "Tissue" if all(s.has_tissue for s in images if s.ok) else "Area"


def _settings(results: list[ImageResult]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Settings, versions and hashes that hold for all images, and each image's others."""
    every = [_flat(result) for result in results]
    same = {k: v for k, v in every[0].items() if all(e.get(k) == v for e in every)} if every else {}
    return same, [{k: v for k, v in e.items() if k not in same} for e in every]


def _flat(result: ImageResult) -> dict[str, str]:
    lines = {}
    for key, value in (*result.settings, *result.versions.items()):
        lines[named(key)] = "not set" if value is None else valued("", value)
    for key, file in (("Weights", result.weights), ("Source bank", result.source_bank)):
        lines[f"{key}, sha256"] = f"{file.sha256[:12]}…" if file.sha256 else "not used"
    return lines

"""--roi: which regions of which image, and what is wrong with them before the first image."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
import pytest

import process
from batch.documents import read_result
from batch.documents.result import ProcessedImage
from batch.folder import FolderSettings, process_folder
from batch.manifest import Planned, read_manifest
from batch.regions import MOST_SHOWN, with_regions
from model.detector import Detector
from slide.regions_of_interest import RegionError, load_regions
from test.batch.builders import record
from test.model.builders import field, tiny_detector
from training.tiff import write_tiff

Form = Literal["NFC", "NFD"]

LEFT: list[list[float]] = [[0, 0], [75.5, 0], [75.5, 120], [0, 120]]
BEYOND = [[1000, 0], [1100, 0], [1100, 90]]


def geojson(path: Path, *rings: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    polygons = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [r]}} for r in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": polygons}))
    return path


@pytest.fixture(scope="module")
def detector() -> Detector:
    return tiny_detector("none")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """in/ with a.tif and b.tif of 150x120 px."""
    (tmp_path / "in").mkdir()
    for seed, name in enumerate("ab"):
        write_tiff(tmp_path / "in" / f"{name}.tif", field(seed=seed, size=(120, 150)), 0.25)
    return tmp_path / "in"


def run(detector: Any, source: Path, roi: Path | None, **more: Any) -> ProcessedImage:
    settings = FolderSettings(source, source.parent / "out", record(), roi=roi, **more)
    assert process_folder(detector, settings) == []
    place = settings.output / ("a" if source.is_dir() else "")
    result = read_result(place / "result.json")
    assert isinstance(result, ProcessedImage)
    return result


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_accents_of_another_system(tmp_path: Path, forms: tuple[Form, Form]) -> None:
    image, file = (unicodedata.normalize(form, "Müller_é") for form in forms)
    path = tmp_path / f"{image}.tif"
    write_tiff(path, field(seed=1, size=(120, 150)), 0.25)
    geojson(tmp_path / "roi" / f"{file}.geojson", LEFT)
    geojson(tmp_path / "roi" / "Muller_e.geojson", BEYOND)
    (found,) = with_regions([Planned(path)], tmp_path / "roi")
    assert found.regions is not None and len(found.regions.polygons) == 1


def test_only_what_is_in_the_polygon(detector: Detector, source: Path) -> None:
    roi = geojson(source.parent / "roi.geojson", LEFT)
    result = run(detector, source / "a.tif", roi)
    whole = run(detector, source / "a.tif", None)
    assert len(result.detections) > 0
    assert load_regions(roi).contains(np.array([[d.x, d.y] for d in result.detections])).all()
    assert any(d.x > 75 for d in whole.detections), "there is something else"
    assert result.regions is not None and result.regions.polygons == 1
    assert result.regions.area_mm2 is not None
    assert result.regions.rings == [[[(x, y) for x, y in LEFT]]]
    assert result.regions.area_mm2 == pytest.approx(0.25**2 * 75 * 120 / 1e6, abs=1e-6)
    assert result.tissue is not None and whole.tissue is not None and result.counts is not None
    assert result.tissue.area_mm2 <= 1.1 * result.regions.area_mm2, "of whole cells"
    assert result.counts.whole.tissue_mm2 == result.tissue.area_mm2 < whole.tissue.area_mm2
    assert result.settings.roi == load_regions(roi).sha256 and whole.regions is None


def test_what_may_be_wrong_with_regions_is_in_the_result(detector: Detector, source: Path) -> None:
    beyond = [[20, 10], [90, 10], [90, 145], [20, 145]]
    result = run(detector, source / "a.tif", geojson(source.parent / "roi.geojson", LEFT, beyond))
    (warning,) = (text for text in result.warnings if text.startswith("region"))
    assert warning.startswith("region 2 (x 20 to 90, y 10 to 145) leaves the image of 150x120 px")
    assert warning.endswith("are x and y exchanged?")
    tiny = geojson(source.parent / "tiny.geojson", [[20, 10], [40, 10], [40, 30]])
    result = run(detector, source / "a.tif", tiny)
    assert result.verdict is not None and not result.verdict.usable
    assert result.verdict.reasons[0].startswith("regions of about 0.001 mm² or less")


def test_a_folder_of_regions_and_other_regions_are_another_run(
    detector: Detector, source: Path
) -> None:
    roi = source.parent / "regions"
    for name in "ab":
        geojson(roi / f"{name}.geojson", LEFT)
    first = run(detector, source, roi)
    assert run(detector, source, roi, resume=True) == first
    geojson(roi / "a.geojson", LEFT, [[90, 0], [150, 0], [150, 120]])
    again = run(detector, source, roi, resume=True)
    assert again.regions is not None and again.regions.polygons == 2


def test_a_manifest_names_regions(source: Path) -> None:
    geojson(source / "drawn.geojson", LEFT)
    manifest = source / "list.csv"
    manifest.write_text("path,roi\na.tif,drawn.geojson\nb.tif,\n")
    first, second = read_manifest(manifest)
    assert first.regions is not None and second.regions is None
    manifest.write_text("path,roi\na.tif,missing.geojson\n")
    with pytest.raises(ValueError, match=r"line 2: .*missing\.geojson: cannot be read"):
        read_manifest(manifest)


def test_what_is_wrong_in_one_line(source: Path) -> None:
    images = [Planned(source / "a.tif"), Planned(source / "b.tif")]
    file, folder = geojson(source.parent / "far.geojson", BEYOND), source.parent / "folder"
    for roi, reason in (
        (file, "a file is for one image, but there are 2: give a folder with NAME.geojson"),
        (geojson(folder / "a.geojson", LEFT).parent, "no b.geojson in it for b.tif"),
        (source, "no a.geojson in it for a.tif (2 of 2 images lack theirs: a.tif, b.tif)"),
    ):
        with pytest.raises(RegionError) as error:
            with_regions(images, roi)
        assert str(error.value).startswith(f"--roi {roi}: {reason}")
        assert "\n" not in str(error.value)
    with pytest.raises(RegionError, match=r"--roi .*far\.geojson: polygon 1 .* lies outside the "):
        with_regions(images[:1], file)
    with pytest.raises(RegionError, match=r"--roi .*none\.geojson: cannot be read"):
        with_regions(images[:1], source / "none.geojson")


def test_every_refused_file_of_a_folder_is_listed(source: Path) -> None:
    roi = source.parent / "regions"
    images = [Planned(source / name) for name in ("a.tif", "b.tif")]
    geojson(roi / "a.geojson", BEYOND)
    (roi / "b.geojson").write_text("{")
    with pytest.raises(RegionError) as error:
        with_regions(images, roi)
    first, second = str(error.value).split("\n")
    assert first.startswith(f"--roi {roi}/a.geojson: polygon 1 (x 1000 to 1100, y 0 to 90) lies")
    assert second.startswith(f"--roi {roi}/b.geojson: not GeoJSON: ")
    with pytest.raises(RegionError) as error:
        with_regions([*images] * 7, roi)
    lines = str(error.value).split("\n")
    assert len(lines) == MOST_SHOWN + 1 and lines[-1] == "4 more such files"


def test_images_of_the_same_stem_do_not_share_regions(source: Path) -> None:
    roi = geojson(source.parent / "regions" / "a.geojson", LEFT).parent
    images = [Planned(source / "a.tif"), Planned(source / "a.mha")]
    with pytest.raises(
        RegionError, match=r"a\.geojson would be for a\.mha, a\.tif: rename all but"
    ):
        with_regions(images, roi)


def test_an_image_with_regions_of_its_own_needs_no_file(source: Path) -> None:
    roi = source.parent / "regions"
    own = load_regions(geojson(roi / "a.geojson", LEFT))
    images = [Planned(source / "a.tif"), Planned(source / "b.tif", regions=own)]
    assert [image.regions is own for image in with_regions(images, roi)] == [False, True]


def test_reported_before_the_first_image(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = source.parent / "out"
    options = ["--input", str(source), "--output", str(output), "--adaptation", "none"]
    assert process.main([*options, "--roi", str(source)]) == 2
    assert capfd.readouterr().err.startswith(f"error: --roi {source}: no a.geojson in it")
    assert not output.exists() or not any(output.iterdir())


def test_a_size_that_is_known_late_fails_the_image_only(detector: Detector, source: Path) -> None:
    """Only TIFF headers are read before."""

    (source / "b.tif").unlink()
    PIL.Image.fromarray(field(size=(120, 150))).save(source / "c.png")
    roi = source.parent / "regions"
    geojson(roi / "a.geojson", LEFT)
    geojson(roi / "c.geojson", BEYOND)
    settings = FolderSettings(source, source.parent / "out", record(), mpp=0.25, roi=roi)
    (failure,) = process_folder(detector, settings)
    assert (
        "c.png: polygon 1 (x 1000 to 1100, y 0 to 90) lies outside the image of 150x120" in failure
    )
    regions = read_result(source.parent / "out" / "c" / "result.json").regions
    assert regions is not None and regions.rings == [[[(x, y) for x, y in BEYOND]]]
    assert regions.area_mm2 is None

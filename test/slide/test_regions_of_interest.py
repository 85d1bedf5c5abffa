"""Regions of interest: what is inside, by another library, and files that cannot be used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.features import rasterize
from skimage.draw import polygon2mask
from skimage.measure import points_in_poly

from slide.polygon import Polygon
from slide.regions_of_interest import RegionError, Regions, load_regions

SQUARE = [[10, 20], [50, 20], [50, 60], [10, 60], [10, 20]]
HOLE = [[20, 30], [30, 30], [30, 40], [20, 40], [20, 30]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}
FAR = {"type": "Polygon", "coordinates": [[[70, 0], [80, 0], [80, 9], [70, 0]]]}
MULTI = {"type": "MultiPolygon", "coordinates": [POLYGON["coordinates"], FAR["coordinates"]]}


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": "a", "geometry": geometry, "properties": properties}


def old(geometry: Any, kind: str, **properties: Any) -> dict[str, Any]:
    """As QuPath wrote it before 0.4."""
    return {**feature(geometry, **properties), "id": kind}


def regions(*rings: Any) -> Regions:
    return Regions((Polygon(tuple(np.array(ring, float) for ring in rings)),), "")


def star(seed: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    """A ring with corners at random places, not convex and without crossings."""
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, 30))
    return np.array(centre) + radius * generator.uniform(0.2, 1, (30, 1)) * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )


@pytest.mark.parametrize("seed", range(4))
def test_points_inside_as_scikit_image_finds_them(seed: int) -> None:
    ring, hole = star(seed, (50.3, 40.7), 45), star(seed + 9, (50.3, 40.7), 8)
    points = np.random.default_rng(seed).uniform(-5, 105, (2000, 2))
    expected = points_in_poly(points + 0.5, ring) & ~points_in_poly(points + 0.5, hole)
    assert np.array_equal(regions(ring, hole).contains(points), expected)
    assert 100 < expected.sum() < 1900


@pytest.mark.parametrize("scale", [(1.0, 1.0), (3.7, 2.5)])
def test_mask_as_scikit_image_draws_it(scale: tuple[float, float]) -> None:
    ring, hole = star(1, (50.3, 40.7), 55), star(2, (50.3, 40.7), 8)  # beyond the image's borders
    size = int(100 / scale[0]), int(80 / scale[1])
    drawn = [
        polygon2mask(size[::-1], (part / scale - 0.5)[:, ::-1]) for part in (ring, hole)
    ]  # of rows and columns, where a whole number is the centre of a cell
    assert np.array_equal(regions(ring, hole).mask(size, scale), drawn[0] & ~drawn[1])


def test_mask_as_gdal_draws_a_file(tmp_path: Path) -> None:
    """A pixel belongs to a polygon by its centre, half a pixel from its corner."""
    document = {"type": "MultiPolygon", "coordinates": [[star(5, (40, 40), 38).tolist()], [SQUARE]]}
    (tmp_path / "a.geojson").write_text(json.dumps(document))
    drawn = rasterize([document], out_shape=(80, 90)) > 0
    assert np.array_equal(load_regions(tmp_path / "a.geojson").mask((90, 80)), drawn)


def test_mask_holds_the_pixels_whose_centres_are_inside() -> None:
    found = Regions((*regions(star(1, (30, 30), 29)).polygons, *regions(SQUARE).polygons), "")
    y, x = np.mgrid[:70, :90]
    inside = found.contains(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(70, 90)
    assert np.array_equal(found.mask((90, 70)), inside)
    both = regions(SQUARE).mask((90, 70)) | regions(star(1, (30, 30), 29)).mask((90, 70))
    assert np.array_equal(inside, both), "what two polygons share counts"


def test_neighbours_share_no_pixel_and_leave_none_out() -> None:
    left = regions([[0, 0], [10.5, 0], [20.5, 30], [0, 30]]).mask((40, 30))
    right = regions([[10.5, 0], [40, 0], [40, 30], [20.5, 30]]).mask((40, 30))
    assert (left ^ right).all()


@pytest.mark.parametrize(
    ("document", "polygons"),
    [
        (feature(POLYGON), 1),
        ([feature(POLYGON), feature(FAR)], 2),
        ({"type": "FeatureCollection", "features": [feature(MULTI), feature(None)]}, 2),
        ({"type": "GeometryCollection", "geometries": [POLYGON, FAR]}, 2),
        (POLYGON, 1),
        ([feature(POLYGON, objectType="annotation"), feature(FAR, objectType="detection")], 1),
        ([old(POLYGON, "PathAnnotationObject"), old(FAR, "PathCellObject")], 1),
        ([old(POLYGON, "PathRootObject"), old(FAR, "PathDetectionObject")], 1),
        ([old(POLYGON, "PathTileObject", objectType="annotation"), old(FAR, "PathTileObject")], 1),
        ([feature({"type": "Point", "coordinates": [1, 2]}), feature(POLYGON)], 1),
        ({"type": "Polygon", "coordinates": [[[0, 0, 5], [9, 0, 5], [9, 9, 5]]]}, 1),
    ],
)
def test_what_qupath_exports(tmp_path: Path, document: Any, polygons: int) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(document))
    found = load_regions(path)
    assert len(found.polygons) == polygons and len(found.sha256) == 64


def test_a_hole_is_outside(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(feature(MULTI)))
    found = load_regions(path)
    inside = found.contains(np.array([[15, 25], [25, 35], [60, 30], [78, 4], [9, 20], [10, 20]]))
    assert inside.tolist() == [True, False, False, True, False, True]
    assert found.mask((100, 80)).sum() == 40 * 40 - 10 * 10 + 45


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not GeoJSON: "),
        ("[" * 100_000, "not GeoJSON: "),
        ("\x00\xff", "not GeoJSON: "),
        ("3", "not GeoJSON: "),
        ('{"type": "Topology"}', "not GeoJSON: "),
        ('{"type": "FeatureCollection"}', "not GeoJSON (FeatureCollection without features): "),
        ("[]", "no polygon in it: "),
        (json.dumps(feature({"type": "Point", "coordinates": [1, 2]})), "no polygon in it: "),
        ('{"type": "Polygon", "coordinates": []}', "a polygon without coordinates: "),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}', "a polygon with invalid "),
        ('{"type": "Polygon", "coordinates": [[[0, "1"], [1, 1], [2, 0]]]}', "a polygon with inv"),
        ('{"type": "Polygon", "coordinates": [[[0, NaN], [1, 1], [2, 0]]]}', "a polygon with inv"),
        ('{"type": "Polygon", "coordinates": [[0, 1, 2]]}', "a polygon with invalid coordinates: "),
        ('{"type": "Polygon", "coordinates": [[[5, 0], [5, 1], [5, 9]]]}', "a polygon without ar"),
        ('{"type": "Polygon", "coordinates": [[[5, 0], [9, 9], [5, 0]]]}', "a polygon without ar"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [0.4, 0], [0, 0.4]]]}', "a polygon smaller"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(RegionError) as error:
        load_regions(path)
    assert str(error.value).startswith(reason) and "\n" not in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=r"^cannot be read \(No such file or directory\): "):
        load_regions(tmp_path / "a.geojson")


def test_a_polygon_outside_the_image() -> None:
    regions(SQUARE).check_inside((11, 21))
    with pytest.raises(RegionError, match=r"^polygon 1 \(x 10 to 50, y 20 to 60\) lies outside "):
        regions(SQUARE).check_inside((10, 90))


def test_a_polygon_that_leaves_the_image() -> None:
    found = regions(SQUARE)
    assert found.warnings((50, 60)) == found.warnings((49, 58)) == []
    (warning,) = found.warnings((45, 58))
    assert warning.startswith("region 1 (x 10 to 50, y 20 to 60) leaves the image of 45x58 px")
    assert "exchanged" not in warning
    (warning,) = found.warnings((70, 50))
    assert warning.endswith("are x and y exchanged?")


def test_marks_of_single_cells() -> None:
    """Boxes of 60 px; a hot spot of 0.01 mm², or fragments beside a larger region, are usual."""
    corners = [np.array([100.0 * n, 100.0]) for n in range(42)]
    sides = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    boxes = [Polygon((corner + 60 * sides,)) for corner in corners]
    (warning,) = Regions(tuple(boxes), "").cells_warning((0.25, 0.25))
    assert warning.startswith("42 of 42 regions are smaller than 50 x 50 µm: are they marks of si")
    core = Polygon((400.0 * sides,))
    assert Regions((core,), "").cells_warning((0.25, 0.25)) == []
    assert Regions((core, *boxes), "").cells_warning((0.25, 0.25)) == []
    (warning,) = Regions((*boxes, Polygon((210.0 * sides,))), "").cells_warning((0.25, 0.25))
    assert warning.startswith("42 of 43 regions")
    assert Regions(tuple(boxes), "").cells_warning((1.0, 1.0)) == []


def test_classes_of_qupath(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    names: list[Any] = [{"name": "Tumor"}, {"names": ["Immune", "CD3"]}, {"name": "Tumor"}, None]
    features = [feature(POLYGON, classification=name) for name in names]
    path.write_text(json.dumps(features))
    found = load_regions(path)
    assert found.warnings((90, 90)) == [
        "regions of different classes (Immune: CD3, Tumor, no class) count alike"
    ]
    path.write_text(json.dumps([features[0], features[2]]))
    assert load_regions(path).warnings((90, 90)) == []
    path.write_text(json.dumps([*features, feature(POLYGON, classification={"name": "Ignore*"})]))
    with pytest.raises(RegionError, match=r"^a polygon of the class Ignore\*: draw a hole there"):
        load_regions(path)
    point = {"type": "Point", "coordinates": [1, 2]}
    path.write_text(json.dumps([*features, feature(point, classification={"name": "Ignore*"})]))
    assert len(load_regions(path).polygons) == 4


@pytest.mark.parametrize(
    "name",
    ["Ignore", "exclude*", "Necrosis", "Tumor: Necrosis", "Artefact", "BACKGROUND", "Glass", "Pen",
     "Pen marks", "Fold", "Whitespace", "blur*", "Ink", "Blood", "Haemorrhage", "Exclusion_zone",
     "exclusion area", "Do not count", "NEKROSE", "Artefakt"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["classification", "name", "label", "class"])
def test_areas_to_leave_out(tmp_path: Path, name: str, field: str) -> None:
    path = tmp_path / "a.geojson"
    stated: dict[str, Any] = {field: {"name": name} if field == "classification" else name}
    path.write_text(json.dumps([feature(FAR), feature(POLYGON, **stated)]))
    with pytest.raises(
        RegionError, match=f"^a polygon of the class {re.escape(name)}: draw a hole"
    ):
        load_regions(path)
    stated = {field: {"name": "Region*"} if field == "classification" else "Region 1"}
    path.write_text(json.dumps([feature(POLYGON, **stated)]))
    assert load_regions(path).warnings((90, 90)) == []


@pytest.mark.parametrize("name", ["Necrosis 2", "exclude 1"])
def test_numbered_areas_to_leave_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps([feature(FAR, name="tumor"), feature(POLYGON, name=name)]))
    with pytest.raises(RegionError, match=f"^a polygon of the class {name}: draw a hole"):
        load_regions(path)


def test_a_name_that_speaks_of_leaving_out(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    names = ("tumor", "necrosis - exclude")
    path.write_text(json.dumps([feature(FAR, name=names[0]), feature(POLYGON, name=names[1])]))
    (warning,) = load_regions(path).warnings((10_000, 10_000))
    assert warning == "regions of different classes (necrosis - exclude, no class) count alike"


@pytest.mark.parametrize(
    ("hole", "is_outside"),
    [
        (HOLE, False),
        (FAR["coordinates"][0], True),
        ([[0, 0], [99, 0], [99, 99], [0, 99]], True),  # around the polygon
        ([[50, 30], [60, 30], [60, 40], [50, 40]], True),  # beside it
        ([[50, 40], [50, 60], [30, 60]], False),  # a corner cut off
        ([[40, 30], [60, 30], [60, 40], [40, 40]], False),  # across its border
    ],
)
def test_a_hole_outside_its_polygon(tmp_path: Path, hole: Any, is_outside: bool) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(feature({"type": "Polygon", "coordinates": [SQUARE, hole]})))
    if not is_outside:
        assert len(load_regions(path).polygons[0].rings) == 2
        return
    reason = r"^a hole \(x .*\) outside its polygon \(x 10 to 50, y 20 to 60\): draw it inside"
    with pytest.raises(RegionError, match=reason):
        load_regions(path)


def test_a_polygon_that_crosses_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    ring = [[10, 20], [50, 60], [50, 20], [10, 60], [10, 20]]
    path.write_text(json.dumps(feature({"type": "Polygon", "coordinates": [ring]})))
    assert load_regions(path).warnings((90, 90)) == [
        "region 1 (x 10 to 50, y 20 to 60) crosses itself: what it surrounds twice is not analysed"
    ]


def test_what_any_hole_surrounds_is_outside(tmp_path: Path) -> None:
    """Holes that overlap, and one that leaves its polygon."""
    holes = [
        HOLE,
        [[25, 35], [40, 35], [40, 50], [25, 50]],
        [[45, 25], [60, 25], [60, 29], [45, 29]],
    ]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [SQUARE, *holes]}))
    found = load_regions(path)
    expected = regions(SQUARE).mask((90, 70))
    for hole in holes:
        expected &= ~regions(hole).mask((90, 70))
    assert np.array_equal(found.mask((90, 70)), expected)
    assert found.area_px((90, 70)) == 1600 - (100 + 225 - 25) - 20
    y, x = np.mgrid[:70, :90]
    inside = found.contains(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(70, 90)
    assert np.array_equal(inside, expected)
    assert found.warnings((90, 70)) == []


def test_a_coordinate_system_that_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    collection = {"type": "FeatureCollection", "features": [feature(POLYGON)]}
    path.write_text(json.dumps(collection | {"crs": crs}))
    (warning,) = load_regions(path).warnings((90, 90))
    assert warning.startswith("the file of regions states a coordinate system (crs): its coordi")
    path.write_text(json.dumps(collection | {"crs": None}))
    assert load_regions(path).warnings((90, 90)) == []


def test_many_regions_are_drawn_as_each_alone() -> None:
    found = [regions(star(seed, (20 * seed, 60), 40)) for seed in range(5)]
    both = Regions(tuple(polygon for one in found for polygon in one.polygons), "")
    x, y = np.arange(0.5, 90), np.arange(0.3, 90, 0.7)
    alone = np.logical_or.reduce([one.polygons[0].grid(x, y) for one in found])
    assert np.array_equal(both.grid(x, y), alone)


def test_a_hole_that_crosses_itself() -> None:
    bow_tie = [[20, 30], [30, 40], [30, 30], [20, 40]]
    assert regions(SQUARE, HOLE, bow_tie).warnings((90, 70)) == [
        "a hole (x 20 to 30, y 30 to 40) of region 1 crosses itself: what it surrounds twice is "
        "analysed"
    ]


def test_area_and_a_part_of_the_image() -> None:
    found = regions(SQUARE, HOLE)
    assert found.area_px((100, 80)) == 40 * 40 - 10 * 10
    assert found.area_px((30, 80)) == 20 * 40 - 10 * 10, "what lies in the image"
    assert found.area_px((20_000, 30_000)) == pytest.approx(1500, rel=0.2), "by a coarse grid"
    part = found.seen_from(np.array([12, 25]))
    assert np.array_equal(part.mask((80, 50)), found.mask((92, 75))[25:, 12:])

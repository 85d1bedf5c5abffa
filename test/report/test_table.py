"""The CSV table in pandas, and the Parquet table beside it."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas
import pytest

from report.saved import Saved
from report.table import COLUMNS, check_packages, detections_csv, detections_parquet
from test.report.builders import failed, parsed, saved


def test_opens_in_pandas() -> None:
    images = [
        saved(file='a,"b"\n.tif', origin_mm=[1.0, 2.0]),
        Saved(saved().folder, parsed(failed("bad.tif"))),
        saved(file="empty.tif", detections=[]),
    ]
    table = pandas.read_csv(io.BytesIO(detections_csv(images)))
    assert tuple(table.columns) == COLUMNS and len(table) == 6
    assert set(table["file"]) == {'a,"b"\n.tif'}
    assert table["x_mm"][0] == pytest.approx(1 + 20 * 0.00025)
    assert table["y_mm"][0] == pytest.approx(2 + 10 * 0.00025)
    assert (table["name"] == "mitotic figure").sum() == 3


@pytest.mark.parametrize("name", ["=HYPERLINK(A1).tif", "+1.tif", "-1.tif", "@a.tif", "\t=1.tif"])
def test_a_file_name_is_not_a_formula(name: str) -> None:
    table = pandas.read_csv(io.BytesIO(detections_csv([saved(file=name)])))
    assert set(table["file"]) == {f"'{name}"}


def test_parquet_holds_the_same() -> None:
    images = [saved(file="a.tif", origin_mm=[1.0, 2.0]), saved(file="=b\udcff.tif")]
    table = pandas.read_parquet(io.BytesIO(detections_parquet(images)))
    expected = pandas.read_csv(io.BytesIO(detections_csv(images)))
    assert set(table["file"]) == {"a.tif", "=b\\udcff.tif"}, "a formula only in a spreadsheet"
    pandas.testing.assert_frame_equal(
        table.drop(columns="file"), expected.drop(columns="file"), check_dtype=False
    )
    assert table["probability"].dtype == "float64"


def test_an_image_has_its_folder_and_group() -> None:
    """Files of one name in two folders are two images; µm count from the image's first pixel."""
    one, other = (replace(saved(origin_mm=[1.0, 2.0]), name=name) for name in ("a", "=b"))
    images = [replace(one, group="=scanner"), other]
    for table in (
        pandas.read_csv(io.BytesIO(detections_csv(images))),
        pandas.read_parquet(io.BytesIO(detections_parquet(images))),
    ):
        assert [name.lstrip("'") for name in table["folder"].unique()] == ["a", "=b"]
        assert table["group"].notna().sum() == len(table) / 2
        assert table["x_um"][0] == pytest.approx(20 * 0.25)
        assert table["y_um"][0] == pytest.approx(10 * 0.25)
    assert b"'=b" in detections_csv(images) and b"'=scanner" in detections_csv(images)


def test_parquet_without_detections() -> None:
    table = pandas.read_parquet(io.BytesIO(detections_parquet([saved(detections=[])])))
    assert tuple(table.columns) == COLUMNS and len(table) == 0


def test_a_missing_package_is_named_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_packages(["csv", "geojson"])
    with pytest.raises(ValueError, match=r"^--parquet needs pyarrow: .*requirements-cohort\.txt$"):
        check_packages(["csv", "parquet"])

"""The CSV table in pandas."""

from __future__ import annotations

import io

import pandas
import pytest

from report.saved import Saved
from report.table import COLUMNS, detections_csv
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

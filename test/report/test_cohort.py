"""The page of a cohort: a thousand images on one page, with their groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from batch.documents import FolderEntry, FolderResults, read_summary
from batch.documents.counts import Counts
from batch.layout import COHORT_FILE, SUMMARY_FILE
from batch.stale import remove_stale
from batch.writing import write_json
from report.cohort import MANY, cohort_page, groups, is_cohort
from report.write import write
from test.report.builders import COUNTS, result_of, write_output


def image(number: int, group: str | None = None, **changes: Any) -> FolderEntry:
    """An image of 2 mm² of tissue with as many figures as its number."""
    figures = {"value": number, "low": number, "high": 2 * number}
    density = {"value": number / 2, "low": number / 2, "high": number}
    whole = {"tissue_mm2": 2.0, "figures": figures, "per_mm2": density, "per_10_hpf": density}
    counts = Counts.model_validate(COUNTS | {"whole": whole})
    fields: dict[str, Any] = {
        "file": f"{number}.svs", "folder": str(number), "status": "ok", "group": group,
        "mitotic_figures": number, "counts": counts,
    }  # fmt: skip
    return FolderEntry(**(fields | changes))


def failed(group: str | None = None) -> FolderEntry:
    return FolderEntry(file="<bad>.svs", folder="bad", status="failed", error="&", group=group)


def test_groups_by_hand() -> None:
    images = [image(1, "b"), image(3, "b"), image(5, "b"), image(8, "a"), failed("a"), image(9)]
    every, a, b, rest = groups(images)
    assert every[:5] == ("all images", 6, 1, 26, 10.0)
    assert a == ("a", 2, 1, 8, 2.0, [4.0])
    assert b == ("b", 3, 0, 9, 6.0, [1.0, 1.5, 2.0])
    assert rest[:2] == ("without group", 1)
    assert [group.name for group in groups([image(1)])] == ["all images"]
    assert groups([failed()])[0].quartiles == []


@pytest.mark.parametrize(("count", "group", "expected"), [
    (MANY, None, False), (MANY + 1, None, True), (1, "a", True),
])  # fmt: skip
def test_a_cohort_is_many_images_or_groups(count: int, group: str | None, expected: bool) -> None:
    summary = FolderResults(images=[image(n, group) for n in range(count)])
    assert is_cohort(summary) == expected


def test_a_thousand_slides_on_one_page() -> None:
    images = [image(n, "abc"[n % 3]) for n in range(999)]
    page = cohort_page(FolderResults(images=[*images, failed("a")])).decode()
    assert len(page) < 600_000
    assert re.findall(r'href="report.html#image-(\d+)"', page) == [str(n + 1) for n in range(1000)]
    assert "failed: &amp;" in page and "&lt;bad&gt;.svs" in page and "<bad>" not in page
    assert "<script" not in page
    figures = sum(range(999))
    row = re.search(r">all images<.*?</tr>", page)
    assert row is not None and ">1000<" in row[0] and f">{figures}<" in row[0]


def test_copies_are_named_beside_the_totals() -> None:
    images = [image(1), image(2), image(3)]
    summary = FolderResults(images=images, copies=[["1.svs", "<2>.svs"]])
    assert "The same image, and each counts: 1.svs, &lt;2&gt;.svs" in cohort_page(summary).decode()
    assert "each counts" not in cohort_page(FolderResults(images=images)).decode()


def test_the_report_of_groups_has_the_page_and_a_later_run_removes_it(tmp_path: Path) -> None:
    write_output(tmp_path, [result_of("a.tif"), result_of("b.tif")])
    output = tmp_path / "out"
    summary = read_summary(output / SUMMARY_FILE)
    images = [entry.model_copy(update={"group": entry.file[0]}) for entry in summary.images]
    write_json(output / SUMMARY_FILE, FolderResults(images=images).content())
    write(output, ["report"])
    page = (output / COHORT_FILE).read_text()
    assert all(f"<td>{group}</td>" in page for group in "ab")
    assert COHORT_FILE in read_summary(output / SUMMARY_FILE).files
    remove_stale(output)
    assert not (output / COHORT_FILE).exists()

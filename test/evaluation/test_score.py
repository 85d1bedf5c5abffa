"""From folders to numbers, tables, JSON and a figure."""

import builtins
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation import ScoringError
from evaluation.run import Run
from evaluation.score import format_scores, main, score_folder
from evaluation.scores import compare_images, compare_runs, score_images
from test.evaluation.scenes import row, write_failure, write_json, write_result

Folders = tuple[Path, Path, Path]  # a run, the ground truth, another run


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Two labs of two images with two figures each, at x = 100 and 300.

    `out` finds three of the eight figures with one false positive: a.tif has both figures and a
    false positive, b.tif one, c.tif failed and d.tif is missing. `other` finds all eight.
    """
    names = {"a": "lab 1", "b": "lab 1", "c": "lab 2", "d": "lab 2"}
    images = [
        {"id": i, "file_name": f"{name}.tif", "width": 4000, "height": 4000, "domain": domain}
        for i, (name, domain) in enumerate(names.items())
    ]
    annotations = [
        {"image_id": i, "bbox": [x - 25, 75, x + 25, 125], "category_id": category}
        for i in range(4)
        for x, category in ((100, 1), (300, 1), (900, 2))
    ]
    truth = {"images": images, "annotations": annotations}
    both = [(100, 100, 0.9), (310, 100, 0.8)]
    out, other = tmp_path / "out", tmp_path / "other"
    write_result(out / "a", "a.tif", [*both, (900, 100, 0.7)])
    write_result(out / "b", "b.tif", [both[0], (300, 100, 0.4)])
    write_failure(out / "c", "c.tif", "grey")
    write_result(out / "e", "e.tif", [])
    for name in names:
        write_result(other / name, f"{name}.tif", both)
    return out, write_json(tmp_path / "truth.json", truth), other


def test_pooled_scores_by_hand(folders: Folders) -> None:
    scores = score_folder(folders[0], folders[1])
    pooled = scores["pooled"]
    assert (pooled["images"], pooled["figures"], pooled["thresholds"]) == (4, 8, [0.5])
    assert pooled["shipped"] == pytest.approx(
        {"true_positives": 3, "false_positives": 1, "false_negatives": 5}
        | {"precision": 3 / 4, "recall": 3 / 8, "f1": 6 / 12}
    )
    assert pooled["optimal"] == pooled["shipped"]
    assert pooled["best"]["threshold"] == 0.4
    assert pooled["best"]["f1"] == pytest.approx(2 * 4 / (5 + 8))
    # Ranking: 0.9 twice (hits), 0.8 (hit), 0.7 (miss), 0.4 (hit), of eight figures.
    assert pooled["average_precision"] == pytest.approx((2 + 1) / 8 + 1 / 8 * 4 / 5)
    # Matched as boxes, the second detection is 10 px off its figure: still an overlap of 0.8.
    assert pooled["midog_2025"]["f1"] == pooled["shipped"]["f1"]
    assert pooled["midog_2025"]["average_precision"] == pytest.approx((38 + 13 * 4 / 5) / 101)
    assert 0 < pooled["midog_2025"]["froc_auc"] < 8 * 0.5
    # Over 4 mm² a false positive is 0.25 a mm²: all densities are past it.
    assert pooled["froc"]["sensitivity"] == [0.5] * 5
    assert (pooled["interval_unit"], pooled["interval_units"]) == ("field", 4)
    low, high = pooled["intervals"]["recall"]
    assert 0 <= low < 3 / 8 < high <= 1


def test_domains_images_and_what_is_missing(folders: Folders) -> None:
    scores = score_folder(folders[0], folders[1])
    assert {
        name: group["shipped"]["true_positives"] for name, group in scores["domains"].items()
    } == {
        "lab 1": 3,
        "lab 2": 0,
    }
    first, *_, last = scores["images"]
    assert (first["name"], first["shipped"]["false_positives"], first["figures"]) == ("a", 1, 2)
    assert (last["name"], last["shipped"]["false_negatives"], last["threshold"]) == ("d", 2, None)
    assert last["shipped"]["precision"] is None, "not defined"
    assert scores["failed"] == {"c": "grey"}
    assert (scores["missing"], scores["left_out"]) == (["d"], ["e"])


def test_differences_to_another_run(folders: Folders) -> None:
    out, truth, other = folders
    comparison = score_folder(out, truth, compare=other, resamples=200)["comparison"]
    assert comparison["run"]["pooled"]["shipped"]["f1"] == 1.0
    pooled = comparison["differences"]["pooled"]
    assert pooled["f1"]["value"] == pytest.approx(0.5 - 1.0)
    assert pooled["f1"]["low"] <= pooled["f1"]["value"] <= pooled["f1"]["high"] < 0
    assert comparison["differences"]["domains"]["lab 2"]["recall"] == {
        "value": -1.0,
        "low": -1.0,
        "high": -1.0,
    }


def test_only_some_images(folders: Folders) -> None:
    pooled = score_folder(folders[0], folders[1], only="[ab]")["pooled"]
    assert (pooled["images"], pooled["shipped"]["true_positives"]) == (2, 3)


def test_runs_on_other_images_are_not_compared() -> None:
    with pytest.raises(AssertionError, match="not paired"):
        compare_images([row([], [], [], name="a")], [row([], [], [], name="b")])


def test_runs_on_different_regions_are_not_compared() -> None:
    image, part = row([5], [0.9], [5]), row([5], [0.9], [5], analysed=100.0)
    whole, parts = (Run([each], [], {}, [], []) for each in (image, part))
    assert compare_runs(parts, parts, 10)["pooled"]["f1"]["value"] == 0
    with pytest.raises(ScoringError, match="row: the two runs analysed different regions"):
        compare_runs(whole, parts, 10)
    compare_runs(whole._replace(failed={"row": "grey"}), parts, 10)


def test_false_positives_are_those_per_area_of_the_regions() -> None:
    """One false positive above the figure: 1 per mm² of the image, 4 per mm² of the regions."""
    whole = row([500, 5], [0.9, 0.8], [5])
    part = whole._replace(analysed=2000.0 * 2000)
    sensitivity = [score_images([i], 0)["froc"]["sensitivity"] for i in (whole, part)]
    assert sensitivity == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert score_images([part], 0)["area_mm2"] == pytest.approx(0.25)


def test_the_table_shows_numbers_intervals_and_remarks(folders: Folders) -> None:
    out, truth, other = folders
    text = format_scores(score_folder(out, truth, compare=other, resamples=100))
    lines = text.splitlines()
    cells = next(line for line in lines if line.startswith("a  ")).split()
    assert cells == ["a", "lab", "1", "2", "2", "1", "0", "0.667", "1.000", "0.800", "1.000"]
    pooled = next(line for line in lines if line.startswith("pooled"))
    assert "0.500 [" in pooled
    assert f"{out} minus {other}, paired:" in text
    assert "-0.500 [" in text
    assert "Shipped threshold: 0.5." in text
    assert "100 resamples of 2 fields (lab 1), 2 fields (lab 2), 4 fields (pooled)." in text
    assert "no result, all figures count as missed: d" in lines
    assert "failed, all figures count as missed: c (grey)" in lines
    assert "not in the ground truth, left out: e" in lines


def test_one_field_without_figures_or_detections(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.tif", "width": 4000, "height": 4000}
    truth = write_json(tmp_path / "truth.json", {"images": [image], "annotations": []})
    write_result(tmp_path / "out", "a.tif", [])
    scores = score_folder(tmp_path / "out", truth)
    assert scores["pooled"]["shipped"]["f1"] is None
    assert scores["pooled"]["best"]["threshold"] is None
    assert format_scores(scores).splitlines()[1].split()[-4:] == ["-"] * 4


def test_where_every_image_failed(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.tif", "width": 10, "height": 10}
    box = {"image_id": 1, "bbox": [0, 0, 5, 5], "category_id": 1}
    truth = write_json(tmp_path / "truth.json", {"images": [image], "annotations": [box]})
    write_failure(tmp_path, "a.tif", "grey")
    scores = score_folder(tmp_path, truth)
    assert scores["pooled"]["shipped"]["f1"] == 0.0
    assert "Shipped threshold: -." in format_scores(scores)


def test_the_command_writes_what_it_computed(
    folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, truth, other = (str(folder) for folder in folders)
    pytest.importorskip("matplotlib")
    json_path, figure = tmp_path / "scores.json", tmp_path / "scores.png"
    arguments = [
        "--predictions",
        out,
        "--ground-truth",
        truth,
        "--compare",
        other,
        "--resamples",
        "50",
    ]
    assert main([*arguments, "--json", str(json_path), "--figure", str(figure)]) == 0
    scores = score_folder(folders[0], folders[1], compare=folders[2], resamples=50)
    assert json.loads(json_path.read_text()) == scores
    assert format_scores(scores) in capsys.readouterr().out
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_an_error_is_one_line_and_a_status(
    folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nothing.json"
    assert main(["--predictions", str(folders[0]), "--ground-truth", str(missing)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {missing}: not readable (No such file or directory)")
    assert captured.err.count("\n") == 1


def test_without_matplotlib_only_the_figure_is_refused(
    folders: Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "--predictions",
        str(folders[0]),
        "--ground-truth",
        str(folders[1]),
        "--resamples",
        "20",
    ]
    original = builtins.__import__

    def without_matplotlib(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *rest)

    for module in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "evaluation.figure", raising=False)
    monkeypatch.delattr("evaluation.figure", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    assert main(arguments) == 0
    capsys.readouterr()
    assert main([*arguments, "--figure", "scores.png"]) == 1
    assert "--figure needs matplotlib, which is not installed" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for word in ("7.5 µm", "score_detection", "bootstrap", "--compare", "examples:", "FROC AUC"):
        assert word in text


def test_no_image_in_common(folders: Folders, tmp_path: Path) -> None:
    write_result(tmp_path / "z", "z.tif", [])
    with pytest.raises(ScoringError, match="they are found by the stem of the file name"):
        score_folder(tmp_path / "z", folders[1])

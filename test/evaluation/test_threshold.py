"""The command: sentences, the option to use, and exit statuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.threshold import main
from test.evaluation.scenes import write_json, write_result

Command = Any


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command on fields, each given as detections and x of figures; status and output."""

    def run(
        fields: dict[str, tuple[list[tuple[float, float]], list[float]]], *options: str
    ) -> tuple[int, str]:
        images, annotations = [], []
        for number, (name, (detections, figures)) in enumerate(fields.items()):
            images.append({"id": number, "file_name": f"{name}.tif", "width": 4000, "height": 4000})
            annotations += [
                {"image_id": number, "bbox": [x - 25, 475, x + 25, 525], "category_id": 1}
                for x in figures
            ]
            if name != "missing":
                points = [(x, 500.0, probability) for x, probability in detections]
                write_result(tmp_path / "out" / name, f"{name}.tif", points)
        categories = [{"id": 1, "name": "mitotic figure"}]
        truth = {"images": images, "categories": categories, "annotations": annotations}
        path = write_json(tmp_path / "truth.json", truth)
        status = main([str(tmp_path / "out"), str(path), "--resamples", "50", *options])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def separable(seed: int, figures: int) -> tuple[list[tuple[float, float]], list[float]]:
    """Figures at probabilities above 0.3, as many false positives below, all under the 0.5."""
    random = np.random.default_rng(seed)
    places = [100.0 * (n + 1) for n in range(2 * figures)]
    scores = [*random.uniform(0.32, 0.45, figures), *random.uniform(0.05, 0.28, figures)]
    return list(zip(places, scores, strict=True)), places[:figures]


def test_a_useful_proposal(command: Command, tmp_path: Path) -> None:
    fields = {f"f{n}": separable(n, 15) for n in range(6)}
    status, text = command(fields, "--json", str(tmp_path / "choice.json"))
    lines = text.splitlines()
    assert status == 0
    assert lines[0] == "6 fields with 90 mitotic figures."
    assert (
        lines[1]
        == "Threshold of the results: 0.5: F1 0.000, 0 found, 90 missed, 0 false positives."
    )
    assert lines[2].startswith("At the threshold of the results no annotated figure is found")
    assert "95 % bootstrap interval" in lines[3] and "6 fields" in lines[3]
    assert any(line.startswith("The choice is useful") for line in lines)
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert lines[-1] == f"To use it: ./run.sh INPUT OUTPUT --threshold {choice['proposed']:g}"
    assert 0.28 < choice["proposed"] < 0.33 and choice["useful"] and choice["figures"] == 90
    assert choice["counts"]["false_positives"] == 0


def test_the_proposed_threshold_has_the_stated_counts(command: Command) -> None:
    fields = {f"f{n}": separable(n, 15) for n in range(6)}
    lines = command(fields)[1].splitlines()
    proposed = float(lines[-1].rsplit(" ", 1)[1])
    found = sum(p >= proposed for detections, _ in fields.values() for _, p in detections)
    assert f"{found} found, {90 - found} missed, 0 false positives" in lines[3]


def test_few_figures_in_one_field(command: Command) -> None:
    status, text = command({"a": separable(0, 2)})
    assert status == 0
    assert "1 field with 2 mitotic figures." in text
    assert "(one field has no bootstrap interval)" in text
    assert (
        "Not useful yet: annotate about 28 more mitotic figures and at least one more field."
        in text
    )
    assert "--threshold 0." in text


def test_many_figures_in_one_field(command: Command) -> None:
    _, text = command({"a": separable(0, 19)})
    assert "Not useful yet: annotate about 11 more mitotic figures and at least one" in text


def test_no_figure_at_all(command: Command) -> None:
    status, text = command({"a": ([(100.0, 0.9)], []), "b": ([], [])})
    assert status == 1
    assert text == (
        "no mitotic figure is annotated in a, b, so all detections there count as false positives: "
        "leave images that nobody has looked at out of the file\n"
        "No threshold can be proposed: the annotated fields contain no mitotic figure; annotate "
        "fields with at least 30 of them.\n"
    )


def test_figures_that_no_detection_is_near(command: Command) -> None:
    status, text = command({"a": ([(900.0, 0.9)], [100.0])})
    assert status == 1
    assert "none of the 1 annotated mitotic figures is within 7.5 µm of a detection" in text


def test_fields_without_a_result_are_left_out(command: Command) -> None:
    fields = {"a": separable(0, 5), "b": separable(1, 5), "missing": ([], [100.0])}
    _, text = command(fields)
    lines = text.splitlines()
    assert lines[0] == "annotated, but not in the run, left out: missing"
    assert lines[1] == "2 fields with 10 mitotic figures."


def test_wrong_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_result(tmp_path / "out" / "a", "a.tif", [])
    assert main([str(tmp_path / "out"), str(tmp_path / "missing.json")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "at least 30 mitotic figures" in text and "OUTPUT" in text

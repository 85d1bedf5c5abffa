"""process.py end to end: rendered tissue in, files out, with weights and a bank made here."""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import process
from batch.signals import exit_on_sigterm
from evaluation import score, threshold
from model import __version__
from model.hashes import file_sha256
from model.weights import WEIGHTS_FILE
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from training.tiff import write_tiff

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """main() installs a handler of SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights/, their bank/, the bank of others/, and tissue/ with a field."""
    folder = tmp_path_factory.mktemp("made")
    network = tiny_network()
    sha256 = write_weights(folder / "weights", network)
    write_bank(folder / "bank", tiny_bank(network, 3, sha256=sha256))
    write_bank(folder / "others", tiny_bank(network, 3, sha256="0" * 64))
    (folder / "other.json").write_text(json.dumps(truth("another.tif", 30, 30)))
    (folder / "tissue").mkdir()
    pixels, _ = render_tissue((150, 200), figures=1, seed=1)
    write_tiff(folder / "tissue" / "field.tif", pixels, 0.25)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def truth(file: str, x: float, y: float) -> dict[str, Any]:
    """Annotations of one mitotic figure in MIDOG's format."""
    box = [x - 25, y - 25, x + 25, y + 25]
    return {
        "images": [{"id": 1, "file_name": file, "width": 200, "height": 150}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box}],
        "categories": [{"id": 1, "name": "mitotic figure"}],
    }


def run(made: Path, source: Path, output: Path, *options: str) -> int:
    places = ["--input", source, "--output", output]
    places += ["--weights", made / "weights", "--source-bank", made / "bank"]
    small = ["--epochs", "1", "--batch-size", "32", "--precision", "fp32", "--device", "cpu"]
    return process.main([*map(str, places), *small, *options])


def read(path: Path) -> Any:
    def reject(constant: str) -> None:
        raise ValueError(f"{constant} in {path}")

    return json.loads(path.read_text(), parse_constant=reject)


def test_rendered_tissue(made: Path, output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--adaptation", "paper", "--hpf-area", "0.2"]
    assert run(made, made / "tissue", output, *options) == 0
    captured = capfd.readouterr()
    assert captured.err == "" and captured.out.startswith("[1/1] field.tif: ")
    jsonschema.validate(read(output / "mitotic-figures.json"), read(SCHEMAS / "2025.json"))
    result = read(output / "result.json")
    assert result["status"] == "ok" and len(result["detections"]) > 0
    assert result["weights"] == {"sha256": file_sha256(made / "weights" / WEIGHTS_FILE)}
    assert result["source_bank"] == {"sha256": file_sha256(made / "bank" / "bank.safetensors")}
    settings = result["settings"]
    assert settings["version"] == __version__
    assert (settings["device"], settings["precision"], settings["seed"]) == ("cpu", "fp32", 0)
    assert settings["reversal_weight"] == 0.1 and settings["threshold"] == 0.5, "the card's"
    assert not any(str(made) in str(value) for value in settings.values())
    adaptation = result["adaptation"]
    assert adaptation["name"] == settings["adaptation"] == "paper"
    assert adaptation["steps"] == math.ceil((15 + result["candidates"]) / 32)
    assert 0 < adaptation["drift"] < 0.01
    summary = read(output / "results.json")
    assert [image["status"] for image in summary["images"]] == ["ok"]
    counts = result["counts"]
    assert summary["images"][0]["counts"] == counts
    assert counts["hpf_area_mm2"] == settings["hpf_area"] == 0.2
    assert counts["whole"]["figures"]["value"] == summary["images"][0]["mitotic_figures"]
    assert counts["whole"]["tissue_mm2"] == result["tissue"]["area_mm2"]
    assert counts["hotspot"]["box_px"] == [0, 0, 200, 150], "the image is smaller than 2 mm²"
    assert counts["hotspot"]["figures"] == counts["whole"]["figures"]


def test_two_runs_find_the_same(made: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        assert run(made, made / "tissue", tmp_path / name, "--adaptation", "paper") == 0
        contents.append((tmp_path / name / "mitotic-figures.json").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("arm", ["calibrated", "paper"])
def test_neither_order_nor_company_changes_an_image(made: Path, tmp_path: Path, arm: str) -> None:
    """Each image alone, the folder in order, and the folder in reverse: bit-identical."""
    options = ["--adaptation", arm, "--max-steps", "1", "--quiet"]
    tissue = {}
    for number in range(3):
        path = tmp_path / f"{number}.tif"
        pixels, _ = render_tissue((100, 120 + 10 * number), figures=0, seed=number)
        write_tiff(path, pixels, 0.25)
        tissue[number] = path.read_bytes()

    def found(folder: str, names: dict[int, str]) -> dict[int, bytes]:
        source, output = tmp_path / folder / "in", tmp_path / folder / "out"
        source.mkdir(parents=True)
        for number, name in names.items():
            (source / f"{name}.tif").write_bytes(tissue[number])
        assert run(made, source, output, *options) == 0
        places = {n: output / name if len(names) > 1 else output for n, name in names.items()}
        return {n: (place / "mitotic-figures.json").read_bytes() for n, place in places.items()}

    expected = found("forward", {0: "a", 1: "b", 2: "c"})
    assert len(set(expected.values())) == 3
    assert found("backward", {0: "c", 1: "b", 2: "a"}) == expected
    assert found("alone", {1: "a"}) == {1: expected[1]}


def test_resumed_run(made: Path, output: Path, tmp_path: Path) -> None:
    """By the real record: the same call keeps a result, one with another setting does not."""
    options = ["--adaptation", "none", "--quiet"]
    assert run(made, made / "tissue", output, *options) == 0
    before = (output / "result.json").stat().st_mtime_ns
    for same in ((), ("--verbose",), ("--max-memory", "8")):
        kept = [*options[:2], *same, "--resume"]
        assert run(made, made / "tissue", output, *kept) == 0
        assert (output / "result.json").stat().st_mtime_ns == before, same
    assert len(read(output / "results.json")["images"]) == 1
    assert run(made, made / "tissue", output, *options, "--resume", "--seed", "1") == 0
    assert (output / "result.json").stat().st_mtime_ns > before


def test_memory_that_is_allowed(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--adaptation", "none", "--max-memory", "1"]
    assert run(made, made / "tissue", output, *options) == 1
    error = "200x150 pixels: 1.4 GiB of memory are needed, 1.0 allowed (--max-memory); cut out"
    assert capfd.readouterr().err.startswith(f"error: field.tif: {error}")
    assert read(output / "result.json")["status"] == "failed"


def test_options_override_the_card(made: Path, output: Path) -> None:
    options = "--adaptation none --threshold 0 --output-format 2021 --mpp 0.26".split()
    assert run(made, made / "tissue", output, *options) == 0
    result = read(output / "result.json")
    assert result["adaptation"]["steps"] == 0 and result["source_bank"] == {"sha256": None}
    assert result["threshold"] == result["settings"]["threshold"] == 0
    assert result["pixel_size_um"] == [0.26, 0.26]
    figures = read(output / "mitotic-figures.json")
    jsonschema.validate(figures, read(SCHEMAS / "2021.json"))
    assert len(figures["points"]) == len(result["detections"]) > 0


def test_none_needs_no_bank(made: Path, output: Path, tmp_path: Path) -> None:
    options = ["--adaptation", "none", "--source-bank", str(tmp_path / "nowhere")]
    assert run(made, made / "tissue", output, *options) == 0


def test_adaptation_that_diverges_falls_back_and_says_so(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = "--adaptation paper --learning-rate 1e30 --epochs 2".split()
    assert run(made, made / "tissue", output, *options) == 0
    result = read(output / "result.json")
    reason = "adaptation diverged: losses or probabilities are not finite"
    assert result["adaptation"]["fallback"] == reason
    assert result["warnings"] == [f"network not adapted: {reason}"]
    assert reason in capfd.readouterr().out
    assert all(
        d["probability"] == d["probability_without_adaptation"] for d in result["detections"]
    )


def test_bad_image_among_good_ones(
    made: Path, output: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    tissue = (made / "tissue" / "field.tif").read_bytes()
    for name, content in (("a.tif", tissue), ("b.tif", tissue[:500]), ("c.tiff", tissue)):
        (source / name).write_bytes(content)
    assert run(made, source, output, "--adaptation", "none") == 1
    images = read(output / "results.json")["images"]
    assert [image["status"] for image in images] == ["ok", "failed", "ok"]
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"error: b.tif: {images[1]['error']}"
    first, last = (read(output / name / "result.json")["detections"] for name in "ac")
    assert first == last


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--adaptation paper --source-bank {made}/others", "belongs to other weights"),
        ("--adaptation paper --source-bank {made}/nowhere", "bank.safetensors is missing"),
        ("--weights {made}/bank", "card.json is missing"),
        ("--input {made}/weights", "no image to process in "),
        ("--input {made}/nowhere", "No such file or directory"),
        ("--input {made}/weights/card.json", "card.json: not a format that is read (.tif, "),
        ("--ground-truth {made}/weights/card.json", "card.json: "),
        ("--ground-truth {made}/other.json", "other.json: none of the images is in it"),
        ("--output {made}/weights/card.json", "card.json: the result cannot be written ("),
    ],
)
def test_wrong_call(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str], options: str, reason: str
) -> None:
    assert run(made, made / "tissue", output, *options.format(made=made).split()) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ") and reason in line
    assert not output.exists()


def test_ground_truth_scores_the_folder(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, figures = render_tissue((150, 200), figures=1, seed=1)
    ((x, y),) = figures.tolist()
    annotated = truth("field.tiff", x, y)
    annotated["images"].append(annotated["images"][0] | {"id": 2, "file_name": "other.tiff"})
    annotated["annotations"].append(annotated["annotations"][0] | {"id": 2, "image_id": 2})
    (tmp_path / "truth.json").write_text(json.dumps(annotated))
    options = ["--adaptation", "none", "--ground-truth", str(tmp_path / "truth.json")]
    assert run(made, made / "tissue", output, *options) == 0
    printed = capfd.readouterr().out
    challenge = next(line for line in printed.splitlines() if line.startswith("MIDOG 2025"))
    assert re.split(r" {2,}", challenge)[1:] == ["F1", "AP", "FROC AUC (0 to 8)"]
    assert "annotated, but not in the run, left out: other" in printed


def test_annotated_figures_outside_the_regions_are_not_scored(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    annotated = truth("field.tiff", 50, 50)
    outside = truth("field.tiff", 150, 50)["annotations"][0]
    look_alike = truth("field.tiff", 150, 100)["annotations"][0] | {"id": 3, "category_id": 2}
    annotated["annotations"] += [outside | {"id": 2}, look_alike]
    annotated["categories"].append({"id": 2, "name": "not mitotic figure"})
    (tmp_path / "truth.json").write_text(json.dumps(annotated))
    left = [[0, 0], [100, 0], [100, 150], [0, 150]]
    regions = tmp_path / "left.geojson"
    regions.write_text(json.dumps({"type": "Polygon", "coordinates": [left]}))
    options = ["--adaptation", "none", "--ground-truth", str(tmp_path / "truth.json")]
    assert run(made, made / "tissue", output, *options, "--roi", str(regions)) == 0
    scored = [capfd.readouterr().out]
    saved = ["--predictions", str(output), "--ground-truth", str(tmp_path / "truth.json")]
    assert score.main(saved) == 0
    scored.append(capfd.readouterr().out)
    for printed in scored:
        row = next(line for line in printed.splitlines() if line.startswith("field "))
        assert row.split()[2] == "1", "figures"
        assert "1 annotated figure lies outside the regions of interest and is not" in printed
    threshold.main([str(output), str(tmp_path / "truth.json"), "--resamples", "10"])
    assert capfd.readouterr().out.startswith("1 annotated figure lies outside the regions of")


def test_the_ground_truth_of_other_images_is_refused_before_the_first(
    made: Path, output: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    truth = {"images": [{"id": 1, "file_name": "other.tiff"}], "annotations": []}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    assert run(made, made / "tissue", output, "--ground-truth", str(tmp_path / "truth.json")) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "truth.json: none of the images is in it (field.tif" in line
    assert not output.exists()


def test_sigterm_ends_it_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    exit_on_sigterm()
    with pytest.raises(SystemExit) as end:
        signal.raise_signal(signal.SIGTERM)
    assert end.value.code == 128 + 15
    assert capsys.readouterr().err == ("error: stopped by SIGTERM; finished images are complete\n")


def test_files_for_readers(made: Path, output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = "--overlay --geojson --csv --report --verbose".split()
    assert run(made, made / "tissue", output, "--adaptation", "paper", *files) == 0
    for name in ("overlay.png", "thumbnail.png", "detections.geojson", "detections.csv"):
        assert (output / name).stat().st_size > 0
    page = (output / "report.html").read_text()
    assert "field.tif" in page and str(made) not in page
    captured = capfd.readouterr()
    assert captured.err == "" and "adaptation, steps: 1" in captured.out
    assert captured.out.endswith(f"open {output / 'report.html'} in a browser\n")
    assert not {"report", "quiet"} & set(read(output / "result.json")["settings"])


def test_images_named_like_files_of_the_run(made: Path, output: Path, tmp_path: Path) -> None:
    for name in ("report.html.tif", "report_files.tif", "detections.csv.tif"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes((made / "tissue" / "field.tif").read_bytes())
    assert run(made, tmp_path / "in", output, "--adaptation", "none", "--report", "--csv") == 0
    assert (output / "report.html").is_file() and (output / "detections.csv").is_file()
    assert (output / "report.html.tif" / "result.json").is_file()


def test_quiet(made: Path, output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(made, made / "tissue", output, "--adaptation", "none", "--quiet") == 0
    assert capfd.readouterr() == ("", "")

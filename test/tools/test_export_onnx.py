"""The ONNX export and the Hugging Face folder: what they compute, state and hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import PIL.Image
import pytest
import torch
import yaml

from model.detector import ROOT
from model.scoring import mitosis_probabilities
from model.source_bank import load_bank
from model.weights import load_weights
from tools import export_onnx, hugging_face_folder
from tools.export_onnx import TOLERANCE, candidate_patches, largest_difference
from tools.hugging_face_folder import HASHES_FILE, ONNX_FILE, model_card, write_folder
from training.icpr_2012 import FIELD_MPP, PARIS

URL = "https://example.org/code"
pytestmark = pytest.mark.xdist_group("export")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Hugging Face folder of the shipped weights."""
    out = tmp_path_factory.mktemp("hugging_face")
    lines = write_folder(out, URL)
    assert re.search(r"on 256 candidates of hgsc_nest.tiff .* by at most \de-0[5-9]", lines[-1])
    return out


def test_any_number_of_patches_gives_the_networks_probabilities(folder: Path) -> None:
    network, _ = load_weights(ROOT / "weights")
    random = np.random.default_rng(0)
    for count in (1, 7):
        patches = random.integers(0, 256, (count, 64, 64, 3), np.uint8)
        assert largest_difference(network, folder / ONNX_FILE, patches) <= TOLERANCE


@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="needs MITOSIS_DATA")
def test_mitotic_figures_of_a_labelled_field(folder: Path) -> None:
    """Of both classes: what both libraries compute spans the whole range of probabilities."""
    file = Path(os.environ["MITOSIS_DATA"]) / "fields_a" / "images" / "A03_02.jpg"
    mpp = FIELD_MPP[PARIS]
    pixels = np.asarray(PIL.Image.open(file).convert("RGB"))
    patches = candidate_patches(pixels, (mpp, mpp))
    network, _ = load_weights(ROOT / "weights")
    found = mitosis_probabilities(network, torch.from_numpy(patches), 0, "fp32")
    assert found.min() < 0.01 and found.max() > 0.9
    assert largest_difference(network, folder / ONNX_FILE, patches) <= TOLERANCE


def test_metadata_state_what_the_graph_leaves_to_its_user(folder: Path) -> None:
    model = onnx.load(folder / ONNX_FILE)
    _, card = load_weights(ROOT / "weights")
    stated = {entry.key: entry.value for entry in model.metadata_props}
    assert stated["weights_sha256"] == card.sha256
    assert float(stated["pixel_size_um"]) == 0.25
    assert json.loads(stated["threshold"])["value"] == card.threshold
    assert json.loads(stated["domains"]) == card.domains
    assert "non-commercial" in stated["licence"] and "one view" in stated["output"]
    session = onnxruntime.InferenceSession(
        str(folder / ONNX_FILE), providers=["CPUExecutionProvider"]
    )
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("patches", "tensor(uint8)", ["n", 64, 64, 3])
    assert (returned.name, returned.shape) == ("probability", ["n"])


def test_an_export_that_differs_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_onnx, "MITOTIC", 0)
    assert export_onnx.main([str(tmp_path / "model.onnx")]) == 1
    assert capsys.readouterr().err.startswith("error: probabilities differ by ")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_complete_and_usable(folder: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", HASHES_FILE], cwd=folder, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == {
        "LICENSE", "README.md", "card.json", "model.onnx", "source_bank/bank.safetensors",
        "source_bank/entries.csv", "screen.safetensors", "weights.safetensors",
    }  # fmt: skip
    _, card = load_weights(folder)
    load_bank(folder / "source_bank", card.sha256, card.domains)


def test_the_cards_header_is_valid_and_its_links_lead_to_the_code(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license_link"] == "LICENSE" and header["pipeline_tag"] == "object-detection"
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert f"{URL}/blob/main/README.md#results" in links
    for link in links:
        place = link.removeprefix(f"{URL}/blob/main/").split("#")[0]
        assert (ROOT / place).is_file() if link.startswith(URL) else (folder / link).is_file()
    plain = model_card((ROOT / "weights" / "README.md").read_text(), None)
    assert "../" not in plain and "the [detector]" not in plain and "## Files" in plain


def test_the_cards_example_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    _, _, example = (folder / "README.md").read_text().partition("```python\n")
    names: dict[str, np.ndarray] = {"patches": np.zeros((2, 64, 64, 3), np.uint8)}
    exec(example.partition("```")[0], names)
    assert names["probabilities"].shape == (2,)


def test_a_folder_with_files_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / HASHES_FILE).read_bytes()
    assert hugging_face_folder.main([str(folder)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (folder / HASHES_FILE).read_bytes() == before

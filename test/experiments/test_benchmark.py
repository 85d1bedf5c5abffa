"""The benchmark runs and says what it promises; its sums are derived a second time."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batch.options import ROOT
from experiments import plain
from experiments.benchmark import main
from experiments.benchmark_scene import SIZES, Scene, bank_at, mosaic
from model.adaptation.registry import DEFAULT_ADAPTATION
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights

# Rows whose ratio is a share of time; the others say how many times as fast something is.
SMALLER_IS_BETTER = (
    "start-up, until model and image are in memory",
    "4 runs on a field at once",
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The numbers and the tables of --quick, with small weights."""
    folder = tmp_path_factory.mktemp("benchmark")
    network = tiny_network()
    sha256 = write_weights(folder / "weights", network)
    write_bank(folder / "bank", tiny_bank(network, 3, sha256=sha256))
    places = ["--weights", folder / "weights", "--source-bank", folder / "bank"]
    options = ["--quick", "--profile", "--json", folder / "speed.json", "--device", "cpu", *places]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MITOSIS_DATA", raising=False)
        printed: list[str] = []
        patch.setattr("builtins.print", lambda *words, **_: printed.append(" ".join(words)))
        assert main([str(option) for option in options]) == 0
    return json.loads((folder / "speed.json").read_text()), "\n".join(printed)


def test_json_holds_what_is_promised(quick: tuple[dict[str, Any], str]) -> None:
    values, _ = quick
    adaptation, candidates = values["adaptation"], values["candidates"]
    assert adaptation["default_arm"] == DEFAULT_ADAPTATION
    assert adaptation["default_arm_seconds"] >= 0
    numbers = [adaptation["ratio"], adaptation["ratio_same_method"], candidates["seconds"],
               candidates["default_seconds"], values["whole"]["seconds"]]  # fmt: skip
    assert all(number > 0 and math.isfinite(number) for number in numbers)
    assert values["machine"]["tissue"] == "rendered"
    assert values["whole"]["peak_bytes"] > 1e8
    assert values["whole"]["adaptation_steps"] > 0
    assert values["whole"]["ratio"] > 0 and values["classification"]["ratio"] > 0
    assert values["startup"]["ratio"] > 1  # it imports torch too
    at_once = values["four_at_once"]
    assert at_once["ratio"] == pytest.approx(
        at_once["seconds"] / at_once["in_turn_seconds"], abs=0.02
    )


def test_sums(quick: tuple[dict[str, Any], str]) -> None:
    values, _ = quick
    adaptation, size = values["adaptation"], SIZES["quick"]
    assert adaptation["patches"] == 5 * (size.entries + size.candidates)
    assert adaptation["steps"] == 5 * math.ceil((size.entries + size.candidates) / 128)
    assert adaptation["timed_steps"] == {"plain": 2, "same_method": 4, "above_cut": 4}
    assert adaptation["ratio"] == pytest.approx(
        adaptation["plain_seconds"] / adaptation["seconds"], rel=0.2, abs=0.1
    )
    assert adaptation["below_cut_seconds"] <= adaptation["seconds"]
    for name, share in adaptation["share_of_ceiling"].items():
        assert 0 < share < math.inf, name
    paper, ours, default = values["candidates"]["found"]
    assert paper == ours > 0 and default > 0
    assert len(values["whole"]["stages"]) == 6


def test_flops_a_patch(quick: tuple[dict[str, Any], str]) -> None:
    """Training costs three times a forward pass, less what ends at the cut."""
    values, _ = quick
    flops = values["adaptation"]["mflop_a_patch"]
    assert flops["plain"] > flops["same_method"] > 2 * flops["above_cut"] > 0
    network = tiny_network()
    macs = 0

    def count(layer: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
        nonlocal macs
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        macs += weight.numel() * output[0].numel() // weight.shape[0]

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    assert flops["plain"] == pytest.approx(3 * 2 * macs / 1e6, rel=0.05)


def shown_ratios(markdown: str) -> dict[str, float]:
    """The ratios of the benchmark's tables by what they are of, where a document has any."""
    row = r"^\| ([^|]+) \| ([0-9.]+) \| [^|]+ \| [^|]+ \|(?: [^|]+ \|)?$"
    rows = re.findall(row, markdown, re.MULTILINE)
    return {name: float(number) for name, number in rows}


@pytest.mark.slow
@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="MITOSIS_DATA is not set")
def test_ratios_are_those_of_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """Within a factor of 1.5: machines differ, and other work disturbs."""
    documented = shown_ratios((ROOT / "docs" / "performance.md").read_text())
    assert main([]) == 0
    measured = shown_ratios(capsys.readouterr().out)
    assert measured.keys() == documented.keys()
    worse = [
        name
        for name, number in documented.items()
        if (measured[name] > 1.5 * number if name in SMALLER_IS_BETTER else
            measured[name] < number / 1.5)
    ]  # fmt: skip
    assert not worse, [(name, documented[name], measured[name]) for name in worse]


def test_tables_show_the_ratios_first(quick: tuple[dict[str, Any], str]) -> None:
    _, text = quick
    tables = text[text.index("; ") :]
    for line in (
        "| | ratio | plain, s | here, s |",
        "| adaptation above the shipped cut (3) |",
        "| adaptation, the same method |",
        f"| adaptation, default arm `{DEFAULT_ADAPTATION}` | - | - |",
        "| whole image by `process.py`, default |",
        "| 2 of 15 |",
        "| start-up, until model and image are in memory |",
        "| 4 runs on a field at once |",
    ):
        assert line in tables, line
    assert tables.index("| ratio |") < tables.index("| patches/s |")
    assert "Schedules of which not all steps were timed are extrapolated" in tables


def test_profile_adds_up(quick: tuple[dict[str, Any], str]) -> None:
    values, text = quick
    for name, rows in values["profile"].items():
        assert sum(row["share"] for row in rows) == pytest.approx(1, abs=0.05)
        assert f"| operator, {name} | share | calls |" in text
    operators = {row["operator"] for row in values["profile"]["adaptation"]}
    assert "mm" in operators and "mkldnn_convolution" not in operators


def test_mosaic() -> None:
    fields = [np.full((3, 4, 3), value, np.uint8) for value in (1, 2, 3)]
    laid = mosaic(fields, (10, 5))[..., 0]
    assert laid.shape == (5, 10)
    assert laid[0].tolist() == [1] * 4 + [2] * 4 + [3] * 2
    assert laid[3].tolist() == [1] * 4 + [2] * 4 + [3] * 2
    assert mosaic(fields[:2], (6, 5))[3, :, 0].tolist() == [1] * 4 + [2] * 2


def test_bank_at_a_cut_is_the_one_of_its_patches() -> None:
    network = tiny_network()
    patches = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)[[0, 1, 0, 2]]
    source = plain.Source(patches, torch.tensor([1, 0, 0, 0]), torch.tensor([0, 1, 2, 0]))
    scene = Scene(
        network, np.zeros((1, 1, 3), np.uint8), source, patches, 3, 1.0, "fp32", torch.device("cpu")
    )
    pixels, bank = bank_at(scene, 0), bank_at(scene, 3)
    assert torch.equal(pixels.values, patches) and bank.mitotic.tolist() == [1, 0, 0, 0]
    found = bank.activations(torch.arange(4))
    expected = network.below(pixels.activations(torch.arange(4)), 3)
    assert (found - expected).abs().max() <= bank.scales.max()
    assert torch.equal(found[0], found[2])


def test_missing_weights_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--weights", str(tmp_path)]) == 2
    assert "card.json is missing" in capsys.readouterr().err

"""The command line of the training, on rendered tissue."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch

from training import train
from training.crops import AMI_BR, CROP_SETS, crop_domains
from training.data_folder import FolderChoice
from training.icpr_2012 import PARIS
from training.initial_network import initial_network
from training.preset import PRESETS
from training.recipe import Recipe
from training.runs import NETWORK_FILE, load_run
from training.trunk import TRUNK_FILE, Trunk


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_presets_are_recipes(path: Path) -> None:
    preset = tomllib.loads(path.read_text())
    assert isinstance(preset["whole_fields"], bool)
    mixture = Recipe.from_dict(preset["recipe"]).mixture
    assert (mixture.unlabelled > 0) == ("unlabelled" in preset) and mixture.size >= 128


def test_a_run_leaves_network_metrics_and_what_it_was(runs: dict[str, Path]) -> None:
    for name, slides, start in (
        ("crops", [], "imagenet"),
        ("fields", ["A00", "A01", "A02"], str(runs["crops"])),
        ("fold", ["A00", "A02"], str(runs["crops"])),
    ):
        files = {path.name for path in runs[name].iterdir()}
        assert files == {
            *("checkpoint.pt", "metrics.jsonl", "network.safetensors", "run.json", "tensorboard")
        }
        network, summary = load_run(runs[name])
        domains = [*crop_domains([AMI_BR]), *([PARIS] if slides else [])]
        assert summary["domains"] == domains and network.source_domains == len(domains)
        assert summary["whole_field_slides"] == slides and summary["start"] == start
        assert summary["mitotic"] == 20 + len(slides)
        assert Recipe.from_dict(summary["recipe"]).steps == 2


def test_second_stage_goes_on_from_the_first(runs: dict[str, Path]) -> None:
    before, after = (load_run(runs[name])[0].state_dict() for name in ("crops", "fields"))
    same = {
        name.split(".")[1]
        for name in before
        if name.startswith("trunk") and torch.equal(before[name], after[name])
    }
    assert same == {"conv1", "bn1", "layer1", "layer2", "layer3"}, "layers below its cut stay"


def test_seed_decides_the_new_layers(data: Path) -> None:
    samples, trunk = FolderChoice().load(data), Trunk(str(data / TRUNK_FILE))
    first, again, other = (
        initial_network(samples, trunk, None, seed, patches=20).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["mitosis.0.weight"], other["mitosis.0.weight"])
    assert torch.equal(first["trunk.conv1.weight"], other["trunk.conv1.weight"])


def test_paris_is_a_domain_only_with_its_figures(data: Path) -> None:
    assert FolderChoice(field_slides=("A00",)).load(data).domains[-1] == PARIS
    control = FolderChoice(field_slides=("A00",), field_figures=False).load(data)
    assert control.domains == list(crop_domains([AMI_BR]))
    assert control.mitotic.sum() == 20 and (control.domain == -1).sum() > 10


def test_a_run_and_a_card_record_the_choice_of_data() -> None:
    choice = FolderChoice(CROP_SETS, ("A00", "A02"), False, "aperio_cs2_berlin")
    assert FolderChoice.of_run(choice.about()) == choice
    assert FolderChoice.of_card({"data": {"training_slides": ["A00"]}}) == FolderChoice(
        (AMI_BR,), ("A00",)
    ), "a card of 0.1.0"
    assert len(FolderChoice(CROP_SETS).domains) == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [("--preset other", "invalid choice: 'other'"), ("--leave-out A03", "invalid choice: 'A03'")],
)
def test_wrong_calls(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: str, message: str
) -> None:
    """A03 is validation: it is never trained on, so it cannot be left out."""
    with pytest.raises(SystemExit) as end:
        train.main([str(tmp_path), str(tmp_path), *options.split()])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_run_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"domains": ["a"]}))
    with pytest.raises(FileNotFoundError, match=NETWORK_FILE):
        load_run(tmp_path)

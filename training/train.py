"""Train the network on labelled tissue.

Two stages make the shipped weights: `crops` trains every layer from the ImageNet trunk on the
crops; `fields` goes on from there with whole fields and hard negatives.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import torch

from model.network import MitosisNetwork
from model.patches import normalise
from model.weights import load_network, save_network
from training.ami_br import CROP_DOMAINS, PARIS, add_crops, add_fields
from training.augmentation import Augmentation
from training.batches import BatchSource, Mixture
from training.imagenet_trunk import load_folded_trunk
from training.samples import Samples
from training.source import Recipe, recipe_as_dict, train

PRESETS = Path(__file__).parent / "presets"
TRAINING_SLIDES = ("A00", "A01", "A02")  # A03 is validation
TRUNK_FILE = "imagenet_resnet18_stem_to_layer3_folded_fp16.npz"
NETWORK_FILE = "network.safetensors"
RUN_FILE = "run.json"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    preset = tomllib.loads((PRESETS / f"{options.preset}.toml").read_text())
    recipe = Recipe.from_dict(preset["recipe"] | {"seed": options.seed})
    slides = set(TRAINING_SLIDES) - set(options.leave_out) if preset["whole_fields"] else set()
    samples = load_samples(options.data, slides, not options.positives_from_crops_only)
    network = initial_network(samples, options.data, options.start, recipe.seed)
    print(describe(samples), flush=True)
    trained = train(network, samples, recipe, options.run)
    save_network(trained, options.run / NETWORK_FILE)
    summary = {
        "preset": options.preset,
        "start": str(options.start) if options.start else "imagenet",
        "domains": samples.domains,
        "whole_field_slides": sorted(slides),
        "positives_from_crops_only": options.positives_from_crops_only,
        "recipe": recipe_as_dict(recipe),
        "mitotic": int(samples.mitotic.sum()),
        "negatives": int((~samples.mitotic).sum()),
    }
    (options.run / RUN_FILE).write_text(json.dumps(summary, indent=2) + "\n")
    print(f"wrote {options.run / NETWORK_FILE}")
    return 0


def load_run(run: Path) -> tuple[MitosisNetwork, dict[str, Any]]:
    """The network of a finished run and what its `run.json` says."""
    summary: dict[str, Any] = json.loads((run / RUN_FILE).read_text())
    return load_network(run / NETWORK_FILE, len(summary["domains"])), summary


def load_samples(data: Path, field_slides: set[str], field_figures: bool = True) -> Samples:
    """Crops, and the whole fields of the given slides, as one training set."""
    with_paris = bool(field_slides) and field_figures
    samples = Samples([*CROP_DOMAINS.values(), *([PARIS] if with_paris else [])])
    add_crops(samples, data)
    if field_slides:
        add_fields(samples, data, field_slides, figures_as_positives=field_figures)
    return samples


def initial_network(samples: Samples, data: Path, start: Path | None, seed: int) -> MitosisNetwork:
    """A new network with ImageNet's trunk, or that of a run with a new scanner branch."""
    torch.manual_seed(seed)
    network = MitosisNetwork(len(samples.domains))
    if start is None:
        source = BatchSource(samples, Mixture(size=512), Augmentation(), seed)
        load_folded_trunk(network, data / TRUNK_FILE, normalise(source.draw(0).patches))
        return network
    before, _ = load_run(start)
    network.trunk.load_state_dict(before.trunk.state_dict())
    network.mitosis.load_state_dict(before.mitosis.state_dict())
    return network


def describe(samples: Samples) -> str:
    """A line a domain: figures and negatives."""
    lines = []
    for index, name in enumerate(samples.domains):
        here = samples.domain == index
        figures = int((here & samples.mitotic).sum())
        lines.append(f"{name}: {figures} mitotic figures, {int(here.sum()) - figures} negatives")
    outside = int((samples.domain < 0).sum())
    return "\n".join([*lines, f"outside the scanner loss: {outside} negatives"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with crops/, fields_a/ and fields_h/")
    parser.add_argument(
        "run",
        type=Path,
        help="folder for checkpoint, metrics and network; "
        "an interrupted run goes on from its checkpoint",
    )
    names = sorted(path.stem for path in PRESETS.glob("*.toml"))
    parser.add_argument("--preset", choices=names, default="crops", help="default: %(default)s")
    parser.add_argument("--start", type=Path, help="finished run to go on from (default: ImageNet)")
    parser.add_argument(
        "--leave-out",
        nargs="*",
        default=[],
        choices=TRAINING_SLIDES,
        metavar="SLIDE",
        help="whole-field slides to leave out (a fold)",
    )
    parser.add_argument(
        "--positives-from-crops-only",
        action="store_true",
        help="take no mitotic figure from the whole fields (a control)",
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())

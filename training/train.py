"""Train the network on labelled tissue: DATA RUN, or --midog IMAGES --output RUN.

`crops` made the shipped weights: it trains every layer from the ImageNet trunk on the crops.
`fields` can go on from there with whole fields and hard negatives. `paper` is the paper's
training. Several processes: torchrun --nproc-per-node N -m training.train ...
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model.network import MitosisNetwork
from model.patches import normalise
from model.weights import load_network, save_network
from training.ami_br import CROP_DOMAINS, PARIS, add_crops, add_fields
from training.augmentation import Augmentation
from training.batches import BatchSource, Mixture
from training.compute import Compute, add_compute_options, join, leave
from training.midog import MidogError
from training.midog_data import MidogChoice, add_midog_options
from training.samples import Samples
from training.source import Recipe, recipe_as_dict, train
from training.trunk import IMAGENET, RANDOM, Trunk, load_trunk

PRESETS = Path(__file__).parent / "presets"
TRAINING_SLIDES = ("A00", "A01", "A02")  # A03 is validation
TRUNK_FILE = "imagenet_resnet18_stem_to_layer3_folded_fp16.npz"
NETWORK_FILE = "network.safetensors"
RUN_FILE = "run.json"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = parse(arguments)
    preset = read_preset(options.preset)
    compute = join(options.device, options.precision)
    try:
        return _train(options, preset, compute)
    except MidogError as error:
        if compute.first:
            print(f"error: the data cannot be used:\n{error}", file=sys.stderr)
        return 2
    finally:
        leave()


def _train(options: argparse.Namespace, preset: dict[str, Any], compute: Compute) -> int:
    recipe = Recipe.from_dict(preset["recipe"] | {"seed": options.seed})
    if options.learning_rate is not None:
        recipe = replace(recipe, learning_rate=options.learning_rate)
    if options.midog:
        choice = MidogChoice.from_preset(preset, options)
        data = choice.load(compute)
        about, samples, validation = (
            data.about(),
            data.training_samples(),
            data.validation_samples(),
        )
    else:
        slides = set(TRAINING_SLIDES) - set(options.leave_out) if preset["whole_fields"] else set()
        validation = None
        samples = load_samples(
            options.data,
            slides,
            not options.positives_from_crops_only,
            leave_out_domain=options.leave_out_domain,
        )
        about = {
            "left_out_domain": options.leave_out_domain,
            "whole_field_slides": sorted(slides),
            "positives_from_crops_only": options.positives_from_crops_only,
        }
    recipe = recipe.for_samples(len(samples))
    network = initial_network(samples, _trunk(options), options.start, recipe.seed)
    if compute.first:
        print(describe(samples), flush=True)
    started = time.time()
    trained = train(network, samples, recipe, options.run, compute=compute, validation=validation)
    if not compute.first:
        return 0
    save_network(trained, options.run / NETWORK_FILE)
    summary = {
        "preset": Path(options.preset).stem,
        "start": str(options.start) if options.start else _trunk(options).label,
        "domains": samples.domains,
        **about,
        "recipe": recipe_as_dict(recipe),
        "mitotic": int(samples.mitotic.sum()),
        "negatives": int((~samples.mitotic).sum()),
        "compute": {
            "device": compute.device.type,
            "precision": compute.precision,
            "processes": compute.world,
            "seconds_since_start_or_resumption": round(time.time() - started),
        },
    }
    (options.run / RUN_FILE).write_text(json.dumps(summary, indent=2) + "\n")
    print(f"wrote {options.run / NETWORK_FILE}")
    return 0


def read_preset(name: str) -> dict[str, Any]:
    """A preset by name, or a file of its form."""
    path = Path(name) if name.endswith(".toml") else PRESETS / f"{name}.toml"
    return tomllib.loads(path.read_text())


def load_run(run: Path) -> tuple[MitosisNetwork, dict[str, Any]]:
    """The network of a finished run and what its `run.json` says."""
    summary: dict[str, Any] = json.loads((run / RUN_FILE).read_text())
    return load_network(run / NETWORK_FILE, len(summary["domains"])), summary


def crop_domains(leave_out: str | None = None) -> list[str]:
    """Domains of the crops, one of them left out."""
    return [domain for domain in CROP_DOMAINS.values() if domain != leave_out]


def load_samples(
    data: Path,
    field_slides: set[str],
    field_figures: bool = True,
    leave_out_domain: str | None = None,
) -> Samples:
    """Crops, and the whole fields of the given slides, as one training set."""
    with_paris = bool(field_slides) and field_figures
    samples = Samples([*crop_domains(leave_out_domain), *([PARIS] if with_paris else [])])
    add_crops(samples, data)
    if field_slides:
        add_fields(samples, data, field_slides, figures_as_positives=field_figures)
    return samples


def run_before(summary: dict[str, Any]) -> Path | None:
    """The run that a run went on from, None where it began with a trunk."""
    start = summary["start"]
    return None if start in (IMAGENET, RANDOM) else Path(start)


def initial_network(
    samples: Samples, trunk: Trunk, start: Path | None, seed: int
) -> MitosisNetwork:
    """A new network with the given trunk, or that of a run with a new scanner branch."""
    torch.manual_seed(seed)
    network = MitosisNetwork(len(samples.domains))
    if start is None:
        load_trunk(network, trunk, lambda: normalise(_patches(samples, seed)))
        return network
    before, _ = load_run(start)
    network.trunk.load_state_dict(before.trunk.state_dict())
    network.mitosis.load_state_dict(before.mitosis.state_dict())
    return network


def _patches(samples: Samples, seed: int) -> torch.Tensor:
    """Patches of the training set that batch norm's statistics are taken from."""
    return BatchSource(samples, Mixture(size=512), Augmentation(), seed).draw(0).patches


def _trunk(options: argparse.Namespace) -> Trunk:
    return Trunk(options.trunk or (IMAGENET if options.midog else str(options.data / TRUNK_FILE)))


def describe(samples: Samples) -> str:
    """A line a domain: figures and negatives."""
    lines = []
    for index, name in enumerate(samples.domains):
        here = samples.domain == index
        figures = int((here & samples.mitotic).sum())
        lines.append(f"{name}: {figures} mitotic figures, {int(here.sum()) - figures} negatives")
    outside = int((samples.domain < 0).sum())
    return "\n".join([*lines, f"outside the scanner loss: {outside} negatives"])


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Options, with the two ways to name the data brought together."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.midog:
        if options.data or options.leave_out or not options.annotations or not options.output:
            parser.error("--midog goes with --annotations and --output, and without DATA RUN")
        options.run = options.output
    elif options.run is None or options.output:
        parser.error("DATA and RUN are needed, or --midog, --annotations and --output")
    return options


def _preset_name(text: str) -> str:
    names = sorted(path.stem for path in PRESETS.glob("*.toml"))
    if text in names or (text.endswith(".toml") and Path(text).is_file()):
        return text
    raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {names} or a .toml)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, nargs="?", help="folder with crops/, fields_a/ and fields_h/")
    add(
        "run",
        type=Path,
        nargs="?",
        help="folder for checkpoint, metrics and network; "
        "an interrupted run goes on from its checkpoint",
    )
    add_midog_options(parser)
    add("--output", type=Path, metavar="RUN", help="with --midog: the run's folder")
    add(
        "--preset",
        type=_preset_name,
        default="crops",
        help="name of a file in training/presets, or a file of that form [%(default)s]",
    )
    add("--start", type=Path, metavar="RUN", help="finished run to go on from")
    add(
        "--trunk",
        help="where the layers start without --start: imagenet (torchvision's, downloaded once), "
        "random, or a file (.pth of torchvision, .npz with folded batch norm) "
        "[imagenet; DATA's own file without --midog]",
    )
    add("--learning-rate", type=float, metavar="RATE", help="instead of the preset's")
    add(
        "--leave-out",
        nargs="*",
        default=[],
        choices=TRAINING_SLIDES,
        metavar="SLIDE",
        help="whole-field slides to leave out (a fold)",
    )
    add(
        "--leave-out-domain",
        choices=list(CROP_DOMAINS.values()),
        metavar="DOMAIN",
        help="domain of the crops to leave out (training.domain_folds)",
    )
    add(
        "--positives-from-crops-only",
        action="store_true",
        help="take no mitotic figure from the whole fields (a control)",
    )
    add_compute_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Train the network on labelled tissue: DATA RUN, or --midog IMAGES --output RUN.

Presets: `domains` trains every layer from the ImageNet trunk on the crops of seven domains; `crops`
does so on five and made the weights of 0.1.0; `hospitals` adds unlabelled domains to the scanner
branch; `fields` continues with whole fields and hard negatives; `paper` is the paper's training.
Several processes: torchrun --nproc-per-node N -m training.train ...
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from model.weights import save_network
from training.compute import Compute, add_compute_options, join, leave
from training.crops import crop_domains
from training.data_folder import FolderChoice
from training.icpr_2012 import SELECTION_SLIDES
from training.initial_network import initial_network
from training.loop import train
from training.midog import MidogError
from training.midog_data import MidogChoice, add_midog_options
from training.preset import PRESETS, preset_names, read_preset
from training.recipe import Recipe
from training.runs import NETWORK_FILE, RUN_FILE
from training.samples import Samples
from training.trunk import IMAGENET, TRUNK_FILE, Trunk


class TrainingData(NamedTuple):
    """Samples to train on and to validate with, and what `run.json` records of them."""

    samples: Samples
    validation: Samples | None
    about: dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = parse(arguments)
    preset = read_preset(options.preset)
    compute = join(options.device, options.precision)
    try:
        run(options, preset, compute)
    except MidogError as error:
        if compute.first:
            print(f"error: the data cannot be used:\n{error}", file=sys.stderr)
        return 2
    finally:
        leave()
    return 0


def run(options: argparse.Namespace, preset: dict[str, Any], compute: Compute) -> None:
    """Train as the options and the preset say; write the network and `run.json`.

    Raises:
        MidogError: with every problem of the data.
    """
    data = load_data(options, preset, compute)
    recipe = _recipe(options, preset).for_samples(len(data.samples))
    trunk = _trunk(options)
    network = initial_network(data.samples, trunk, options.start, recipe.seed)
    if compute.first:
        print(data.samples.describe(), flush=True)
    started = time.time()
    trained = train(
        network, data.samples, recipe, options.run, compute=compute, validation=data.validation
    )
    if not compute.first:
        return
    save_network(trained, options.run / NETWORK_FILE)
    summary = {
        "preset": Path(options.preset).stem,
        "start": str(options.start) if options.start else trunk.label,
        "domains": data.samples.domains,
        **data.about,
        "recipe": recipe.as_dict(),
        "mitotic": int(data.samples.mitotic.sum()),
        "negatives": int((~data.samples.mitotic).sum()),
        "compute": {
            "device": compute.device.type,
            "precision": compute.precision,
            "processes": compute.world,
            "seconds_since_start_or_resumption": round(time.time() - started),
        },
    }
    (options.run / RUN_FILE).write_text(json.dumps(summary, indent=2) + "\n")
    print(f"wrote {options.run / NETWORK_FILE}")


def load_data(
    options: argparse.Namespace, preset: dict[str, Any], compute: Compute
) -> TrainingData:
    """The data that options and preset choose.

    Raises:
        MidogError: with every problem of the data.
    """
    if options.midog:
        chosen = MidogChoice.from_preset(preset, options).load(compute)
        return TrainingData(chosen.training_samples(), chosen.validation_samples(), chosen.about())
    choice = FolderChoice.from_preset(preset, options)
    return TrainingData(choice.load(options.data), None, choice.about())


def _recipe(options: argparse.Namespace, preset: dict[str, Any]) -> Recipe:
    recipe = Recipe.from_dict(preset["recipe"] | {"seed": options.seed})
    if options.learning_rate is None:
        return recipe
    return replace(recipe, learning_rate=options.learning_rate)


def _trunk(options: argparse.Namespace) -> Trunk:
    if options.trunk:
        return Trunk(options.trunk)
    in_data = options.data / TRUNK_FILE if options.data else None
    return Trunk(str(in_data) if in_data and in_data.is_file() else IMAGENET)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Options, with both ways to name the data brought together."""
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
    names = preset_names(PRESETS)
    if text in names or (text.endswith(".toml") and Path(text).is_file()):
        return text
    raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {names} or a .toml)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, nargs="?", help="folder with crops/, crops_md/, fields_a/ and fields_h/")
    add(
        "run",
        type=Path,
        nargs="?",
        help="folder for checkpoint, metrics and network; "
        "an interrupted run continues from its checkpoint",
    )
    add_midog_options(parser)
    add("--output", type=Path, metavar="RUN", help="with --midog: the run's folder")
    add(
        "--preset",
        type=_preset_name,
        default="domains",
        help="name of a file in training/presets, or a file of the same form [%(default)s]",
    )
    add("--start", type=Path, metavar="RUN", help="finished run to continue from")
    add(
        "--trunk",
        help="where the layers start without --start: imagenet (torchvision's, downloaded once), "
        "random, or a file (.pth of torchvision, .npz with folded batch norm) "
        "[DATA's own file if there is one, else imagenet]",
    )
    add("--learning-rate", type=float, metavar="RATE", help="instead of the preset's")
    add(
        "--leave-out",
        nargs="*",
        default=[],
        choices=SELECTION_SLIDES,
        metavar="SLIDE",
        help="whole-field slides to leave out (a fold)",
    )
    add(
        "--leave-out-domain",
        choices=crop_domains(),
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

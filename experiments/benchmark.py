"""How fast the detector is, beside the plain version of the paper's method on the same machine.

Everything is measured in one run: the plain version (experiments/plain.py), the detector, and the
machine's speed at matrix products. The plain loop is timed over some steps and extrapolated to the
whole schedule, and so is the detector's, unless --full is given. A ratio is the plain version's
seconds over the detector's.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from batch.terminal import Terminal
from batch.writing import write_json
from experiments.adaptations.registry import ARMS, NO_ADAPTATION
from experiments.benchmark_runs import measure_four_at_once, measure_startup, measure_whole
from experiments.benchmark_scene import MPP, SIZES, Scene, Size, bank_at, load_scene
from experiments.benchmark_stages import (
    SHIPPED_METHOD,
    measure_adaptation,
    measure_candidates,
    measure_classification,
    paper_schedule,
    ratio,
)
from experiments.benchmark_table import format_table
from experiments.options import add_weight_options
from experiments.plain_f1 import compare_f1
from experiments.profile import profile
from experiments.timing import matrix_products, with_warm_up
from model.activations import activations_below
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.detector import DEFAULT_CUT, Detector, DetectorSettings
from model.precision import choose_device

EXAMPLES = """\
examples:
  python -m experiments.benchmark --json speed.json
  python -m experiments.benchmark --quick --profile
  python -m experiments.benchmark --full --fields FIELDS --pixel-bank PIXEL_BANK --out OUT

Tissue is taken from MITOSIS_DATA where that is set, else from the rendered sample image. --full
times whole schedules (an hour). With --fields, a folder written by training.prepare, F1 is compared
on slide A03 and the unseen lab, by whole schedules whatever the size (hours), image by image; an
interrupted run continues from OUT. PIXEL_BANK holds the plain loop's source, the same selection in
pixels (training.select_bank --cut 0).
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    say = Terminal(quiet=options.quiet).say
    try:
        device, size = choose_device(options.device), SIZES[options.size]
        say("loading")
        scene = load_scene(options.weights, options.cut, size, device)
        values = run(options, scene, size, say)
        if options.profile:
            values["profile"] = profile_all(scene)
        if options.fields is not None:
            values["f1"] = compare_f1(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json is not None:
        write_json(options.json, values)
    print(format_table(values))
    return 0


def run(
    options: argparse.Namespace, scene: Scene, size: Size, say: Callable[[str], None]
) -> dict[str, Any]:
    """All measurements, as they are written to JSON."""
    say("matrix products")
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    ceiling: dict[str, float] = {
        name: round(matrix_products(dtypes[name], scene.device) / 1e9, 1)
        for name in dict.fromkeys(("fp32", scene.precision))
    }
    say("candidates")
    candidates = measure_candidates(scene.pixels, size.repeats)
    say("patches and classification, plain version")
    classification = measure_classification(scene, size)
    say("adaptation, plain version")
    adaptation = measure_adaptation(scene, size, ceiling, say)
    say("the whole image by process.py")
    whole = measure_whole(options, scene.pixels)
    say("start-up")
    startup = measure_startup(options, scene.pixels, size.repeats)
    say("four runs at once")
    four_at_once = measure_four_at_once(options, scene.pixels, size)
    classification |= _classification(whole, classification["plain_seconds_a_patch"])
    adaptation |= {
        "default_arm": DEFAULT_ADAPTATION,
        "default_arm_seconds": whole["stages"]["adaptation"],
    }
    parts = (candidates, adaptation, classification)
    whole["plain_seconds"] = round(sum(part["plain_seconds"] for part in parts), 1)
    whole["ratio"] = ratio(whole["plain_seconds"], whole["seconds"])
    return {
        "machine": machine(scene),
        "size": asdict(size),
        "ceiling_gflops": ceiling,
        "candidates": candidates,
        "classification": classification,
        "adaptation": adaptation,
        "whole": whole,
        "startup": startup,
        "four_at_once": four_at_once,
    }


def _classification(whole: dict[str, Any], plain_seconds_a_patch: float) -> dict[str, Any]:
    """Patches and classification of the whole image, and what the plain version needs for it."""
    seconds = round(whole["stages"]["patches"] + whole["stages"]["classification"], 2)
    plain_seconds = round(plain_seconds_a_patch * whole["candidates"], 2)
    return {
        "seconds": seconds,
        "candidates": whole["candidates"],
        "plain_seconds": plain_seconds,
        "ratio": ratio(plain_seconds, seconds),
    }


def profile_all(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Operators of an image without adaptation, and of some steps above the shipped cut."""
    schedule = paper_schedule(scene, with_warm_up(SIZES["quick"].steps))
    settings = DetectorSettings(ARMS[NO_ADAPTATION], schedule, threshold=0.5)
    detector = Detector(scene.network, None, settings, scene.device)
    bank = bank_at(scene, scene.cut)
    target = activations_below(scene.network, scene.target, scene.cut, scene.precision)
    adapt, network = ARMS[SHIPPED_METHOD].load(), copy.deepcopy(scene.network)
    return {
        "image": profile(lambda: detector.detect(scene.pixels, MPP)),
        "adaptation": profile(lambda: adapt(network, target, bank, schedule)),
    }


def machine(scene: Scene) -> dict[str, Any]:
    """What it was measured on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    gpu = torch.cuda.get_device_name() if scene.device.type == "cuda" else None
    return {
        "processor": names[0] if names else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "gpu": gpu,
        "precision": scene.precision,
        "torch": torch.__version__,
        "tissue": "labelled fields" if "MITOSIS_DATA" in os.environ else "rendered",
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmark",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    size = parser.add_mutually_exclusive_group()
    for name in ("quick", "full"):
        size.add_argument(
            f"--{name}", dest="size", action="store_const", const=name, default="default",
            help={"quick": "tiny sizes: that it runs", "full": "whole schedules"}[name],
        )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all numbers to it")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="[%(default)s]")
    add_weight_options(parser)
    add("--cut", type=int, default=DEFAULT_CUT, help="the shipped bank's [%(default)s]")
    add("--profile", action="store_true", help="report which operators the time goes to")
    add("--fields", type=Path, metavar="DIR", help="compare F1 on these images too")
    add("--pixel-bank", type=Path, metavar="DIR", help="bank at cut 0 for the plain loop")
    add("--out", type=Path, metavar="DIR", help="folder for the results of each image")
    add("--quiet", action="store_true", help="print only the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())

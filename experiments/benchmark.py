"""How fast the detector is, beside the plain version of the paper's method on the same machine.

Everything is measured in one run: the plain version (experiments/plain.py), the detector, and the
machine's own speed at matrix products. The plain loop is timed over some steps and extrapolated to
the whole schedule, and so is the detector's, unless --full is given. A ratio is the plain version's
seconds over the detector's.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import tifffile
import torch
from torch.utils.flop_counter import FlopCounterMode

from batch.options import DEFAULT_ARM, ROOT, shipped
from batch.output import write_json
from batch.terminal import Terminal
from experiments import peak_memory, plain
from experiments.benchmark_table import format_table
from experiments.plain_f1 import compare_f1
from experiments.profile import profile
from model.activations import activations_below
from model.adaptation.base import Adapt, AdaptationSettings
from model.adaptation.registry import ARMS
from model.candidates import DEFAULT, PAPER, find_candidates
from model.detector import DEFAULT_CUT, Detector, DetectorSettings
from model.network import MitosisNetwork
from model.patches import PatchCutter
from model.precision import Precision, choose_device, choose_precision
from model.source_bank import SourceBank, quantise
from model.weights import load_weights
from slide.image import Image
from slide.read import read_image

MPP = 0.25  # µm per pixel of all images here
SAMPLE = ROOT / "test" / "images" / "rendered.tiff"
WARM_UP = 2  # steps that are not timed
UNIQUE_ENTRIES = 2000  # different patches that the bank is drawn from
MITOTIC_SHARE = 0.001  # paper, section 2.2: 10 of 10,000
SHIPPED_METHOD, SAME_METHOD = "paper-frozen", "paper"  # arms

EXAMPLES = """\
examples:
  python -m experiments.benchmark --json speed.json
  python -m experiments.benchmark --quick --profile
  python -m experiments.benchmark --full --fields FIELDS --pixel-bank PIXEL_BANK --out OUT

Tissue is taken from MITOSIS_DATA where that is set, else from the rendered sample image. --full
times whole schedules (an hour). With --fields, a folder written by training.prepare, F1 is compared
on slide A03 and the unseen lab, by whole schedules whatever the size (hours): image by image, kept
in OUT, so that an interrupted run goes on. PIXEL_BANK holds the plain loop's source, the same
selection in pixels (training.select_bank --cut 0).
"""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        image: width, height in px.
        entries: of the bank.
        candidates: that are adapted to.
        plain_steps: of the plain loop that are timed; None for the whole schedule.
        steps: of the detector's adaptation that are timed; None for the whole schedule.
        classified: patches that the plain version classifies, extrapolated to all.
        repeats: the best of so many for what takes less than a second.
    """

    image: tuple[int, int] = (7215, 5412)  # of MIDOG's first scanner
    entries: int = 30_000  # paper, section 2.2
    candidates: int = 17_500  # an image (873,000 from 50 images: paper, section 3)
    plain_steps: int | None = 60
    steps: int | None = 200
    classified: int = 1024
    repeats: int = 5


SIZES = {
    "default": Size(),
    "quick": Size((900, 700), 256, 128, 2, 4, 128, 2),
    "full": Size(plain_steps=None, steps=None, classified=17_500),
}


class Scene(NamedTuple):
    """What all is measured on.

    Attributes:
        network: as shipped, channels last, on the device.
        pixels: (height, width, 3) uint8.
        source: of the plain loop.
        target: (n, 64, 64, 3) uint8 patches of the image.
        cut: of the shipped bank.
        reversal_weight: of the weights' card.
        precision: that the detector chooses here.
        device: the processor or a GPU.
    """

    network: MitosisNetwork
    pixels: np.ndarray
    source: plain.Source
    target: torch.Tensor
    cut: int
    reversal_weight: float
    precision: Precision
    device: torch.device


class Measured(NamedTuple):
    """Seconds of a piece of work, and the most memory of the process meanwhile in bytes."""

    seconds: float
    peak: int | None


class Steps(NamedTuple):
    """Seconds a step of a schedule, how many were timed of how many, FLOPs a patch, peak memory."""

    step_seconds: float
    timed: int
    planned: int
    flops: float
    peak: int | None

    @property
    def seconds(self) -> float:
        """Of the whole schedule: the mean step times all."""
        return self.step_seconds * self.planned


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    tell = Terminal(quiet=options.quiet).say
    try:
        device = choose_device(options.device)
        values = run(options, SIZES[options.size], device, tell)
        if options.profile:
            values["profile"] = profile_all(options, SIZES[options.size], device)
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
    options: argparse.Namespace, size: Size, device: torch.device, tell: Callable[[str], None]
) -> dict[str, Any]:
    """All measurements, as they are written to JSON."""
    tell("loading")
    scene = load_scene(options, size, device)
    tell("matrix products")
    ceiling: dict[str, float] = {
        str(name): round(matrix_products(dtype, device) / 1e9, 1)
        for name, dtype in (("fp32", torch.float32), (scene.precision, _dtype(scene.precision)))
    }
    tell("candidates")
    candidates = measure_candidates(scene.pixels, size.repeats)
    tell("patches and classification, plain version")
    classification = measure_classification(scene, size)
    tell("adaptation, plain version")
    adaptation = measure_adaptation(scene, size, ceiling, tell)
    tell("the whole image by process.py")
    whole = measure_whole(options, scene.pixels)
    adaptation |= {
        "default_arm": DEFAULT_ARM,
        "default_arm_seconds": whole["stages"]["adaptation"],
    }
    classification |= {
        "seconds": round(whole["stages"]["patches"] + whole["stages"]["classification"], 2),
        "candidates": whole["candidates"],
    }
    a_patch = classification["plain_seconds_a_patch"]
    classification["plain_seconds"] = round(a_patch * whole["candidates"], 2)
    classification["ratio"] = _ratio(classification["plain_seconds"], classification["seconds"])
    whole["plain_seconds"] = round(
        candidates["plain_seconds"] + adaptation["plain_seconds"] + classification["plain_seconds"],
        1,
    )
    whole["ratio"] = _ratio(whole["plain_seconds"], whole["seconds"])
    return {
        "machine": machine(scene),
        "size": asdict(size),
        "ceiling_gflops": ceiling,
        "candidates": candidates,
        "classification": classification,
        "adaptation": adaptation,
        "whole": whole,
    }


# ------------------------------------------------------------------------------ what is measured on


def load_scene(options: argparse.Namespace, size: Size, device: torch.device) -> Scene:
    """Network, image, source and target.

    Raises:
        ValueError, OSError: weights or images cannot be read.
    """
    network, card = load_weights(options.weights)
    fields, other = tissue()
    pixels = mosaic(fields, size.image)
    random = np.random.default_rng(0)
    target = _drawn(pixels, size.candidates, size.candidates, random)
    patches = _drawn(other, size.entries, UNIQUE_ENTRIES, random)
    source = plain.Source(
        patches,
        torch.from_numpy((np.arange(size.entries) < MITOTIC_SHARE * size.entries).astype(np.int64)),
        torch.from_numpy(random.integers(0, network.source_domains, size.entries)),
    )
    return Scene(
        network.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        pixels,
        source,
        target,
        options.cut,
        card.reversal_weight,
        choose_precision("auto", device),
        device,
    )


def tissue() -> tuple[list[np.ndarray], np.ndarray]:
    """Fields (height, width, 3) uint8 for the image, and another one for the bank."""
    if "MITOSIS_DATA" not in os.environ:
        sample = read_image(SAMPLE).pixels
        return [sample], sample
    paths = sorted((Path(os.environ["MITOSIS_DATA"]) / "fields_a" / "images").glob("*.jpg"))
    if len(paths) < 2:
        raise FileNotFoundError("MITOSIS_DATA holds no fields_a/images")
    return [read_image(path, MPP).pixels for path in paths[:12]], read_image(paths[-1], MPP).pixels


def mosaic(fields: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """An image of (width, height) px laid out of fields, again and again where they are too few."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    height, width = fields[0].shape[:2]
    places = [(y, x) for y in range(0, size[1], height) for x in range(0, size[0], width)]
    for number, (y, x) in enumerate(places):
        place = pixels[y : y + height, x : x + width]
        place[:] = fields[number % len(fields)][: place.shape[0], : place.shape[1]]
    return pixels


def _drawn(
    pixels: np.ndarray, count: int, different: int, random: np.random.Generator
) -> torch.Tensor:
    """(count, 64, 64, 3) uint8 patches drawn with replacement from at most so many different."""
    centres = find_candidates(pixels, PAPER)
    if len(centres) == 0:
        raise ValueError("no candidate in the tissue to measure on")
    patches = PatchCutter(pixels).cut(random.permutation(centres)[:different])
    return patches[torch.from_numpy(random.integers(0, len(patches), count))]


def bank_at(scene: Scene, cut: int) -> SourceBank:
    """The source as a bank at a cut, on the device."""
    patches, mitotic, domain = scene.source
    values, scales = patches, torch.zeros(0)
    if cut > 0:
        different, place = np.unique(patches.flatten(1).numpy(), axis=0, return_inverse=True)
        shape = (len(different), *patches.shape[1:])
        activations = activations_below(
            scene.network, torch.from_numpy(different).view(shape), cut, scene.precision
        )
        levels, scales = quantise(activations.float())
        values = levels[torch.from_numpy(place.reshape(-1)).to(levels.device)]
    none = torch.zeros(len(patches), dtype=torch.bool)
    names = [str(number) for number in range(scene.network.source_domains)]
    bank = SourceBank(cut, values, scales, domain, mitotic, none, none, names, "")
    return bank.to(scene.device)


# ----------------------------------------------------------------------------------- measurements


def matrix_products(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the fastest of some products: what the machine can do, in this run."""
    best = 0.0
    for m, k, n in ((128, 2048, 2048), (1024, 1024, 1024), (2048, 2048, 2048), (1152, 512, 512)):
        first, second = (torch.randn(s, device=device).to(dtype) for s in ((m, k), (k, n)))
        for _ in range(15):
            started = time.perf_counter()
            first @ second
            if device.type == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * m * k * n / (time.perf_counter() - started))
    return best


def measure_candidates(pixels: np.ndarray, repeats: int) -> dict[str, Any]:
    """The paper's candidates, plain and here, and the default ones."""
    expected, of_plain = measure(lambda: plain.find_candidates(pixels))
    found, of_ours = measure(lambda: find_candidates(pixels, PAPER), repeats)
    default, of_default = measure(lambda: find_candidates(pixels, DEFAULT), repeats)
    return {
        "ratio": _ratio(of_plain.seconds, of_ours.seconds),
        "plain_seconds": round(of_plain.seconds, 3),
        "seconds": round(of_ours.seconds, 3),
        "default_seconds": round(of_default.seconds, 3),
        "plain_peak_bytes": of_plain.peak,
        "peak_bytes": of_ours.peak,
        "found": [len(expected), len(found), len(default)],
        "megapixels": round(pixels.shape[0] * pixels.shape[1] / 1e6, 2),
    }


def measure_classification(scene: Scene, size: Size) -> dict[str, Any]:
    """The plain version's patches and classification, a patch."""
    centres = find_candidates(scene.pixels, PAPER)[: size.classified]
    network = plain.plain_network(scene.network)

    def work() -> np.ndarray:
        return plain.classify(network, plain.cut_patches(scene.pixels, centres))

    _, measured = measure(work)
    return {
        "plain_seconds_a_patch": measured.seconds / max(len(centres), 1),
        "plain_timed_patches": len(centres),
    }


def measure_adaptation(
    scene: Scene, size: Size, ceiling: dict[str, float], tell: Callable[[str], None]
) -> dict[str, Any]:
    """The paper's schedule: plain, the same method, and above the shipped cut."""
    of_plain = time_plain(scene, size)
    tell("adaptation, the same method: cut 0")
    same = time_arm(scene, bank_at(scene, 0), scene.target, ARMS[SAME_METHOD].adapt, size.steps)
    tell(f"adaptation above cut {scene.cut}")
    bank = bank_at(scene, scene.cut)
    activations, below = measure(
        lambda: activations_below(scene.network, scene.target, scene.cut, scene.precision)
    )
    above = time_arm(scene, bank, activations, ARMS[SHIPPED_METHOD].adapt, size.steps)
    seconds = below.seconds + above.seconds
    runs = {"plain": of_plain, "same_method": same, "above_cut": above}
    precisions = {"plain": "fp32", "same_method": scene.precision, "above_cut": scene.precision}
    patches = AdaptationSettings.epochs * (size.entries + size.candidates)
    return {
        "ratio": _ratio(of_plain.seconds, seconds),
        "ratio_same_method": _ratio(of_plain.seconds, same.seconds),
        "cut": scene.cut,
        "plain_seconds": round(of_plain.seconds, 1),
        "same_method_seconds": round(same.seconds, 1),
        "seconds": round(seconds, 1),
        "below_cut_seconds": round(below.seconds, 1),
        "patches": patches,
        "patches_per_second": {n: round(patches / s.seconds, 1) for n, s in runs.items()},
        "mflop_a_patch": {name: round(steps.flops / 1e6, 1) for name, steps in runs.items()},
        "share_of_ceiling": {
            name: round(patches * s.flops / s.seconds / 1e9 / ceiling[precisions[name]], 3)
            for name, s in runs.items()
        },
        "peak_bytes": {name: steps.peak for name, steps in runs.items()},
        "timed_steps": {name: steps.timed for name, steps in runs.items()},
        "steps": above.planned,
    }


def time_plain(scene: Scene, size: Size) -> Steps:
    """The plain loop."""
    flops = _flops(
        lambda: plain.adapt(
            plain.plain_network(scene.network), _first(scene.source, 4), scene.target[:4],
            batch_size=8, epochs=1,
        )
    )  # fmt: skip
    network = plain.plain_network(scene.network)
    planned = _steps(size.entries + size.candidates)
    times: list[float] = []

    def work() -> None:
        plain.adapt(
            network,
            scene.source,
            scene.target,
            reversal_weight=scene.reversal_weight,
            max_steps=_with_warm_up(size.plain_steps),
            on_step=lambda _: times.append(time.perf_counter()),
        )

    _, measured = measure(work)
    return Steps(*_mean_step(times), planned, flops / 8, measured.peak)


def time_arm(
    scene: Scene, bank: SourceBank, target: torch.Tensor, adapt: Adapt | None, steps: int | None
) -> Steps:
    """An arm of the detector on a bank, and on activations at the bank's cut."""
    assert adapt is not None
    schedule = AdaptationSettings(
        reversal_weight=scene.reversal_weight, precision=scene.precision, max_steps=1, batch_size=8
    )
    flops = _flops(lambda: adapt(copy.deepcopy(scene.network), target, bank, schedule))
    times: list[float] = []
    schedule = AdaptationSettings(
        reversal_weight=scene.reversal_weight,
        precision=scene.precision,
        max_steps=_with_warm_up(steps),
        on_step=lambda *_: times.append(time.perf_counter()),
    )
    network = copy.deepcopy(scene.network)
    _, measured = measure(lambda: adapt(network, target, bank, schedule))
    return Steps(*_mean_step(times), _steps(len(bank) + len(target)), flops / 8, measured.peak)


def measure_whole(options: argparse.Namespace, pixels: np.ndarray) -> dict[str, Any]:
    """The image by `process.py` with its defaults, as a process of its own.

    Raises:
        OSError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        resolution = (1e4 / MPP, 1e4 / MPP)
        tifffile.imwrite(
            source / "image.tif", pixels, photometric="rgb", resolution=resolution,
            resolutionunit="CENTIMETER",
        )  # fmt: skip
        places = ["--input", source, "--output", output, "--device", options.device]
        places += ["--weights", options.weights, "--source-bank", options.source_bank]
        command = [sys.executable, str(ROOT / "process.py"), *map(str, places), "--quiet"]
        started = time.perf_counter()
        done = peak_memory.run(command, ROOT)
        seconds = time.perf_counter() - started
        if done.status != 0:
            raise OSError(f"process.py failed: {done.stderr.strip()}")
        result = json.loads((output / "result.json").read_text())
    return {
        "seconds": round(seconds, 2),
        "peak_bytes": done.peak,
        "stages": result["seconds"],
        "candidates": result["candidates"],
    }


def profile_all(
    options: argparse.Namespace, size: Size, device: torch.device
) -> dict[str, list[dict[str, Any]]]:
    """Operators of an image without adaptation, and of some steps above the shipped cut."""
    scene = load_scene(options, size, device)
    schedule = AdaptationSettings(
        reversal_weight=scene.reversal_weight,
        precision=scene.precision,
        max_steps=_with_warm_up(SIZES["quick"].steps),
    )
    detector = Detector(
        scene.network, None, DetectorSettings("none", schedule, threshold=0.5), scene.device
    )
    bank = bank_at(scene, scene.cut)
    target = activations_below(scene.network, scene.target, scene.cut, scene.precision)
    adapt = ARMS[SHIPPED_METHOD].adapt
    assert adapt is not None
    network = copy.deepcopy(scene.network)
    image = Image(scene.pixels, (MPP / 1000, MPP / 1000), (0.0, 0.0))
    return {
        "image": profile(lambda: detector.detect(image)),
        "adaptation": profile(lambda: adapt(network, target, bank, schedule)),
    }


def measure(work: Callable[[], Result], repeats: int = 1) -> tuple[Result, Measured]:
    """What work gives, the best of its times, and the peak of the process's memory."""
    best = float("inf")
    _forget_peak()
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return result, Measured(best, _peak())


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


def _flops(work: Callable[[], object]) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return float(counter.get_total_flops())


def _first(source: plain.Source, count: int) -> plain.Source:
    return plain.Source(*(values[:count] for values in source))


def _steps(patches: int) -> int:
    """Of the paper's schedule on so many entries and candidates."""
    return AdaptationSettings.epochs * math.ceil(patches / AdaptationSettings.batch_size)


def _with_warm_up(steps: int | None) -> int | None:
    return None if steps is None else WARM_UP + steps


def _mean_step(times: list[float]) -> tuple[float, int]:
    """Seconds a step, and how many were timed, from the times at which they ended."""
    timed = len(times) - WARM_UP
    return (times[-1] - times[WARM_UP - 1]) / timed, timed


def _ratio(first: float, second: float) -> float:
    return round(first / max(second, 1e-9), 2)


def _dtype(precision: Precision) -> torch.dtype:
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _forget_peak() -> None:
    """Let the kernel count the peak of the process's memory from now on."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> int | None:
    """Peak of the process's memory in bytes; None where the kernel does not tell."""
    for line in _status():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _status() -> Iterator[str]:
    try:
        yield from Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return


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
    add("--weights", type=Path, default=shipped("weights"), help="[the shipped ones]")
    add("--source-bank", type=Path, default=shipped("source_bank"), help="[the shipped one]")
    add("--cut", type=int, default=DEFAULT_CUT, help="the shipped bank's [%(default)s]")
    add("--profile", action="store_true", help="tell which operators the time goes to")
    add("--fields", type=Path, metavar="DIR", help="compare F1 on these images too")
    add("--pixel-bank", type=Path, metavar="DIR", help="bank at cut 0 for the plain loop")
    add("--out", type=Path, metavar="DIR", help="folder for the results of each image")
    add("--quiet", action="store_true", help="print the tables only")
    return parser


if __name__ == "__main__":
    sys.exit(main())

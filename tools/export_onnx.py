"""Export the shipped network as ONNX: python -m tools.export_onnx OUT.onnx

The graph takes patches as they are cut from an image and returns probabilities. Its preprocessing,
ImageNet's normalisation, is inside; the metadata of the file states the rest. Not in the graph:
the search for candidates, the eight views of which the program averages the log odds, and the
adaptation. A single view therefore differs from the program's probability, and the threshold holds
for the program's probabilities only.

The export is compared with PyTorch on the candidates of an image before it is kept:

    python -m pip install -r requirements-export.txt
    python -m tools.export_onnx OUT.onnx [--image IMAGE]
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from model import __version__
from model.candidates import find_candidates
from model.card import Card
from model.detector import ROOT
from model.network import MITOTIC, MitosisNetwork
from model.patches import PATCH_SIZE, PatchCutter, normalise
from model.resnet import ResNet18
from model.scoring import mitosis_probabilities
from model.weights import WeightsError, load_weights
from slide.image import ImageError
from slide.read import read_image
from slide.resample import TRAINING_MPP, resample

OPSET = 18
TOLERANCE = 1e-4  # of probabilities in float32, on another library's kernels
SHAPE = (1, PATCH_SIZE, PATCH_SIZE, 3)
SAMPLE = ROOT / "test" / "images" / "hgsc_nest.tiff"
CHECKED = 256  # candidates, evenly taken


class ExportError(ValueError):
    """The exported file does not compute what the network does."""


class OnPatches(nn.Module):
    """The network on uint8 patches, without the scanner branch."""

    def __init__(self, network: MitosisNetwork) -> None:
        super().__init__()
        self.trunk = ResNet18()  # without model/small_maps.py, which ONNX cannot hold
        self.trunk.fc = nn.Identity()
        self.trunk.load_state_dict(network.trunk.state_dict())
        self.mitosis = network.mitosis

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n,) float32 probabilities of (n, 64, 64, 3) uint8 RGB patches."""
        logits: torch.Tensor = self.mitosis(self.trunk(normalise(patches)))
        return logits.softmax(dim=1)[:, MITOTIC]


def export(network: MitosisNetwork, card: Card, path: Path) -> None:
    """Write the network with its metadata, in float32, for any number of patches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, on its own successor
        torch.onnx.export(
            OnPatches(network).eval(),
            (torch.zeros(SHAPE, dtype=torch.uint8),),
            str(path),
            dynamo=False,  # its successor needs one more package
            opset_version=OPSET,
            input_names=["patches"],
            output_names=["probability"],
            dynamic_axes={"patches": {0: "n"}, "probability": {0: "n"}},
        )
    exported = onnx.load(path)
    onnx.helper.set_model_props(exported, metadata(card))
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def metadata(card: Card) -> dict[str, str]:
    """What a user of the file must know, by name."""
    return {
        "name": "mitosis detection, ResNet-18, mitosis branch",
        "version": __version__,
        "weights_sha256": card.sha256,
        "input": f"patches: uint8 (n, {PATCH_SIZE}, {PATCH_SIZE}, 3), RGB, not normalised, the "
        f"candidate's centre at pixel ({PATCH_SIZE // 2}, {PATCH_SIZE // 2})",
        "pixel_size_um": str(TRAINING_MPP),
        "output": "probability: float32 (n,), of a mitotic figure, from one view, not calibrated",
        "threshold": json.dumps(
            {"value": card.threshold, "holds_for": "the program's eight views, calibrated"}
        ),
        "domains": json.dumps(card.domains),
        "licence": "non-commercial research only, not for diagnosis",
    }


def largest_difference(network: MitosisNetwork, path: Path, patches: np.ndarray) -> float:
    """The largest difference of probabilities between PyTorch and ONNX Runtime, on the CPU.

    Args:
        network: what was exported.
        path: the file.
        patches: (n, 64, 64, 3) uint8.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probability"], {"patches": patches})
    expected = mitosis_probabilities(network, torch.from_numpy(patches), 0, "fp32").numpy()
    return float(np.abs(found - expected).max())


def candidate_patches(pixels: np.ndarray, mpp: tuple[float, float]) -> np.ndarray:
    """(n, 64, 64, 3) uint8 patches around some candidates of an image, at 0.25 µm per pixel.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        mpp: µm per pixel, (x, y).

    Raises:
        ImageError: the image has no candidates.
    """
    pixels = resample(pixels, mpp).pixels
    centres = find_candidates(pixels)
    if len(centres) == 0:
        raise ImageError("the image has no candidates to compare on")
    chosen = centres[:: max(1, len(centres) // CHECKED)][:CHECKED]
    return PatchCutter(pixels).cut(chosen).numpy()


def export_checked(weights: Path, path: Path, image: Path = SAMPLE) -> str:
    """Export a folder of weights to `path`; a line on how the result was checked.

    Raises:
        ExportError: the probabilities of the image's candidates differ; no file is left.
        ImageError, WeightsError, OSError: image or weights cannot be read, or nothing written.
    """
    network, card = load_weights(weights)
    read = read_image(image)
    patches = candidate_patches(read.pixels, read.mpp)
    export(network, card, path)
    difference = largest_difference(network, path, patches)
    if not difference <= TOLERANCE:
        path.unlink()
        raise ExportError(f"probabilities differ by {difference:.2g}, allowed {TOLERANCE:g}")
    return (
        f"{path}: {path.stat().st_size / 2**20:.0f} MiB; on {len(patches)} candidates of "
        f"{image.name} its probabilities differ from PyTorch's by at most {difference:.1g}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status is 0, 1 where the export differs, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.export_onnx",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("onnx", type=Path, metavar="OUT.onnx", help="file to write")
    weights = ROOT / "weights"
    parser.add_argument("--weights", type=Path, default=weights, metavar="DIR", help="[shipped]")
    parser.add_argument("--image", type=Path, default=SAMPLE, help="to compare on [%(default)s]")
    options = parser.parse_args(arguments)
    try:
        print(export_checked(options.weights, options.onnx, options.image))
    except (ExportError, ImageError, WeightsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, ExportError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Print the stains of the training crops, the reference of experiments/adaptations/macenko.py."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

from experiments.adaptations.macenko import WHITE
from training.samples import read_rgb

EVERY = 10  # one crop in so many


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.stain_reference", description=__doc__
    )
    parser.add_argument("data", type=Path, help="folder with crops/")
    options = parser.parse_args(arguments)
    paths = sorted((options.data / "crops" / "patches").glob("*.png"))[::EVERY]
    pixels = np.concatenate([read_rgb(path).reshape(-1, 3) for path in paths])
    normaliser = NumpyMacenkoNormalizer()
    normaliser.fit(pixels[None], Io=WHITE)
    print("stains", normaliser.HERef.round(4).tolist())
    print("concentrations", normaliser.maxCRef.round(4).tolist())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Write the rendered sample image, test/images/rendered.tiff.

python -m test.make_rendered_image [file]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from test.rendering import render_tissue
from training.tiff import write_tiff

SAMPLE = Path(__file__).parent / "images" / "rendered.tiff"
MPP = 0.25  # µm per pixel


def render_sample() -> tuple[np.ndarray, np.ndarray]:
    """The sample's pixels, (900, 1200, 3) uint8 RGB, and its ten figures, (10, 2) px (x, y)."""
    return render_tissue((900, 1200), figures=10, seed=2021, mpp=MPP)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the rendered sample image.")
    parser.add_argument("file", type=Path, nargs="?", default=SAMPLE, help="where to write it")
    file = parser.parse_args().file
    pixels, centres = render_sample()
    write_tiff(file, pixels, MPP, compression="zlib", predictor=True)
    print(f"{file}: {len(centres)} mitotic figures at (x, y) px")
    for x, y in centres:
        print(f"{x:8.1f} {y:8.1f}")


if __name__ == "__main__":
    main()

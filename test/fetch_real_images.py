"""Download two real H&E fields of ovarian carcinoma and write them as TIFFs with pixel sizes.

    python -m test.fetch_real_images [folder]

They are part of the Python package histolytics 0.3.0 (BSD-3-Clause, HautaniemiLab), which is
downloaded without its dependencies, verified and not installed. The TIFFs hold the package's JPEG
streams unchanged; test/images/hgsc_nest.tiff was written by this program. Exit status: 0 if the
files exist, 3 if the package index cannot be reached, 4 if the download is not the expected file.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import PIL.Image
import tifffile

PACKAGE = "histolytics==0.3.0"
SHA256 = "de2ad5cf6a24f95637b19030c202c4969dc966e851f510418746a5b86b653137"
IMAGES = ("hgsc_nest.jpg", "hgsc_stromal_he.jpg")
# The package's guide on panoptic segmentation calls images of this tumour 20x, nominally
# 0.5 µm per pixel. The inflammatory cells of hgsc_nest, 16 px in its masks, confirm this.
MPP = 0.5
FOLDER = Path(__file__).parent / "images" / "real"
UNREACHABLE, UNEXPECTED = 3, 4


class FetchError(Exception):
    """The reason why nothing was downloaded, and the exit status."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


def fetch(folder: Path = FOLDER) -> list[Path]:
    """Write the TIFFs into `folder` unless they exist; returns their paths. Raises FetchError."""
    targets = [folder / Path(name).with_suffix(".tiff") for name in IMAGES]
    if not all(target.exists() for target in targets):
        with (
            tempfile.TemporaryDirectory() as scratch,
            zipfile.ZipFile(download(Path(scratch))) as wheel,
        ):
            folder.mkdir(parents=True, exist_ok=True)
            for name, target in zip(IMAGES, targets, strict=True):
                part = target.with_suffix(".part")  # an interrupted run leaves no partial image
                wrap_jpeg(wheel.read(f"histolytics/data/{name}"), part)
                part.replace(target)
    return targets


def wrap_jpeg(jpeg: bytes, path: Path, mpp: float = MPP) -> None:
    """Write a JPEG file as a TIFF of one strip, without decoding it, with its pixel size in µm."""
    image = PIL.Image.open(io.BytesIO(jpeg))
    tifffile.imwrite(
        path,
        iter([jpeg]),
        shape=(image.height, image.width, 3),
        dtype="uint8",
        photometric="ycbcr",
        subsampling=(2, 2),  # Pillow's and the package's
        compression="jpeg",
        rowsperstrip=image.height,
        resolution=(1e4 / mpp, 1e4 / mpp),
        resolutionunit="CENTIMETER",
        metadata=None,
        software=False,
    )


def download(scratch: Path) -> Path:
    """Download the package's wheel into `scratch` and verify its hash. Raises FetchError."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--retries=1", "--timeout=30"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(scratch)]
    done = subprocess.run([*pip, *options, PACKAGE], capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip() or "no message from pip").splitlines()[-1]
        raise FetchError(f"{PACKAGE} cannot be downloaded: {reason}", UNREACHABLE)
    found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if found != SHA256:
        raise FetchError(f"{PACKAGE} has sha256 {found}, expected {SHA256}", UNEXPECTED)
    return wheels[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="where to write them")
    try:
        for path in fetch(parser.parse_args().folder):
            print(path)
    except FetchError as error:
        print(f"fetch_real_images: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())

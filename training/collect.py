"""Make the data folder of the training from a clone of the public repository: CLONE DATA.

    git clone https://github.com/DeepMicroscopy/AMi-Br_Benchmark

holds the crops of AMi-Br and AtNorM-MD. DATA gets `crops/` and `crops_md/`, each with `patches/`,
`manifest.csv` and `other_annotations.csv`. Nothing is written unless the clone is complete.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image as Picture
from tqdm import tqdm

from training.crops import AMI_BR, ATNORM_MD
from training.tables import read_table

REPOSITORY = "https://github.com/DeepMicroscopy/AMi-Br_Benchmark"
MANIFESTS = Path(__file__).parent / "manifests"
FOLDERS = {AMI_BR: "AMi-Br", ATNORM_MD: "AtNorM-MD"}  # crop set: folder of the clone
CLASSES = ("Normal", "Atypical")  # by the column `atypical`
CROP_SIZE = (128, 128)  # px
SHOWN = 5  # problems of each crop set that are listed by name


class CloneError(ValueError):
    """The clone is missing or incomplete; the message has a line for each problem."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.collect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clone", type=Path, help=f"clone of {REPOSITORY}")
    parser.add_argument("data", type=Path, help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        counts = collect(options.clone, options.data)
    except CloneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for crop_set, count in counts.items():
        print(f"{options.data / crop_set}: {count} crops")
    return 0


def collect(clone: Path, data: Path, manifests: Path = MANIFESTS) -> dict[str, int]:
    """Copy the crops that the manifests list; the number of crops by crop set.

    Args:
        clone: of the public repository.
        data: folder to write to.
        manifests: folder with the tables of each crop set.

    Raises:
        CloneError: the clone lacks a folder or a crop, or a crop is damaged.
    """
    found = {name: find_crops(clone, name, manifests) for name in FOLDERS}
    problems = [line for name in FOLDERS for line in _problems(clone, name, found[name])]
    if problems:
        raise CloneError("\n".join(problems))
    for crop_set, paths in found.items():
        patches = data / crop_set / "patches"
        patches.mkdir(parents=True, exist_ok=True)
        for path in tqdm(paths, desc=crop_set, mininterval=5):
            shutil.copyfile(path, patches / path.name)
        for source, name in _tables(manifests, crop_set):
            shutil.copyfile(source, data / crop_set / name)
    return {crop_set: len(paths) for crop_set, paths in found.items()}


def find_crops(clone: Path, crop_set: str, manifests: Path = MANIFESTS) -> list[Path]:
    """Where the crops of a manifest lie in a clone, in the manifest's order.

    Raises:
        CloneError: the folder of the crop set is missing.
    """
    folder = clone / FOLDERS[crop_set]
    if not (folder / CLASSES[0]).is_dir():
        raise CloneError(
            f"{folder / CLASSES[0]} is missing: CLONE must be a clone of {REPOSITORY}\n"
            f"    git clone {REPOSITORY}"
        )
    table = read_table(manifests / f"{crop_set}.csv")
    return [folder / CLASSES[int(row["atypical"])] / row["file"] for row in table]


def _tables(manifests: Path, crop_set: str) -> Iterator[tuple[Path, str]]:
    yield manifests / f"{crop_set}.csv", "manifest.csv"
    yield manifests / f"{crop_set}_other_annotations.csv", "other_annotations.csv"


def _problems(clone: Path, crop_set: str, paths: list[Path]) -> Iterator[str]:
    """A line that counts what is wrong with the crops, and a line for each of the first few."""
    wrong = [(path, problem) for path in paths if (problem := _problem(path))]
    if not wrong:
        return
    yield (
        f"{clone / FOLDERS[crop_set]}: {len(wrong)} of {len(paths)} crops are missing or damaged; "
        f"complete the clone with: git -C {clone} restore ."
    )
    for path, problem in wrong[:SHOWN]:
        yield f"    {path.relative_to(clone)}: {problem}"
    if len(wrong) > SHOWN:
        yield f"    and {len(wrong) - SHOWN} more"


def _problem(path: Path) -> str | None:
    """Why a crop cannot be used, None if it can."""
    if not path.is_file():
        return "missing"
    try:
        with Picture.open(path) as picture:
            size, mode = picture.size, picture.mode
            picture.verify()
    except (OSError, SyntaxError, ValueError) as error:
        return f"not a readable image ({error})"
    if size != CROP_SIZE or mode not in ("RGB", "RGBA"):
        return f"{size[0]}x{size[1]} px, {mode}: 128x128 px in colour are expected"
    return None


if __name__ == "__main__":
    sys.exit(main())

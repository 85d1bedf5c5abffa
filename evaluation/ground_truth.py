"""The ground truth of a score: annotated images by the name under which results are found."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from batch.inputs import find_images
from batch.manifest import read_manifest
from evaluation import ScoringError
from evaluation.annotated_image import MASK_RADIUS, AnnotatedImage, image_stem
from evaluation.midog_json import read_annotations

__all__ = ["MASK_RADIUS", "AnnotatedImage", "check_ground_truth", "read_ground_truth", "some"]


def read_ground_truth(path: Path, notes: list[str] | None = None) -> dict[str, AnnotatedImage]:
    """The labelled images of an annotation file by their stem, in the order of the file.

    Args:
        path: a file that evaluation/midog_json.py understands.
        notes: a line is appended for what is understood but is not in MIDOG's own format.

    Raises:
        ScoringError: the file cannot be read or understood, or no image in it is labelled.
    """
    file = read_annotations(path)
    images: dict[str, AnnotatedImage] = {}
    for image in file.images:
        if not image.labelled:
            continue
        if image.stem in images:
            raise ScoringError(
                f"{path}: two images have the stem {image.stem!r}, by which they are found"
            )
        images[image.stem] = image
    if not images:
        raise ScoringError(f"{path}: no labelled image in it")
    if notes is not None:
        notes.extend(file.notes)
    return images


def check_ground_truth(
    path: Path,
    folder: Path | None = None,
    with_mpp: bool = False,
    manifest: Path | None = None,
) -> None:
    """Check that images can be scored against an annotation file, before any is processed.

    Args:
        path: the annotation file.
        folder: with the images to be processed; None to check the annotation file alone.
        with_mpp: whether PNG and JPEG files in the folder are processed.
        manifest: list of the images to be processed, instead of those in the folder.

    Raises:
        ScoringError: the file cannot be read or understood, or has none of the images, or two of
            these have the same stem.
        ManifestError: the manifest cannot be used.
        OSError: the folder cannot be listed.
    """
    truth = read_ground_truth(path)
    if manifest is not None:
        names = [image.path.name for image in read_manifest(manifest, with_mpp)]
    else:
        names = [] if folder is None else [i.name for i in find_images(folder, with_mpp).images]
    if names and not any(image_stem(name) in truth for name in names):
        raise ScoringError(
            f"{path}: none of the images is in it ({some(names)}); it has {some(truth)}, and "
            "images are found by their name without the suffix"
        )
    for stem, count in Counter(map(image_stem, names)).items():
        if count > 1:
            raise ScoringError(
                f"{manifest or folder}: {count} images have the name {stem!r} without the suffix, "
                f"by which they are found in {path}: score them apart"
            )


def some(names: Iterable[str], most: int = 3) -> str:
    """Names on a line: the first ones, and how many there are; "none" of none."""
    listed = list(names)
    rest = f", … {len(listed)} in all" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest or "none"

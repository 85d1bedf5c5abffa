"""Which MIDOG images train and which validate, and a summary of the choice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from training.midog import MidogError, MidogImage


def split_images(
    images: Sequence[MidogImage], training_share: float, left_out: Sequence[str], seed: int
) -> tuple[list[MidogImage], list[MidogImage]]:
    """Images of each labelled scanner for training and for validation (paper, section 2.2).

    The split of a scanner depends on its own images and the seed alone; scanners that are left out
    give all of theirs to neither.

    Raises:
        MidogError: a scanner to be left out is not there, or one has too few images to be split.
    """
    labelled = [image for image in images if image.labelled]
    scanners = sorted({image.scanner for image in labelled})
    problems = [f"--leave-out-scanner {s}: the scanners are {scanners}" for s in left_out
                if s not in scanners]  # fmt: skip
    training: list[MidogImage] = []
    validation: list[MidogImage] = []
    for scanner in sorted(set(scanners) - set(left_out)):
        here = sorted((i for i in labelled if i.scanner == scanner), key=lambda i: i.path.name)
        count = round(training_share * len(here))
        if not 0 < count < len(here):
            problems.append(f"{scanner}: {len(here)} images cannot be split {training_share:.0%}")
            continue
        digest = hashlib.sha256(scanner.encode()).digest()
        order = np.random.default_rng([seed, *digest[:4]]).permutation(len(here))
        training += [here[i] for i in sorted(order[:count])]
        validation += [here[i] for i in sorted(order[count:])]
    if problems or not training:
        raise MidogError(problems or ["no scanner is left to train on"])
    return training, validation


def report(
    images: Sequence[MidogImage], training: Sequence[MidogImage], validation: Sequence[MidogImage]
) -> str:
    """What will be used: a line for each scanner, and one for its images without labels."""
    uses = dict.fromkeys(map(_key, training), "training")
    uses |= dict.fromkeys(map(_key, validation), "validation")
    groups: dict[tuple[str, bool], list[MidogImage]] = {}
    for image in sorted(images, key=lambda i: (i.scanner, not i.labelled)):
        groups.setdefault((image.scanner, image.labelled), []).append(image)
    lines = [
        f"{scanner}: {_labelled_line(here, uses) if labelled else _unlabelled_line(here)}"
        for (scanner, labelled), here in groups.items()
    ]
    outside = sum(_sticking_out(image) for image in images)
    lines.append(f"{outside} figures and hard negatives lie within 25 px of a border: mirrored")
    return "\n".join(lines)


def _labelled_line(images: Sequence[MidogImage], uses: Mapping[str, str]) -> str:
    counts = Counter(uses.get(_key(image), "left out") for image in images)
    shares = ", ".join(f"{count} {use}" for use, count in sorted(counts.items()))
    figures, others = (sum(len(i.figures) for i in images), sum(len(i.others) for i in images))
    mpp = sorted({round(1000 * image.spacing[0], 4) for image in images})
    return (
        f"{len(images)} images ({shares}), {figures} mitotic figures, {others} hard negatives, "
        f"{', '.join(map(str, mpp))} µm per pixel"
    )


def _unlabelled_line(images: Sequence[MidogImage]) -> str:
    there = images[0].path.is_file()
    use = "targets only" if there else "not in the folder, left out"
    return f"{len(images)} images, not labelled: {use}"


def _key(image: MidogImage) -> str:
    return image.path.name


def _sticking_out(image: MidogImage) -> int:
    """Annotations whose box of 50 px sticks out of the image."""
    centres = np.concatenate([image.figures, image.others])
    return int(((centres < 25) | (centres > np.array(image.size) - 25)).any(axis=1).sum())

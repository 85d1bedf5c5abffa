"""Run trials over many images, and keep each result as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tqdm import tqdm

from experiments.arms import Setup, Trial, prepare, result_row, run_arm
from experiments.cases import Field
from experiments.results import Results


class Subject(Protocol):
    """An image under a virtual scanner that an experiment runs over."""

    @property
    def scanner(self) -> str:
        """Name of the virtual scanner."""
        ...

    @property
    def image(self) -> str:
        """Name of the image."""
        ...

    def read(self) -> Field:
        """The pixels and what is known of the candidates."""
        ...


Missing = list[tuple[Subject, list[Trial]]]


def missing_trials(
    subjects: Sequence[Subject], wanted: Sequence[Trial], results: Results
) -> Missing:
    """The images that lack results, and which."""
    done = {
        (row["scanner"], row["image"], Trial(row["arm"], row["seed"], row["schedule"]))
        for row in results.rows
    }
    missing = [
        (
            subject,
            [trial for trial in wanted if (subject.scanner, subject.image, trial) not in done],
        )
        for subject in subjects
    ]
    return [(subject, lacking) for subject, lacking in missing if lacking]


def run_missing(setup: Setup, missing: Missing, results: Results, label: str = "images") -> None:
    """Add the results that are missing; each image is prepared once."""
    for subject, lacking in tqdm(missing, desc=label, mininterval=5):
        prepared = prepare(setup, subject.read())
        for trial in lacking:
            found = result_row(trial, run_arm(setup, prepared, trial))
            results.add({"scanner": subject.scanner, "image": subject.image} | found)

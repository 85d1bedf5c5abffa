"""Run trials over many images, and keep each result as it comes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from tqdm import tqdm

from experiments.arms import Setup, Trial, prepare, result_row, run_arm, trial_of
from experiments.cases import Field
from experiments.results import Results, Row


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
    subjects: Sequence[Subject], wanted: Sequence[Trial], rows: Sequence[Row]
) -> Missing:
    """The images that lack results, and which."""
    done = {(row["scanner"], row["image"], trial_of(row)) for row in rows}
    missing = [
        (
            subject,
            [trial for trial in wanted if (subject.scanner, subject.image, trial) not in done],
        )
        for subject in subjects
    ]
    return [(subject, lacking) for subject, lacking in missing if lacking]


def run_missing(
    setup: Setup,
    missing: Missing,
    results: Results,
    label: str = "images",
    deadline: float | None = None,
) -> None:
    """Add the results that are missing; each image is prepared once.

    Args:
        setup: network, bank and settings.
        missing: the images that lack results, and which.
        results: rows of the same setup.
        label: of the progress bar.
        deadline: value of time.monotonic() after which no further image begins.
    """
    for subject, lacking in tqdm(missing, desc=label, mininterval=5):
        if deadline is not None and time.monotonic() > deadline:
            return
        prepared = prepare(setup, subject.read())
        for trial in lacking:
            found = result_row(trial, run_arm(setup, prepared, trial))
            results.add({"scanner": subject.scanner, "image": subject.image} | found)

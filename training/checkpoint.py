"""Checkpoints: the whole state of a training, so that a killed one continues to the same result.

Batches, schedules and random numbers follow from the recipe's seed and the step; a checkpoint adds
the weights, their average, the optimiser and the hard negatives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.batches import BatchSource
from training.recipe import Recipe
from training.samples import Samples
from training.state import TrainingState

CHECKPOINT_FILE = "checkpoint.pt"


class Checkpoint:
    """The checkpoint of a run, for one recipe and one training set."""

    def __init__(self, run: Path, recipe: Recipe, samples: Samples) -> None:
        """
        Args:
            run: folder of the run.
            recipe: of the training.
            samples: of the training.
        """
        self.path = run / CHECKPOINT_FILE
        self.origin: dict[str, Any] = {
            "recipe": recipe.as_dict(),
            "samples": samples.fingerprint(),
        }

    def save(self, state: TrainingState, source: BatchSource, step: int) -> None:
        """Replace the checkpoint in one operation."""
        content = {
            **self.origin,
            "step": step,
            "network": state.network.state_dict(),
            "average": state.average.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "hard": torch.from_numpy(source.hard),
        }
        part = self.path.with_suffix(".part")
        torch.save(content, part)
        part.replace(self.path)

    def restore(self, state: TrainingState, source: BatchSource) -> int:
        """Load the checkpoint if there is one; the number of steps taken.

        Raises:
            ValueError: it belongs to another recipe or other samples.
        """
        if not self.path.exists():
            return 0
        content = torch.load(self.path, weights_only=True, map_location="cpu")
        for name, value in self.origin.items():
            if content.get(name) != value:
                raise ValueError(
                    f"{self.path} belongs to another training ({name} differs): "
                    "choose another folder"
                )
        state.network.load_state_dict(content["network"])
        state.average.load_state_dict(content["average"])
        state.optimiser.load_state_dict(content["optimiser"])
        source.hard = content["hard"].numpy()
        return int(content["step"])

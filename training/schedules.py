"""What changes along a training: learning rate, reversal weight, mining and validation steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

from training.recipe import Recipe


def learning_rate(step: int, recipe: Recipe) -> float:
    """A linear rise, then a cosine to zero or a constant."""
    if step < recipe.warm_up:
        return recipe.learning_rate * ((step + 1) / recipe.warm_up)
    if recipe.schedule == "constant":
        return recipe.learning_rate
    done = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return recipe.learning_rate * (0.5 * (1 + math.cos(math.pi * done)))


def reversal_weight(step: int, recipe: Recipe) -> float:
    """Lambda from 0 to the recipe's value (Ganin et al. 2016, section 5.2.2, gamma = 10)."""
    return recipe.reversal_weight * (2 / (1 + math.exp(-10 * (step / recipe.steps))) - 1)


def mining_steps(recipe: Recipe) -> list[int]:
    """Steps before which the negatives are scored; empty if no hard negatives are drawn."""
    rounds = recipe.mining_rounds if recipe.hard_negatives else 0
    return [round(recipe.steps * i / rounds) for i in range(rounds)]


def validation_steps(recipe: Recipe) -> set[int]:
    """Steps after which the network is validated."""
    every = recipe.validate_every or recipe.steps
    return {*range(every, recipe.steps, every), recipe.steps}


def checkpoint_due(step: int, recipe: Recipe) -> bool:
    """Whether a checkpoint is saved after this many steps."""
    return step % recipe.checkpoint_every == 0 or step == recipe.steps


def segments(first: int, recipe: Recipe) -> Iterator[tuple[int, int]]:
    """Stretches of steps (begin, end) from `first` to the last step, divided at mining steps."""
    ends = [*(step for step in mining_steps(recipe) if step > first), recipe.steps]
    for end in ends:
        if end > first:
            yield first, end
        first = end

"""A recipe: every setting of a training, as a preset writes it and the card records it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from training.augmentation import Augmentation
from training.mixture import Mixture, batches_per_epoch

Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: number of batches.
        epochs: if above 0, every sample is drawn once per epoch and `steps` follows from it
            (paper); otherwise batches are balanced between domains and classes.
        learning_rate: highest learning rate of Adam. The paper's 1.0e-5 is for 2.6 million patches
            per epoch, the default for a few hundred thousand in all.
        warm_up: steps over which the learning rate rises.
        schedule: of the learning rate after that: "cosine" to zero (paper), or "constant".
        reversal_weight: lambda of the gradient reversal layer, reached along Ganin's schedule.
        frozen_below: cut of the network below which nothing is trained.
        averaging: decay per step of the moving average of the weights; the average is the result
            of the training. 0 keeps the last weights.
        average_from: step, counted from 0, from which the weights after each step are averaged
            with equal shares instead (stochastic weight averaging, Izmailov et al. 2018). With a
            constant learning rate they lie around a flat minimum, which generalises better to
            other domains (Cha et al. 2021).
        hard_negatives: number of highest-scoring negatives that hard samples are drawn from.
        mining_rounds: how often the negatives are scored, evenly over the training.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between validations; None for once per epoch, or only at the end.
        candidate_share: mitotic share of real candidates, about 0.002; the class loss then corrects
            the logits for the share in the batches (see `training.logit_adjustment`), so that
            probabilities are those of candidates. None leaves them as they are.
        candidate_statistics: whether batch norm's statistics are computed again in the end, from
            unaugmented patches at `candidate_share` (see `training.statistics`).
        mixture: composition of a batch.
        augmentation: strengths; None leaves the patches unchanged.
        seed: of the batches and of the new layers.
    """

    steps: int = 2500
    epochs: int = 0
    learning_rate: float = 5e-4
    warm_up: int = 150
    schedule: Schedule = "cosine"
    reversal_weight: float = 0.1
    frozen_below: int = 0
    averaging: float = 0.998
    average_from: int | None = None
    hard_negatives: int = 0
    mining_rounds: int = 1
    checkpoint_every: int = 250
    validate_every: int | None = None
    candidate_share: float | None = None
    candidate_statistics: bool = False
    mixture: Mixture = field(default_factory=Mixture)
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError if the schedule is unknown or the candidates' share is not usable."""
        if self.schedule not in get_args(Schedule):
            raise ValueError(f"unknown schedule {self.schedule!r}: choose from {_SCHEDULES}")
        if self.candidate_share is not None and not 0 < self.candidate_share < 1:
            raise ValueError(f"candidate_share {self.candidate_share} is not between 0 and 1")
        if self.candidate_statistics and self.candidate_share is None:
            raise ValueError("candidate_statistics needs candidate_share")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """A recipe from a preset's tables; `augmentation` may be false.

        Raises:
            TypeError: a key is unknown.
            ValueError: the schedule is unknown.
        """
        values = dict(values)
        mixture = Mixture(**values.pop("mixture", {}))
        given = values.pop("augmentation", {})
        augmentation = None if given in (False, None) else Augmentation(**given)
        return cls(**values, mixture=mixture, augmentation=augmentation)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as the card and the checkpoint record it."""
        return asdict(self)

    def for_samples(self, count: int) -> Recipe:
        """The recipe with the number of steps that its epochs take over `count` samples."""
        if not self.epochs:
            return self
        per_epoch = batches_per_epoch(count, self.mixture.size)
        validate = self.validate_every or per_epoch
        return replace(self, steps=self.epochs * per_epoch, validate_every=validate)


_SCHEDULES = ", ".join(get_args(Schedule))

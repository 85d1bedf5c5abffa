"""What a batch consists of: shares of classes and domains, and how its samples are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.samples import Samples


@dataclass(frozen=True)
class Mixture:
    """Shares of a batch.

    Attributes:
        size: samples in a batch (paper: 128).
        mitotic: share of mitotic figures, the same in every domain; otherwise the scanner branch
            would learn the class.
        hard: share of hard negatives; they come from few domains and stay out of the scanner loss.
        unlabelled: share of candidates of the unlabelled domains.
        figures_in_scanner_loss: whether mitotic figures take part in the scanner loss. Beside
            unlabelled candidates, which are negatives, they never do.
    """

    size: int = 128
    mitotic: float = 0.3
    hard: float = 0.0
    unlabelled: float = 0.0
    figures_in_scanner_loss: bool = True

    @property
    def scanner_loss_of_negatives(self) -> bool:
        """Whether only negatives take part in the scanner loss."""
        return self.unlabelled > 0 or not self.figures_in_scanner_loss


class Pools:
    """The samples that each part of a batch is drawn from, with replacement."""

    def __init__(self, samples: Samples, mixture: Mixture) -> None:
        """
        Raises:
            ValueError: a part of the mixture has no samples.
        """
        self.mixture = mixture
        domains = range(len(samples.domains))
        self.positives = [np.flatnonzero(samples.mitotic & (samples.domain == d)) for d in domains]
        self.negatives = [np.flatnonzero(~samples.mitotic & (samples.domain == d)) for d in domains]
        further = range(len(samples.domains), len(samples.scanner_classes))
        self.unlabelled = [np.flatnonzero(samples.domain == d) for d in further]
        self._check(samples)

    def draw(self, random: np.random.Generator, hard: np.ndarray) -> np.ndarray:
        """Indices of a batch: positives and negatives by domain, unlabelled, hard negatives."""
        size, domains = self.mixture.size, len(self.positives)
        hard_count, unlabelled = self.hard_count(hard), round(size * self.mixture.unlabelled)
        positive_counts = _spread(round(size * self.mixture.mitotic), domains, random)
        rest = size - hard_count - unlabelled - sum(positive_counts)
        negative_counts = _spread(rest, domains, random)
        index = []
        for d in range(domains):
            index.append(random.choice(self.positives[d], positive_counts[d]))
            index.append(random.choice(self.negatives[d], negative_counts[d]))
        if unlabelled:
            counts = _spread(unlabelled, len(self.unlabelled), random)
            pools = zip(self.unlabelled, counts, strict=True)
            index += [random.choice(pool, count) for pool, count in pools]
        if hard_count:
            index.append(random.choice(hard, hard_count))
        return np.concatenate(index)

    def hard_count(self, hard: np.ndarray) -> int:
        """Number of hard negatives in a batch: none while there are none to draw from."""
        return round(self.mixture.size * self.mixture.hard) if len(hard) else 0

    def _check(self, samples: Samples) -> None:
        for name, positives, negatives in zip(
            samples.domains, self.positives, self.negatives, strict=True
        ):
            if len(positives) == 0 or len(negatives) == 0:
                raise ValueError(
                    f"domain {name} has {len(positives)} mitotic figures and {len(negatives)} "
                    "negatives: both are needed"
                )
        if self.mixture.unlabelled and not (self.unlabelled and all(map(len, self.unlabelled))):
            raise ValueError("the mixture has unlabelled candidates, but a domain of them is empty")


def batches_per_epoch(samples: int, size: int) -> int:
    """Whole batches in an epoch: the few samples left over change from epoch to epoch."""
    return max(samples // size, 1)


def _spread(total: int, parts: int, random: np.random.Generator) -> list[int]:
    """Total in near-equal parts; which ones get the remainder is drawn."""
    counts = np.full(parts, total // parts)
    counts[random.permutation(parts)[: total % parts]] += 1
    return [int(count) for count in counts]

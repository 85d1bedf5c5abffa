"""Which samples become a source bank: confident ones, at the mitotic share of real candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from model.activations import activations_below
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.source_bank import SourceBank, quantise
from training.compute import Compute
from training.patch_scores import score_samples
from training.samples import Samples, match_borders

MIN_BORDER = 12.0  # px: negatives nearer to a crop's border are mostly mirror image


@dataclass(frozen=True)
class Selection:
    """How many entries a domain gives.

    Attributes:
        negatives: confident negatives.
        mitotic_share: of the entries outside the reserve. Of the candidates of fields_a A00-A02
            0.2 % are mitotic (102 of 55,200); the paper takes 10 of 10,000.
        reserve: further mitotic entries, for the class loss alone. A domain with few mitotic
            figures gives as many as it has.
        check: share of each kind that is held back.
        confidence: least probability of the entry's own class.
    """

    negatives: int = 600
    mitotic_share: float = 0.002
    reserve: int = 80
    check: float = 0.2
    confidence: float = 0.9

    @property
    def mitotic(self) -> int:
        """Mitotic entries outside the reserve; at least one."""
        return max(round(self.negatives * self.mitotic_share / (1 - self.mitotic_share)), 1)


class Entries(NamedTuple):
    """Chosen samples: their indices and bool arrays of those held back and in the reserve."""

    chosen: np.ndarray
    check: np.ndarray
    reserve: np.ndarray


def select(
    network: MitosisNetwork,
    samples: Samples,
    selection: Selection,
    cut: int,
    weights_sha256: str,
    seed: int = 0,
) -> tuple[SourceBank, list[dict[str, object]]]:
    """The bank and the rows of its `entries.csv`.

    Args:
        network: the trained network.
        samples: of its training.
        selection: how many entries of each kind.
        cut: of the network at which the bank stores activations; 0 stores pixels.
        weights_sha256: hash of the network's file.
        seed: of the choice.

    Raises:
        ValueError: a domain has too few confident patches of a class.
    """
    random = np.random.default_rng(seed)
    match_borders(samples, random)
    far = samples.mitotic | (samples.borders.min(axis=1) >= MIN_BORDER)
    usable = np.flatnonzero(far & samples.labelled & (samples.domain >= 0))
    sure = np.zeros(len(samples))
    sure[usable] = _confidence(network, samples, usable)
    confident = usable[sure[usable] >= selection.confidence]
    entries = choose_entries(samples, confident, selection, random)
    values, scales = _values(network, samples, entries.chosen, cut)
    bank = SourceBank(
        cut=cut,
        values=values,
        scales=scales,
        domain=torch.from_numpy(samples.domain[entries.chosen].astype(np.int64)),
        mitotic=torch.from_numpy(samples.mitotic[entries.chosen].astype(np.int64)),
        check=torch.from_numpy(entries.check),
        reserve=torch.from_numpy(entries.reserve),
        domains=samples.domains,
        weights_sha256=weights_sha256,
    )
    return bank, [
        _row(samples, int(index), float(sure[index]), bool(held), bool(extra))
        for index, held, extra in zip(*entries, strict=True)
    ]


def choose_entries(
    samples: Samples, confident: np.ndarray, selection: Selection, random: np.random.Generator
) -> Entries:
    """Entries of each domain, drawn from the confident samples.

    Raises:
        ValueError: a domain has too few confident patches of a class.
    """
    parts: list[Entries] = []
    for domain, name in enumerate(samples.domains):
        here = confident[samples.domain[confident] == domain]
        mitotic = samples.mitotic[here]
        parts += _of_domain(name, here[~mitotic], here[mitotic], selection, random)
    return Entries(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _of_domain(
    name: str,
    negatives: np.ndarray,
    figures: np.ndarray,
    selection: Selection,
    random: np.random.Generator,
) -> Iterable[Entries]:
    """Negatives, mitotic entries at the prior, and the reserve of a domain."""
    drawn = _draw(f"{name} has %d confident negative", negatives, selection.negatives, random)
    yield _held_back(drawn, selection.check, reserve=False)
    at_prior = _draw(f"{name} has %d confident mitotic", figures, selection.mitotic, random)
    # None of these few is held back: entries of the reserve are, in their place.
    yield _held_back(at_prior, 0.0, reserve=False)
    left = np.setdiff1d(figures, at_prior)
    extra = random.choice(left, min(selection.reserve, len(left)), replace=False)
    yield _held_back(extra, selection.check, reserve=True)


def _draw(found: str, pool: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    if len(pool) < count:
        raise ValueError(
            f"{found % len(pool)} patches, {count} are needed: lower --negatives or --confidence"
        )
    return random.choice(pool, count, replace=False)


def _held_back(index: np.ndarray, share: float, *, reserve: bool) -> Entries:
    """Entries whose first ones are held back."""
    count = len(index)
    return Entries(index, np.arange(count) < round(count * share), np.full(count, reserve))


def _confidence(network: MitosisNetwork, samples: Samples, index: np.ndarray) -> np.ndarray:
    """(n,) probability of each sample's own class."""
    device = choose_device("auto")
    compute = Compute(device, choose_precision("auto", device))
    log_odds = score_samples(network.to(device), samples, index, compute=compute)
    return np.asarray(1 / (1 + np.exp(-np.where(samples.mitotic[index], log_odds, -log_odds))))


def _values(
    network: MitosisNetwork, samples: Samples, index: np.ndarray, cut: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the bank stores of the samples: pixels at cut 0, else int8 activations and scales."""
    patches = torch.from_numpy(np.stack([samples.patch(int(i)) for i in index]))
    if cut == 0:
        return patches, torch.zeros(0)
    network.to(choose_device("auto"))
    return quantise(activations_below(network, patches, cut, "fp32").cpu())


def _row(
    samples: Samples, index: int, confidence: float, check: bool, reserve: bool
) -> dict[str, object]:
    image = samples.images[samples.image[index]]
    scanner, _, lab = (
        image.domain.rpartition("_") if "_" in image.domain else (image.domain, "", "")
    )
    x, y = samples.centres[index]
    return {
        "scanner": scanner,
        "lab": lab,
        "slide": image.slide,
        "file": image.file,
        "x": round(float(x), 1),
        "y": round(float(y), 1),
        "mitotic": int(samples.mitotic[index]),
        "confidence": round(confidence, 5),
        "split": "check" if check else "adapt",
        "reserve": int(reserve),
    }

"""What an adaptation did to the network and to the domains, seen without labels.

Drift costs nothing and is always reported. The proxy A-distance needs features of bank and image
before and after, about a second on two processor cores, and is reported on request
(`--diagnostics`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from model.activations import ABOVE, as_input
from model.adaptation.steps import relative_change
from model.batches import in_batches
from model.network import MitosisNetwork
from model.precision import Precision, arithmetic
from model.source_bank import SourceBank

EXAMPLES = 400  # of source and image each, that the probe is trained and tested on
FOLDS = 5
STATISTICS = ("running_mean", "running_var")


def drift_by_layer(before: MitosisNetwork, after: MitosisNetwork) -> dict[str, float]:
    """Relative change of the weights of each layer that moved, and of its batch norm statistics.

    The length of the change over the length before, by a layer of the ResNet or a branch.
    """
    groups: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    new = after.state_dict()
    for name, value in before.state_dict().items():
        if not value.is_floating_point():
            continue
        layer = name.split(".")[1] if name.startswith("trunk.") else name.split(".")[0]
        kind = f"{layer}_statistics" if name.endswith(STATISTICS) else layer
        groups.setdefault(kind, []).append((value, new[name]))
    changes = {
        kind: relative_change([old for old, _ in pairs], [now for _, now in pairs])
        for kind, pairs in groups.items()
    }
    return {kind: round(change, 6) for kind, change in changes.items() if change}


def proxy_a_distances(
    before: MitosisNetwork,
    after: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    precision: Precision,
    seed: int = 0,
) -> dict[str, Any]:
    """How well a fresh linear probe separates image and source by their features.

    The proxy A-distance is 2 (1 - 2 error) of the probe on entries and candidates that it was not
    trained on (Ben-David et al. 2007): 0 if the two are alike, 2 if they can be separated
    without error.

    Args:
        before, after: the shipped and the adapted network.
        target: (n, …) activations at the cut of the image's candidates.
        bank: its entries at the prior are the source, as many as candidates.
        precision: of the features' arithmetic.
        seed: of the choice of examples.
    """
    generator = torch.Generator().manual_seed(seed)
    source = bank.entries_to_adapt_with().cpu()
    count = min(len(source), len(target), EXAMPLES)
    if count < 2 * FOLDS:
        return {"proxy_a_distance_before": None, "proxy_a_distance_after": None}
    entries = source[torch.randperm(len(source), generator=generator)[:count]]
    candidates = target[torch.randperm(len(target), generator=generator)[:count]]
    activations = bank.activations(entries.to(bank.values.device))
    found = {}
    for name, network in (("before", before), ("after", after)):
        features = [
            features_of(network, part, bank.cut, precision) for part in (activations, candidates)
        ]
        found[f"proxy_a_distance_{name}"] = round(probe(features[0], features[1], seed), 4)
    return found


def features_of(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """(n, 512) float32 features of activations at the cut, n > 0, on the network's device."""
    network.eval()
    compute = partial(_features, network, cut=cut, precision=precision)
    return torch.cat(in_batches(compute, activations, ABOVE, network.device))


def _features(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    with torch.no_grad(), arithmetic(precision, network.device):
        inputs = as_input(activations.to(network.device), cut)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        return network.features(inputs, cut).float()


def probe(first: torch.Tensor, second: torch.Tensor, seed: int = 0) -> float:
    """Proxy A-distance of two sets of features (n, d), (n, d), cross-validated; 0 to 2."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = torch.cat([first, second]).cpu().double().numpy()
    labels = [0] * len(first) + [1] * len(second)
    # Few examples for so many features: strongly regularised, so that it converges in few steps.
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    accuracy = cross_val_score(classifier, features, labels, cv=folds).mean()
    return float(max(2 * (1 - 2 * (1 - accuracy)), 0.0))

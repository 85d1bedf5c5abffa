"""Control for the seam of `fields_a`, whose mitotic figures were pasted in from lossless crops.

If the compression history revealed the figures, (1) a network trained on mitotic figures of other
slides' crops only would be worse on A03, and (2) the ring around a figure, with its centre masked,
would distinguish it from other nuclei. This command measures both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from batch.writing import write_json
from evaluation.metrics import average_precision, best_threshold, pool, ranked_curve
from model.network import MITOTIC, MitosisNetwork
from model.patches import PATCH_SIZE, normalise
from training.averaging import released_network
from training.field_scores import score_fields
from training.icpr_2012 import (
    FIELD_MPP,
    PARIS,
    SELECTION_SLIDES,
    add_fields,
    field_figures,
    field_images,
)
from training.imagenet_trunk import load_folded_trunk
from training.samples import Samples
from training.trunk import TRUNK_FILE

MASK_RADIUS = 22.0  # px: half of the largest side of a figure's box is 25, of nine in ten 19
STEPS = 250
BATCH = 64  # half of it figures
VALIDATION = {"A03"}
TEST_NEGATIVES = 3000


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.seam", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with fields_a/")
    parser.add_argument("run", type=Path, help="run with the figures of the whole fields")
    parser.add_argument("control", type=Path, help="run with --positives-from-crops-only")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    result = {
        "all_positives": validation_scores(options.data, options.run),
        "positives_from_crops_only": validation_scores(options.data, options.control),
        "ring": ring_probe(options.data),
    }
    write_json(options.json, result)
    print(result)
    return 0


def validation_scores(data: Path, run: Path) -> dict[str, float]:
    """AP and best F1 of a run on the whole fields of A03."""
    network = released_network(run)
    fields = field_images(data, "fields_a", VALIDATION)
    figures = field_figures(data, "fields_a")
    (scored,) = score_fields(network, fields, figures, FIELD_MPP[PARIS])
    return {
        "ap": average_precision(ranked_curve(pool(scored))),
        "best_f1": best_threshold(scored).counts.f1,
    }


def ring_probe(data: Path, steps: int = STEPS) -> dict[str, Any]:
    """AUC on A03 of a network that is trained on A00-A02 and sees only the ring around a nucleus.

    0.5 is chance. Figures lie in cellular tissue, so a slightly higher value does not need a seam.
    """
    train, test = (_field_samples(data, slides) for slides in (set(SELECTION_SLIDES), VALIDATION))
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    network = MitosisNetwork(1)
    figures, others = np.flatnonzero(train.mitotic), np.flatnonzero(~train.mitotic)

    def batch() -> torch.Tensor:
        half = BATCH // 2
        return _rings(
            train,
            np.concatenate([random.choice(figures, half), random.choice(others, half)]),
            random,
        )

    load_folded_trunk(network, data / TRUNK_FILE, torch.cat([batch() for _ in range(4)]))
    labels = torch.arange(BATCH) < BATCH // 2
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-4)
    network.train()
    for _ in tqdm(range(steps), desc="ring", mininterval=5):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(batch()).mitosis
        loss = cross_entropy(logits.float(), labels.long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    negatives = random.choice(np.flatnonzero(~test.mitotic), TEST_NEGATIVES, replace=False)
    chosen = np.concatenate([np.flatnonzero(test.mitotic), negatives])
    scores = []
    with torch.inference_mode():
        for part in np.array_split(chosen, 32):
            logits = network(_rings(test, part)).mitosis
            scores.append((logits[:, MITOTIC] - logits[:, 1 - MITOTIC]).numpy())
    auc = roc_auc_score(test.mitotic[chosen], np.concatenate(scores))
    return {"auc": float(auc), "mask_radius_px": MASK_RADIUS, "steps": steps}


def _field_samples(data: Path, slides: set[str]) -> Samples:
    """Figures and negatives of the whole fields of the labelled scanner."""
    samples = Samples([PARIS])
    add_fields(samples, data, slides)
    inside = samples.domain >= 0
    for name in ("image", "centres", "mitotic", "domain", "borders"):
        setattr(samples, name, getattr(samples, name)[inside])
    return samples


def _rings(
    samples: Samples, index: np.ndarray, random: np.random.Generator | None = None
) -> torch.Tensor:
    """Normalised patches whose centre is filled with their mean colour; flipped at random."""
    patches = np.stack([samples.patch(int(i)) for i in index])
    offset = np.arange(PATCH_SIZE) - PATCH_SIZE // 2
    disc = np.hypot(offset[:, None], offset) <= MASK_RADIUS
    mean = patches[:, ~disc].mean(axis=1).round().astype(np.uint8)
    patches[:, disc] = mean[:, None]
    if random is not None:
        patches = np.rot90(patches, int(random.integers(4)), axes=(1, 2))
        patches = patches[:, :, :: random.choice([-1, 1])]
    return normalise(torch.from_numpy(patches.copy()))


if __name__ == "__main__":
    sys.exit(main())

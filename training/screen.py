"""Train the screen of a network: DATA WEIGHTS, after training.release.

The screen (model/screen.py) learns to predict the network's log odds of patches of all source
domains, of whole fields and of unlabelled fields. An estimate that is too low costs twice as much
as one that is too high. Writes WEIGHTS/screen.safetensors, and its hash and limit to the card.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import smooth_l1_loss
from tqdm import tqdm

from batch.writing import write_json
from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.screen import GREY_MIDDLE, SCREEN_FILE, Screen, ScreenNetwork, save_screen
from model.weights import CARD_FILE, load_weights
from training.compute import Compute, add_compute_options, join
from training.crops import CROP_SETS, add_crops, crop_domains
from training.icpr_2012 import SELECTION_SLIDES, add_fields
from training.patch_scores import score_samples
from training.samples import Samples
from training.tcga import GROUP, add_unlabelled_fields, field_paths

EPOCHS, BATCH, RATE, DECAY = 12, 256, 4e-3, 1e-3
LOWEST, HIGHEST = -7.0, 3.0  # log odds beyond which the network's certainty does not matter
TOO_LOW = 2.0  # weight of an estimate below the network's log odds
NEAR = -3.0  # log odds from which a patch counts NEAR_WEIGHT times
NEAR_WEIGHT = 4.0
LIMIT = -5.0  # log odds; experiments/screening.py shows what it costs
HELD_OUT = 0.1  # share of the patches that show how well the screen predicts


class Patches(NamedTuple):
    """Patches (n, 64, 64, 3) uint8 and the network's log odds (n,) float32 of them."""

    pixels: torch.Tensor
    log_odds: torch.Tensor


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.screen", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that the network was trained on")
    parser.add_argument("weights", type=Path, help="folder of training.release")
    parser.add_argument(
        "--patches", type=int, default=90_000, help="at most, drawn at random [%(default)s]"
    )
    add_compute_options(parser)
    options = parser.parse_args(arguments)
    network, card = load_weights(options.weights)
    compute = join(options.device, options.precision)
    random = np.random.default_rng(options.seed)
    samples = all_samples(options.data)
    index = random.permutation(len(samples))[: options.patches]
    patches = scored(network.to(compute.device), samples, index, compute)
    held = int(HELD_OUT * len(patches.log_odds))
    learned = Patches(*(values[held:] for values in patches))
    screen = Screen(train_screen(learned, options.seed, compute.device), LIMIT)
    print(report(screen, Patches(*(values[:held] for values in patches))))
    save_screen(screen.network.cpu(), options.weights / SCREEN_FILE)
    digest = file_sha256(options.weights / SCREEN_FILE)
    values = card.values | {"screen": {"sha256": digest, "limit": LIMIT}}
    write_json(options.weights / CARD_FILE, values)
    print(f"wrote {options.weights / SCREEN_FILE}")
    return 0


def all_samples(data: Path) -> Samples:
    """Patches of the crops, of whole fields of the slides that may choose, and of TCGA's fields."""
    samples = Samples(crop_domains(), [GROUP] if field_paths(data) else [])
    add_crops(samples, data, CROP_SETS)
    add_fields(samples, data, SELECTION_SLIDES)
    if samples.unlabelled_domains:
        add_unlabelled_fields(samples, data)
    return samples


def scored(
    network: MitosisNetwork, samples: Samples, index: np.ndarray, compute: Compute
) -> Patches:
    """The patches of some samples (n,) and what the network says of them."""
    pixels = torch.from_numpy(np.stack([samples.patch(int(i)) for i in index]))
    return Patches(
        pixels, torch.from_numpy(score_samples(network, samples, index, compute=compute))
    )


def train_screen(patches: Patches, seed: int, device: torch.device) -> ScreenNetwork:
    """A screen trained on patches, quarter turns, mirror images and changes of colour of them."""
    torch.manual_seed(seed)
    screen = ScreenNetwork().to(device).train()
    steps = EPOCHS * -(-len(patches.pixels) // BATCH)
    optimiser = torch.optim.AdamW(screen.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    for _ in tqdm(range(EPOCHS), desc="epochs", mininterval=5):
        for index in torch.randperm(len(patches.pixels)).split(BATCH):
            pixels = changed(patches.pixels[index]).to(device)
            loss = screen_loss(screen(pixels), patches.log_odds[index].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return screen.eval()


def changed(patches: torch.Tensor) -> torch.Tensor:
    """Patches (n, side, side, 3) in a random one of eight positions, each in other colours."""
    turned = torch.rot90(patches, int(torch.randint(4, ())), dims=(1, 2))
    if torch.rand(()) < 0.5:
        turned = turned.flip(2)
    shape = (len(patches), 1, 1, 3)
    gain, offset = 0.8 + 0.4 * torch.rand(shape), 15 * torch.randn(shape)
    return ((turned - GREY_MIDDLE) * gain + GREY_MIDDLE + offset).clamp(0, 255)


def screen_loss(estimates: torch.Tensor, log_odds: torch.Tensor) -> torch.Tensor:
    """Mean loss of estimates (n,) of log odds (n,)."""
    wanted = log_odds.clamp(LOWEST, HIGHEST)
    weight = torch.where(estimates < wanted, TOO_LOW, 1.0)
    weight = weight * torch.where(wanted > NEAR, NEAR_WEIGHT, 1.0)
    return (weight * smooth_l1_loss(estimates, wanted, reduction="none")).mean()


def report(screen: Screen, patches: Patches) -> str:
    """What the screen does to patches that it was not trained on."""
    rejected = screen.estimates(patches.pixels) < screen.limit
    lines = [f"held-out patches: {len(rejected)}, {rejected.float().mean():.1%} of them rejected"]
    for bound in (-3.0, -1.0, 1.0):
        high = patches.log_odds >= bound
        lost = int((rejected & high).sum())
        lines.append(f"log odds of at least {bound:+.0f}: {lost} of {int(high.sum())} rejected")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

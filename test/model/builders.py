"""Networks with random weights, patches and banks small enough for a unit test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.activations import activations_below
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.adaptation.registry import Adaptation, find_adaptation
from model.detector import Detector, DetectorSettings
from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.source_bank import COLUMNS, SourceBank, quantise, save_bank
from model.weights import CARD_FILE, WEIGHTS_FILE, save_network
from test.rendering import render_tissue

DOMAINS = ["scanner_one_lab", "scanner_two_lab", "scanner_two_other"]
CPU = torch.device("cpu")


def tiny_network(seed: int = 0, domains: int = len(DOMAINS)) -> MitosisNetwork:
    """A network with random weights and random batch norm, in evaluation mode."""
    torch.manual_seed(seed)
    network = MitosisNetwork(domains)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.7, 1.4)  # type: ignore[union-attr]
    return network.eval()


def linear(branch: torch.nn.Sequential, index: int = -1) -> torch.nn.Linear:
    """A fully connected layer of a branch, the last one if not said otherwise."""
    layer = branch[index]
    assert isinstance(layer, torch.nn.Linear)
    return layer


def some_patches(count: int, seed: int = 0) -> torch.Tensor:
    """(count, 64, 64, 3) uint8 out of rendered tissue."""
    pixels, _ = render_tissue((160, 160), figures=0, seed=seed)
    corners = np.random.default_rng(seed).integers(0, 96, (count, 2))
    return torch.from_numpy(np.stack([pixels[y : y + 64, x : x + 64] for y, x in corners]))


def tiny_bank(
    network: MitosisNetwork, cut: int = 3, entries: int = 24, seed: int = 5, sha256: str = "0" * 64
) -> SourceBank:
    """A bank: a third mitotic, a quarter held back, an eighth in reserve (and mitotic)."""
    patches = some_patches(entries, seed)
    number = torch.arange(entries)
    scales = torch.zeros(0)
    if cut:
        patches, scales = quantise(activations_below(network, patches, cut, "fp32"))
    reserve = number % 8 == 7
    return SourceBank(
        cut=cut,
        values=patches.clone(),
        scales=scales.clone(),
        domain=number % network.source_domains,
        mitotic=((number % 3 == 0) | reserve).long(),
        check=number % 4 == 2,
        reserve=reserve,
        domains=DOMAINS[: network.source_domains],
        weights_sha256=sha256,
    )


def write_weights(folder: Path, network: MitosisNetwork, threshold: float = 0.5) -> str:
    """A folder of weights with a card; the hash of the weights."""
    folder.mkdir(parents=True)
    save_network(network, folder / WEIGHTS_FILE)
    sha256 = file_sha256(folder / WEIGHTS_FILE)
    card = {
        "domains": DOMAINS[: network.source_domains],
        "threshold": threshold,
        "reversal_weight": 0.1,
        "sha256": sha256,
        "calibration": {"reference": -1.5},
    }
    (folder / CARD_FILE).write_text(json.dumps(card))
    return sha256


def write_bank(folder: Path, bank: SourceBank) -> None:
    """A folder of a bank, its entries described by nothing but their numbers."""
    rows: list[dict[str, object]] = [dict.fromkeys(COLUMNS, n) for n in range(len(bank))]
    save_bank(folder, bank, rows)


def tiny_detector(
    adaptation: str | Adaptation = "gradient-reversal",
    *,
    bank_cut: int = 3,
    network: MitosisNetwork | None = None,
    settings: dict[str, Any] | None = None,
    **schedule: Any,
) -> Detector:
    """A detector with random weights.

    `settings` go into DetectorSettings and `schedule` into the adaptation's settings.
    """
    defaults: dict[str, Any] = {"threshold": 0.5, "calibration": Calibration(-1.5)}
    network = network or tiny_network()
    chosen = find_adaptation(adaptation) if isinstance(adaptation, str) else adaptation
    return Detector(
        network,
        tiny_bank(network, bank_cut) if chosen.needs_bank else None,
        DetectorSettings(
            chosen,
            AdaptationSettings(**({"epochs": 1, "batch_size": 16} | schedule)),
            **defaults | (settings or {}),
        ),
        CPU,
    )


def field(seed: int = 0, size: tuple[int, int] = (160, 200), mpp: float = 0.25) -> np.ndarray:
    """Pixels (height, width, 3) uint8 of a rendered field."""
    figures = 0 if min(size) * mpp < 25 else 1
    pixels, _ = render_tissue(size, figures=figures, seed=seed, mpp=mpp)
    return pixels

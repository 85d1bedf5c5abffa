"""A small network that looks at every candidate first, and rejects those that score near zero.

Most candidates are far from a mitotic figure, and the full network costs 200 times as much (a
cascade, Viola and Jones 2001, "Rapid object detection using a boosted cascade of simple
features"). The screen was trained to predict the full network's log odds (training/screen.py) and
belongs to its weights. The card states the limit below which a candidate is rejected.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import avg_pool2d

from model.batches import in_batches
from model.card import Card
from model.hashes import file_sha256
from model.weights import WeightsError

SCREEN_FILE = "screen.safetensors"
WIDTH = 16  # channels of the first layer
BATCH_SIZE = 256  # patches in a forward pass
# About the middle and the spread of grey levels of H&E at half resolution.
GREY_MIDDLE, GREY_SPREAD = 160.0, 60.0
REJECTED = 0.0  # probability of a candidate that the full network does not see


class ScreenNetwork(nn.Module):
    """Three halvings of the resolution and a linear layer: 33,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(3, WIDTH, stride=2),
            _layer(WIDTH, 2 * WIDTH, stride=2),
            _layer(2 * WIDTH, 2 * WIDTH, stride=1),
            _layer(2 * WIDTH, 4 * WIDTH, stride=2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * WIDTH, 1),
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n,) float32 estimates of the full network's log odds of patches (n, 64, 64, 3) uint8."""
        planes = patches.permute(0, 3, 1, 2).to(torch.float32)
        small = avg_pool2d(planes, 2).sub(GREY_MIDDLE).div(GREY_SPREAD)
        estimates: torch.Tensor = self.layers(small)
        return estimates[:, 0]


class Screen:
    """Decides which candidates the full network is asked about."""

    def __init__(self, network: ScreenNetwork, limit: float) -> None:
        """Candidates with an estimate of the log odds below the limit are rejected."""
        self.network = network.eval()
        self.limit = limit

    def passes(self, patches: torch.Tensor) -> torch.Tensor:
        """(n,) bool: which of (n, 64, 64, 3) uint8 patches are worth a closer look."""
        return self.estimates(patches) >= self.limit

    def estimates(self, patches: torch.Tensor) -> torch.Tensor:
        """(n,) float32 estimates of the full network's log odds, on the CPU."""
        parts = in_batches(self._estimate, patches, BATCH_SIZE, self._device)
        return torch.cat([torch.zeros(0), *parts])

    def _estimate(self, patches: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            estimates: torch.Tensor = self.network(patches.to(self._device))
            return estimates.cpu()

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def to(self, device: torch.device) -> Screen:
        """The screen on a device."""
        return Screen(self.network.to(device), self.limit)


def save_screen(network: ScreenNetwork, path: Path) -> None:
    """Write the screen's weights, float32."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    path.chmod(0o644)  # the library makes it private; in the image any user reads it


def load_screen(folder: Path, card: Card) -> Screen | None:
    """The screen of a folder of weights; None if the card names none.

    Raises:
        WeightsError: the file is missing or damaged, or the hash is not the card's.
    """
    if card.screen is None:
        return None
    path, network = folder / SCREEN_FILE, ScreenNetwork()
    if not path.is_file():
        raise WeightsError(f"{path} is missing")
    if file_sha256(path) != card.screen.sha256:
        raise WeightsError(f"{path} is not the file its card describes (SHA-256 differs)")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be loaded: {error}") from error
    return Screen(network, card.screen.limit)


def _layer(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )

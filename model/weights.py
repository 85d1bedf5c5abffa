"""Weights on disk: safetensors beside a card that says what they are.

A folder of weights holds `weights.safetensors` and `card.json`. The card keeps the ordered source
domains, the threshold, lambda and the SHA-256 of the weights, which is verified at every load.
"""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model.card import Card as Card
from model.card import one_line
from model.hashes import file_sha256
from model.network import MitosisNetwork

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"


class WeightsError(ValueError):
    """Weights or their card are missing, damaged or do not belong together."""


def save_network(network: MitosisNetwork, path: Path) -> None:
    """Write the network: half precision, but batch norm and biases in full."""
    state = {}
    for name, value in network.state_dict().items():
        half = value.dtype == torch.float32 and value.ndim > 1
        state[name] = (value.half() if half else value).contiguous()
    save_file(state, path)
    path.chmod(0o644)  # the library makes it private; in the image any user reads it


def load_network(path: Path, source_domains: int) -> MitosisNetwork:
    """The network in a file of `save_network`, float32, in evaluation mode."""
    with torch.device("meta"):  # random weights would be drawn in vain
        network = MitosisNetwork(source_domains)
    # Copies, because load_file's values stay in the file.
    state = {name: value.to(_dtype(value), copy=True) for name, value in load_file(path).items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


def load_weights(folder: Path) -> tuple[MitosisNetwork, Card]:
    """The network and the card of a folder of weights.

    Raises:
        WeightsError: a file is missing or damaged, or the hash is not the card's.
    """
    card = load_card(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise WeightsError(f"{path} is missing")
    if file_sha256(path) != card.sha256:
        raise WeightsError(f"{path} is not the file its card describes (SHA-256 differs)")
    try:
        return load_network(path, len(card.domains)), card
    except (SafetensorError, RuntimeError, OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be loaded: {error}") from error


def load_card(folder: Path) -> Card:
    """The card of a folder of weights.

    Raises:
        WeightsError: the card is missing or not valid.
    """
    path = folder / CARD_FILE
    try:
        return Card.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing") from error
    except (ValidationError, OSError) as error:
        raise WeightsError(f"{path} is not a valid card: {one_line(error)}") from error


def _dtype(value: torch.Tensor) -> torch.dtype:
    return torch.float32 if value.is_floating_point() else value.dtype

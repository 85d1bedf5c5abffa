"""A finished run on disk: its network, `run.json`, and the run it continued from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.network import MitosisNetwork
from model.weights import load_network
from training.trunk import IMAGENET, RANDOM

NETWORK_FILE = "network.safetensors"
RUN_FILE = "run.json"


def load_run(run: Path) -> tuple[MitosisNetwork, dict[str, Any]]:
    """The network of a finished run and the content of its `run.json`."""
    summary: dict[str, Any] = json.loads((run / RUN_FILE).read_text())
    return load_network(run / NETWORK_FILE, len(summary["domains"])), summary


def run_before(summary: dict[str, Any]) -> Path | None:
    """The run that a run continued from, None if it started from a trunk."""
    start = summary["start"]
    return None if start in (IMAGENET, RANDOM) else Path(start)

"""Device and arithmetic, chosen from what the machine has and never from timing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]
# Processor features that make bf16 matrix products faster than fp32.
BF16_FEATURES = {"avx512_bf16", "amx_bf16"}


def choose_device(name: str) -> torch.device:
    """The device of "auto", "cpu" or "cuda".

    Raises:
        ValueError: "cuda" where there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: no CUDA device can be used here; try --device cpu")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision of "auto", "fp32" or "bf16"."""
    if name == "fp32":
        return "fp32"
    if name == "bf16":
        return "bf16"
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    return "bf16" if BF16_FEATURES & processor_features() else "fp32"


def processor_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Feature flags of the processor; empty where they cannot be read."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.partition(":")[2].split())


def arithmetic(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which the network computes in the given precision."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)

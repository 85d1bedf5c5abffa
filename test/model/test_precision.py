"""Device and precision follow from what the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model import precision
from model.precision import arithmetic, choose_device, choose_precision, processor_features

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse avx512_bf16 avx2", "bf16"),
        ("fpu amx_bf16", "bf16"),
        ("fpu avx512f avx512_bf16x", "fp32"),
        ("", "fp32"),
    ],
)
def test_auto_follows_from_the_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, expected: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: avx512_bf16\n")
    features = processor_features(cpuinfo)
    assert features == set(flags.split())
    monkeypatch.setattr(precision, "processor_features", lambda: features)
    assert choose_precision("auto", CPU) == expected
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_processor_that_says_nothing(tmp_path: Path) -> None:
    assert processor_features(tmp_path / "missing") == set()


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp32"), ((8, 0), "bf16")])
def test_auto_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    """A T4 (7.5) computes bf16 in software."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose_precision("auto", torch.device("cuda")) == expected


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(ValueError, match="--device cuda: no CUDA device can be used here; try"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == CPU


def test_arithmetic() -> None:
    matrix = torch.randn(8, 8)
    with arithmetic("bf16", CPU):
        assert (matrix @ matrix).dtype == torch.bfloat16
    with arithmetic("fp32", CPU):
        assert (matrix @ matrix).dtype == torch.float32

"""The source bank: confident source patches that replace the source data (paper, section 2.2).

An entry is stored at a cut of the network (see `model.network`): at cut 0 its pixels, at a later
cut its activations there as int8 with a scale for each channel. The mitotic share of the entries is
that of real candidates (paper: 10 of 10,000), because aligning two sets with different class priors
turns one class into the other. A reserve of further mitotic entries, marked as such, serves the
class loss only. Entries of the split `adapt` are adapted with; those of `check` guard the result.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.hashes import file_sha256
from model.network import CUTS
from model.patches import normalise

BANK_FILE = "bank.safetensors"
ENTRIES_FILE = "entries.csv"
CHECKSUM = "content_sha256"  # among the metadata of the bank's file
COLUMNS = (
    "scanner", "lab", "slide", "file", "x", "y", "mitotic", "confidence", "split", "reserve",
)  # fmt: skip
# Of an entry's values at each cut: a patch, then activations (`MitosisNetwork.below`).
SHAPES = {0: (64, 64, 3), 1: (64, 16, 16), 2: (128, 8, 8), 3: (256, 4, 4), 4: (512, 2, 2)}
LEVELS = 127  # of int8 on the positive side: activations behind a ReLU are not negative


class SourceBankError(ValueError):
    """The bank is missing, damaged or does not belong to the weights."""


@dataclass(frozen=True)
class SourceBank:
    """Entries of a source bank.

    Attributes:
        cut: where the network was cut, 0 to 4.
        values: (n, 64, 64, 3) uint8 at cut 0, else (n, channels, height, width) int8.
        scales: (channels,) float32 activation of one level; empty at cut 0.
        domain: (n,) int64 index into domains.
        mitotic: (n,) int64, 1 for a mitotic figure.
        check: (n,) bool, held back from adaptation.
        reserve: (n,) bool, mitotic entries above the prior of real candidates.
        domains: source domains in the order of the network's scanner branch.
        weights_sha256: hash of the weights that chose the entries and made the activations.
        sha256: of the bank's file; empty for a bank that is not on disk.
    """

    cut: int
    values: torch.Tensor
    scales: torch.Tensor
    domain: torch.Tensor
    mitotic: torch.Tensor
    check: torch.Tensor
    reserve: torch.Tensor
    domains: list[str]
    weights_sha256: str
    sha256: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def activations(self, index: torch.Tensor) -> torch.Tensor:
        """Float32 activations at the cut of the entries of an index."""
        chosen = self.values[index]
        if self.cut == 0:
            return normalise(chosen)
        return chosen.to(torch.float32) * self.scales[:, None, None]

    def entries_to_adapt_with(self) -> torch.Tensor:
        """Indices of the entries at the prior of real candidates that are not held back."""
        return torch.nonzero(~self.check & ~self.reserve).flatten()

    def to(self, device: torch.device) -> SourceBank:
        """The bank with its tensors on a device."""
        return replace(
            self,
            values=self.values.to(device),
            scales=self.scales.to(device),
            domain=self.domain.to(device),
            mitotic=self.mitotic.to(device),
            check=self.check.to(device),
            reserve=self.reserve.to(device),
        )


def quantise(activations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Non-negative activations (n, channels, height, width) as int8 levels and (channels,) scales.

    A channel's largest activation gets the highest level; rounding errs by half a scale at most.
    """
    largest = activations.amax(dim=(0, 2, 3)).clamp(min=1e-12)
    scales = (largest / LEVELS).to(torch.float32)
    levels = (activations / scales[:, None, None]).round().clamp(0, LEVELS)
    return levels.to(torch.int8), scales


def save_bank(folder: Path, bank: SourceBank, entries: list[dict[str, object]]) -> None:
    """Write `bank.safetensors` and `entries.csv`, a row an entry in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "values": bank.values,
        "scales": bank.scales,
        "domain": bank.domain.to(torch.uint8),
        "mitotic": bank.mitotic.to(torch.uint8),
        "check": bank.check.to(torch.uint8),
        "reserve": bank.reserve.to(torch.uint8),
    }
    metadata = {
        "cut": str(bank.cut),
        "domains": json.dumps(bank.domains),
        "weights_sha256": bank.weights_sha256,
    }
    save_sealed(folder / BANK_FILE, tensors, metadata)
    with (folder / ENTRIES_FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)


def save_sealed(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a bank's file with the checksum of its content among its metadata."""
    sealed = metadata | {CHECKSUM: content_sha256(tensors, metadata)}
    partial = path.with_name(f".{path.name}")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, sealed)
    partial.chmod(0o644)  # the library makes it private; any user reads the image
    partial.replace(path)


def content_sha256(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256, hexadecimal, of all that a bank's file holds but the checksum itself.

    Any order of tensors and metadata gives the same.
    """
    described = sorted((key, value) for key, value in metadata.items() if key != CHECKSUM)
    digest = hashlib.sha256(json.dumps(described).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def load_bank(folder: Path, weights_sha256: str, domains: list[str]) -> SourceBank:
    """The bank of a folder.

    Args:
        folder: holds `bank.safetensors`.
        weights_sha256: hash of the weights that the bank must belong to.
        domains: source domains of those weights.

    Raises:
        SourceBankError: the file is missing or damaged, its content is not that of its checksum
            (banks of older versions carry none), its tensors do not fit each other or the cut, or
            it belongs to other weights.
    """
    path = folder / BANK_FILE
    bank = _read_bank(path)
    if bank.weights_sha256 != weights_sha256:
        raise SourceBankError(
            f"{path} belongs to other weights (it names {bank.weights_sha256[:12]}…, the weights "
            f"are {weights_sha256[:12]}…); make one with python -m training.select_bank"
        )
    if bank.domains != domains or bank.cut not in CUTS:
        raise SourceBankError(
            f"{path} has domains {bank.domains} at cut {bank.cut}, the weights {domains}"
        )
    for reason in _misfits(bank):
        raise SourceBankError(f"{path} is not a valid source bank: {reason}")
    return bank


def _read_bank(path: Path) -> SourceBank:
    """The bank of a file whose content is that of its checksum."""
    if not path.is_file():
        raise SourceBankError(f"{path} is missing")
    try:
        tensors, metadata = read_file(path)
        if metadata.get(CHECKSUM, "") not in ("", content_sha256(tensors, metadata)):
            raise SourceBankError(
                f"{path} is damaged (its content does not match its SHA-256): copy it again"
            )
        return _as_bank(tensors, metadata, file_sha256(path))
    except SourceBankError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise SourceBankError(f"{path} is not a valid source bank: {error!r}") from error


def _as_bank(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str], sha256: str
) -> SourceBank:
    return SourceBank(
        cut=int(metadata["cut"]),
        values=tensors["values"],
        scales=tensors["scales"],
        domain=tensors["domain"].to(torch.int64),
        mitotic=tensors["mitotic"].to(torch.int64),
        check=tensors["check"].to(torch.bool),
        reserve=tensors["reserve"].to(torch.bool),
        domains=list(json.loads(metadata["domains"])),
        weights_sha256=metadata["weights_sha256"],
        sha256=sha256,
    )


def read_file(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        SafetensorError, OSError: it is none, or cannot be read.
    """
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _misfits(bank: SourceBank) -> Iterator[str]:
    """What does not fit: shapes to the cut, lengths to each other, values to their range."""
    kind, channels = (torch.uint8, 0) if bank.cut == 0 else (torch.int8, SHAPES[bank.cut][0])
    n = len(bank.values) if bank.values.ndim else 0
    expected = {
        "values": ((n, *SHAPES[bank.cut]), kind),
        "scales": ((channels,), torch.float32),
        **dict.fromkeys(("domain", "mitotic"), ((n,), torch.int64)),
        **dict.fromkeys(("check", "reserve"), ((n,), torch.bool)),
    }
    for name, (shape, dtype) in expected.items():
        tensor = getattr(bank, name)
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            yield f"{name} are {tuple(tensor.shape)} {tensor.dtype}, not {shape} {dtype}"
    if n == 0:
        yield "it has no entry"
    if not (torch.isfinite(bank.scales) & (bank.scales >= 0)).all():
        yield "a scale is not finite"
    if not ((bank.domain >= 0) & (bank.domain < len(bank.domains))).all():
        yield f"an entry is of a domain beyond the {len(bank.domains)} named"
    if not ((bank.mitotic == 0) | (bank.mitotic == 1)).all():
        yield "an entry is neither mitotic (1) nor not (0)"

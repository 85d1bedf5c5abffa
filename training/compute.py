"""Where a training computes: device, precision, and its place among torchrun's processes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from model.precision import Precision, choose_device, choose_precision

# One process may prepare images for a long time while the others wait.
PATIENCE = timedelta(hours=6)
LOADERS_BESIDE_GPU = 8  # threads that cut and augment patches for each GPU


@dataclass(frozen=True)
class Compute:
    """Device and processes.

    Attributes:
        device: of this process.
        precision: of the arithmetic; weights and optimiser stay in float32.
        rank, world: number of this process, from 0, and how many there are.
        loaders: threads that prepare batches.
    """

    device: torch.device
    precision: Precision
    rank: int = 0
    world: int = 1
    loaders: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait for all processes."""
        if self.world > 1:
            dist.barrier()

    def mean(self, values: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Numbers averaged over the processes."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            dist.all_reduce(stacked)
            stacked /= self.world
        return dict(zip(values, stacked.tolist(), strict=True))

    def gather(self, part: torch.Tensor, count: int) -> torch.Tensor:
        """(count,) values on the CPU; process r has computed every world-th from the r-th on."""
        if self.world == 1:
            return part.cpu()
        parts: list[torch.Tensor | None] = [None] * self.world
        dist.all_gather_object(parts, part.cpu())
        whole = torch.zeros(count, dtype=part.dtype)
        for rank, values in enumerate(parts):
            assert values is not None
            whole[rank :: self.world] = values
        return whole


SINGLE_PROCESS = Compute(torch.device("cpu"), "bf16")


def join(device: str = "auto", precision: str = "auto") -> Compute:
    """Device, precision and place of this process, which torchrun sets in the environment.

    Raises:
        ValueError: the device is "cuda" and there is no GPU.
    """
    rank, world = (int(os.environ.get(key, default)) for key, default in
                   (("RANK", "0"), ("WORLD_SIZE", "1")))  # fmt: skip
    place = choose_device(device)
    if place.type == "cuda":
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(place)
        torch.backends.cudnn.benchmark = True  # all batches have one shape
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=PATIENCE)
    loaders = LOADERS_BESIDE_GPU if place.type == "cuda" else 1
    return Compute(place, choose_precision(precision, place), rank, world, loaders)


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that trains: seed, and the arguments of `join`."""
    add = parser.add_argument
    add("--seed", type=int, default=0, help="[%(default)s]")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="[%(default)s]")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="[%(default)s]")


def leave() -> None:
    """End the group of processes if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def over_processes(network: nn.Module, compute: Compute) -> nn.Module:
    """The network whose gradients and batch norm statistics are those of all processes' patches.

    With one process, the network itself. Parameters without a gradient must not require one.
    """
    if compute.world == 1:
        return network
    places = [compute.device] if compute.device.type == "cuda" else None
    if places:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    else:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = _SynchronisedBatchNorm
    return nn.parallel.DistributedDataParallel(network, device_ids=places, broadcast_buffers=False)


class _SynchronisedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the patches of all processes on the CPU; torch's own runs on GPUs only."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(values)
        exact = values.double()
        count = exact.new_full((1,), exact.numel() / exact.shape[1])
        sums = torch.cat([exact.sum(dim=(0, 2, 3)), exact.square().sum(dim=(0, 2, 3)), count])
        sizes = [exact.shape[1], exact.shape[1], 1]
        total, squares, number = _sum_over_processes(sums).split(sizes)
        mean = total / number
        variance = (squares / number - mean.square()).clamp(min=0)
        with torch.no_grad():
            share = self.momentum or 0.0
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean.to(self.running_mean), share)
            unbiased = variance * number / (number - 1)
            self.running_var.lerp_(unbiased.to(self.running_var), share)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps).float()
        shift = self.bias - mean.float() * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(values.dtype)


class _SumOverProcesses(torch.autograd.Function):
    """The sum over the processes; each one's gradient is the sum of all their gradients."""

    @staticmethod
    def forward(_: object, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: object, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _SumOverProcesses.apply(values)
    return total

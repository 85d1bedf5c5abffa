"""Starts the trunk from ImageNet weights whose batch norm was folded into the convolutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from model.network import MitosisNetwork


def load_folded_trunk(network: MitosisNetwork, path: Path, patches: torch.Tensor) -> list[str]:
    """Load folded weights and give batch norm back the statistics it needs for training.

    A folded convolution w, b is followed here by a batch norm with the mean m and variance v of
    w * x over the given patches, scale sqrt(v + eps) and offset b + m: the same function, that
    training-mode batch norm leaves in place.

    Args:
        network: the network, changed in place; layers not in the file keep their values.
        path: .npz with `<convolution>.weight` and `<convolution>.bias`.
        patches: (n, 3, 64, 64) float32 normalised patches of the training set.

    Returns:
        The names of the convolutions that were loaded.
    """
    trunk = network.trunk
    loaded: dict[str, nn.BatchNorm2d] = {}
    offsets: dict[str, torch.Tensor] = {}
    with np.load(path, allow_pickle=False) as file, torch.no_grad():
        for name in sorted(key.removesuffix(".weight") for key in file if key.endswith("weight")):
            weight = torch.from_numpy(file[f"{name}.weight"].astype(np.float32))
            trunk.get_parameter(f"{name}.weight").copy_(weight)
            norm = trunk.get_submodule(_batch_norm_of(name))
            assert isinstance(norm, nn.BatchNorm2d)
            loaded[name] = norm
            offsets[name] = torch.from_numpy(file[f"{name}.bias"].astype(np.float32))
            _as_offset(norm, offsets[name])
    moments = _input_moments(network, loaded, patches)
    with torch.no_grad():
        for name, norm in loaded.items():
            mean, variance = moments[name]
            norm.running_mean.copy_(mean)  # type: ignore[union-attr]
            norm.running_var.copy_(variance)  # type: ignore[union-attr]
            norm.weight.copy_(torch.sqrt(variance + norm.eps))
            norm.bias.copy_(offsets[name] + mean)
    return list(loaded)


def _batch_norm_of(convolution: str) -> str:
    if convolution.endswith("downsample.0"):
        return convolution[:-1] + "1"
    return convolution.replace("conv", "bn")


def _as_offset(norm: nn.BatchNorm2d, offset: torch.Tensor) -> None:
    norm.running_mean.zero_()  # type: ignore[union-attr]
    norm.running_var.fill_(1.0 - norm.eps)  # type: ignore[union-attr]
    norm.weight.fill_(1.0)
    norm.bias.copy_(offset)


def _input_moments(
    network: MitosisNetwork, norms: dict[str, nn.BatchNorm2d], patches: torch.Tensor
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Mean and variance by channel of what enters each batch norm."""
    moments: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def record(name: str):  # type: ignore[no-untyped-def]
        def hook(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            values = inputs[0]
            moments[name] = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))

        return hook

    handles = [norm.register_forward_pre_hook(record(name)) for name, norm in norms.items()]
    with torch.no_grad():
        network.eval()(patches)
    for handle in handles:
        handle.remove()
    return moments

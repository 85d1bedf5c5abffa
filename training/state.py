"""The state of a training: network, optimiser and the average of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_swa_avg_fn

from model.network import MitosisNetwork
from training.compute import Compute, over_processes
from training.logit_adjustment import logit_adjustment
from training.recipe import Recipe
from training.samples import Samples


@dataclass
class TrainingState:
    """What a step changes.

    Attributes:
        network: being trained.
        parallel: the same network; with several processes, wrapped to share gradients.
        optimiser: Adam over the network's parameters.
        average: of the network's weights and statistics.
        adjustment: (2,) float32 added to the mitosis branch's logits in the loss.
        scanner_classes: number of domains that the scanner branch tells apart in training.
    """

    network: MitosisNetwork
    parallel: torch.nn.Module
    optimiser: torch.optim.Optimizer
    average: AveragedModel
    adjustment: torch.Tensor
    scanner_classes: int

    @classmethod
    def start(
        cls, network: MitosisNetwork, samples: Samples, recipe: Recipe, compute: Compute
    ) -> TrainingState:
        """The state before the first step; moves the network to the device.

        Raises:
            ValueError: the recipe ends before its average begins.
        """
        network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compute.world > 1:  # DistributedDataParallel waits for every parameter that needs one
            network.requires_grad_(False)
            for module in network.modules_above(recipe.frozen_below):
                module.requires_grad_(True)
        parallel = over_processes(network, compute)
        optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
        return cls(
            network=network,
            parallel=parallel,
            optimiser=optimiser,
            average=_average(network, recipe),
            adjustment=logit_adjustment(recipe, samples).to(compute.device),
            scanner_classes=len(samples.scanner_classes),
        )

    @property
    def averaged(self) -> MitosisNetwork:
        """The network with averaged weights, on the device of the training."""
        assert isinstance(self.average.module, MitosisNetwork)
        return self.average.module

    def update_average(self, step: int, recipe: Recipe) -> None:
        """Add the weights after a step, counted from 0, to the average."""
        if step <= (recipe.average_from or 0):
            self.average.n_averaged.zero_()  # earlier weights do not count
        self.average.update_parameters(self.network)


def _average(network: MitosisNetwork, recipe: Recipe) -> AveragedModel:
    if recipe.average_from is not None and recipe.average_from >= recipe.steps:
        raise ValueError(f"average_from {recipe.average_from} is not below steps {recipe.steps}")
    mean = get_ema_avg_fn(recipe.averaging) if recipe.average_from is None else get_swa_avg_fn()
    return AveragedModel(network, avg_fn=mean, use_buffers=True)

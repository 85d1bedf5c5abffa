"""The two-branch ResNet-18 of the paper (section 2.2), divided at a cut.

The cut separates the layers that stay as they are from those that adapt to an image:

    cut 0   pixels, every layer adapts (the paper)
    cut k   the activations after layer k of the ResNet (1 to 4)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from model.gradient_reversal import reverse_gradient
from model.resnet import ResNet18
from model.small_maps import use_products

FEATURES = 512  # channels of ResNet-18's last layer
HIDDEN = (256, 64)  # widths of a branch's first two layers; the paper gives only their number
MITOTIC = 1  # index of the mitotic class in the mitosis branch's output
CUTS = (0, 1, 2, 3, 4)


class Outputs(NamedTuple):
    """Logits: mitosis (n, 2), scanner (n, source domains + 1); the last scanner is the target."""

    mitosis: torch.Tensor
    scanner: torch.Tensor


class MitosisNetwork(nn.Module):
    """ResNet-18 with a mitosis branch and, behind gradient reversal, a scanner branch."""

    def __init__(self, source_domains: int) -> None:
        super().__init__()
        self.source_domains = source_domains
        self.trunk = ResNet18()
        self.trunk.fc = nn.Identity()
        use_products(self.trunk.layer4)
        self.mitosis = _branch(2)
        self.scanner = _branch(source_domains + 1)

    def below(self, patches: torch.Tensor, cut: int) -> torch.Tensor:
        """Activations at the cut of normalised patches (n, 3, 64, 64): what does not adapt.

        (n, 3, 64, 64) at cut 0, (n, 64, 16, 16), (n, 128, 8, 8), (n, 256, 4, 4), (n, 512, 2, 2).
        """
        for stage in self._stages()[:cut]:
            patches = stage(patches)
        return patches

    def features(self, activations: torch.Tensor, cut: int) -> torch.Tensor:
        """(n, 512) features from activations at the cut."""
        for stage in self._stages()[cut:]:
            activations = stage(activations)
        return torch.flatten(self.trunk.avgpool(activations), 1)

    def forward(
        self, activations: torch.Tensor, cut: int = 0, reversal_weight: float = 1.0
    ) -> Outputs:
        """Logits of both branches from activations at the cut (normalised patches at cut 0)."""
        features = self.features(activations, cut)
        return Outputs(
            self.mitosis(features), self.scanner(reverse_gradient(features, reversal_weight))
        )

    def modules_above(self, cut: int) -> list[nn.Module]:
        """The modules that adapt: the trunk's layers above the cut and both branches."""
        return [*self._stages()[cut:], self.mitosis, self.scanner]

    def train_above(self, cut: int, batch_norm: bool) -> None:
        """Let only the modules above the cut learn.

        Args:
            cut: of the network, 0 to 4.
            batch_norm: whether their batch norm is in training mode; else statistics stay.
        """
        self.eval().requires_grad_(False)
        for module in self.modules_above(cut):
            module.train(batch_norm).requires_grad_(True)

    def trained_parameters(self) -> list[nn.Parameter]:
        """The parameters that learn."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    def _stages(self) -> list[nn.Module]:
        trunk = self.trunk
        first = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1)
        return [first, trunk.layer2, trunk.layer3, trunk.layer4]


def _branch(outputs: int) -> nn.Sequential:
    """Three fully connected layers."""
    return nn.Sequential(
        nn.Linear(FEATURES, HIDDEN[0]),
        nn.ReLU(),
        nn.Linear(HIDDEN[0], HIDDEN[1]),
        nn.ReLU(),
        nn.Linear(HIDDEN[1], outputs),
    )

"""The target domain of an adaptation: the candidates of one image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from model.classification import activations_below
from model.network import MitosisNetwork
from model.patches import PatchCutter
from model.precision import Precision

CHUNK = 2048  # candidates whose pixels are held at once
VIEWS = 8
# Candidates whose activations are kept: more than the paper's largest images have (17,500). An
# image with more is adapted to by a sample, and its activations are computed anew when needed.
MAX_KEPT = 32768


class Target:
    """Activations at the cut of an image's candidates."""

    def __init__(
        self,
        network: MitosisNetwork,
        pixels: np.ndarray,
        centres: np.ndarray,
        cut: int,
        precision: Precision,
        seed: int,
    ) -> None:
        """Prepare the candidates.

        Args:
            network: its layers below the cut are used, now or later; they must not change.
            pixels: (height, width, 3) uint8 RGB.
            centres: (n, 2) x, y in px.
            cut: of the network, 0 to 4.
            precision: of the arithmetic below the cut.
            seed: of the sample, where there are more than MAX_KEPT candidates.
        """
        self._network = network
        self._cutter = PatchCutter(pixels)
        self._centres = centres
        self._cut = cut
        self._precision = precision
        chosen = np.arange(len(centres))
        if len(centres) > MAX_KEPT:
            chosen = np.sort(np.random.default_rng(seed).permutation(len(centres))[:MAX_KEPT])
        parts = list(self._compute(centres[chosen]))
        self.sample = torch.cat(parts) if parts else torch.zeros(0)

    def __len__(self) -> int:
        return len(self._centres)

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of all candidates, in order, a chunk at a time."""
        if len(self) > MAX_KEPT:
            yield from self._compute(self._centres)
        elif len(self):
            yield from self.sample.split(CHUNK)

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates, turned and mirrored: the eight symmetries of a square."""
        patches = self._cutter.cut(self._centres[index])
        for quarter_turns in range(VIEWS // 2):
            turned = torch.rot90(patches, quarter_turns, dims=(1, 2))
            for view in (turned, turned.flip(2)):
                yield activations_below(
                    self._network, view.contiguous(), self._cut, self._precision
                )

    def _compute(self, centres: np.ndarray) -> Iterator[torch.Tensor]:
        for start in range(0, len(centres), CHUNK):
            patches = self._cutter.cut(centres[start : start + CHUNK])
            yield activations_below(self._network, patches, self._cut, self._precision)

"""A step of an adaptation as a CUDA graph: launched as one instead of kernel by kernel.

A step is some hundreds of kernels of a few microseconds each. A GPU waits for their launches most
of the time, unless they are captured once and replayed (PyTorch's documentation, "CUDA graphs").
"""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM_UP = 3  # steps taken before one is captured: libraries choose their kernels in them

Step = Callable[..., torch.Tensor]  # takes tensors, changes a network, and returns its losses


def captured(step: Step, device: torch.device) -> Step:
    """The step itself on the CPU; on a GPU the step captured and replayed.

    Such a step never waits for the device, and what it reads and writes stays where it is:
    parameters, the optimiser's state (capturable=True) and all that is not an argument.
    """
    return CapturedStep(step, device) if device.type == "cuda" else step


class CapturedStep:
    """Takes the first steps kernel by kernel, then captures one and replays it.

    Steps whose arguments are not of the shapes of the first one's are taken kernel by kernel.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        """Nothing is captured yet."""
        self._step = step
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._graph = torch.cuda.CUDAGraph()
        self._taken = 0
        self._arguments: list[torch.Tensor] = []
        self._losses = torch.zeros(0)

    def __call__(self, *arguments: torch.Tensor) -> torch.Tensor:
        """Take a step with arguments on any device; its losses stay on the GPU."""
        if self._taken == 0:
            self._arguments = [torch.empty_like(a, device=self._device) for a in arguments]
        if [a.shape for a in arguments] != [a.shape for a in self._arguments]:
            return self._step(*(a.to(self._device) for a in arguments))
        for place, argument in zip(self._arguments, arguments, strict=True):
            place.copy_(argument, non_blocking=True)
        self._taken += 1
        if self._taken <= WARM_UP:
            return self._beside(self._step)
        if self._taken == WARM_UP + 1:
            self._losses = self._beside(self._capture)
        self._graph.replay()
        return self._losses.clone()

    def _capture(self, *arguments: torch.Tensor) -> torch.Tensor:
        """Record a step without taking it; where its losses will be."""
        torch.cuda.empty_cache()  # the memory of earlier graphs is not reused otherwise
        self._graph.capture_begin(capture_error_mode="thread_local")
        try:
            return self._step(*arguments)
        finally:
            self._graph.capture_end()

    def _beside(self, step: Step) -> torch.Tensor:
        """Take a step on another stream, as a capture needs, after all work given out so far."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            losses = step(*self._arguments)
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        return losses

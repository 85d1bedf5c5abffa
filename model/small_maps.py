"""Convolutions of the smallest maps as matrix products, without the padding.

The last layer of the ResNet has maps of a few pixels, where a 3 x 3 kernel lies on padding with up
to half of its products. Libraries are tuned for large maps: there, and above all in the gradient
of the weights, they run at a fraction of the speed of a matrix product (docs/performance.md).
Here a tap of the kernel is one matrix product over the pixels where it lies inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import nn

LARGEST_SIDE = 3  # px of the output; for larger maps the library is as fast or faster


class SmallMapConv2d(nn.Conv2d):
    """A convolution without bias, dilation or groups, of the same weights as nn.Conv2d's."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(n, in, height, width) to (n, out, …): by products where that is small, on the CPU."""
        side = (max(input.shape[2:]) + 2 * self._padding - self._kernel) // self.stride[0] + 1
        if input.device.type != "cpu" or side > LARGEST_SIDE:
            return super().forward(input)
        dtype = input.dtype
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
        outputs: torch.Tensor = _Products.apply(
            input.to(dtype), self.weight, self.stride[0], self._padding
        )
        return outputs

    @property
    def _kernel(self) -> int:
        return self.kernel_size[0]

    @property
    def _padding(self) -> int:
        assert not isinstance(self.padding, str)
        return int(self.padding[0])


def use_products(module: nn.Module) -> None:
    """Replace the convolutions in a module by SmallMapConv2d; their weights stay.

    Raises:
        ValueError: one has a bias, a dilation, groups, or is not square.
    """
    for name, layer in list(module.named_modules()):
        if isinstance(layer, nn.Conv2d):
            module.set_submodule(name, _with_products(layer))


def _with_products(layer: nn.Conv2d) -> SmallMapConv2d:
    square = all(len(set(s)) == 1 for s in (layer.kernel_size, layer.stride, layer.padding))
    plain = layer.bias is None and layer.groups == 1 and layer.dilation == (1, 1)
    if not plain or not square or isinstance(layer.padding, str):
        raise ValueError(f"{layer} cannot be computed by products")
    replaced = SmallMapConv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size[0],
        layer.stride[0],
        layer.padding[0],
        bias=False,
        device="meta",
    )
    replaced.weight = layer.weight
    return replaced


class _Products(torch.autograd.Function):
    """Inputs (n, in, h, w) and weight (out, in, k, k), both fastest with channels last.

    The products are in the precision of the inputs, the sums over the taps at least in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, stride: int, padding: int
    ) -> torch.Tensor:
        # Cast here, so that the gradient of the weight is not rounded on its way back.
        kernel = weight.detach().permute(2, 3, 0, 1).to(inputs.dtype)
        pixels = inputs.permute(0, 2, 3, 1)
        ctx.taps, size = _taps(pixels.shape[1:3], len(kernel), stride, padding)
        ctx.sums = torch.promote_types(inputs.dtype, torch.float32)
        matrix = _matrix(kernel, pixels.shape[1:3], size, stride, padding)
        ctx.save_for_backward(inputs, kernel, matrix)
        if matrix is not None:
            products = pixels.flatten(1) @ matrix.T
            return products.view(len(pixels), *size, len(weight)).permute(0, 3, 1, 2)
        outputs = torch.zeros(len(pixels), *size, len(weight), dtype=ctx.sums)
        for tap in ctx.taps:
            inside = pixels[:, *tap.inputs]
            sums = inside.flatten(0, 2) @ kernel[tap.place].T
            outputs[:, *tap.outputs] += sums.view(*inside.shape[:3], len(weight))
        return outputs.to(inputs.dtype).permute(0, 3, 1, 2)

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        inputs, kernel, matrix = ctx.saved_tensors
        pixels, gradient = inputs.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1)
        of_pixels = None
        if ctx.needs_input_grad[0] and matrix is not None:
            of_pixels = (gradient.flatten(1) @ matrix).view(pixels.shape)
        elif ctx.needs_input_grad[0]:
            of_pixels = torch.zeros(pixels.shape, dtype=ctx.sums)
        height, width, outputs, channels = kernel.shape
        fill = torch.zeros if len(ctx.taps) < height * width else torch.empty
        products = fill(height, width, outputs, channels, dtype=kernel.dtype)
        for tap in ctx.taps:
            inside = pixels[:, *tap.inputs]
            above = gradient[:, *tap.outputs].flatten(0, 2)
            torch.mm(above.T, inside.flatten(0, 2), out=products[tap.place])
            if of_pixels is not None and matrix is None:
                of_pixels[:, *tap.inputs] += (above @ kernel[tap.place]).view(inside.shape)
        of_kernel = products.permute(2, 0, 1, 3).to(ctx.sums, memory_format=torch.contiguous_format)
        return (
            None if of_pixels is None else of_pixels.to(inputs.dtype).permute(0, 3, 1, 2),
            of_kernel.permute(0, 3, 1, 2),
            None,
            None,
        )


def _matrix(
    kernel: torch.Tensor, inputs: Sequence[int], outputs: Sequence[int], stride: int, padding: int
) -> torch.Tensor | None:
    """The convolution as a matrix (height * width * out of outputs, height * width * in of inputs).

    None unless every output pixel sees all input pixels: elsewhere the matrix would be zero.

    Args:
        kernel: (k, k, out, in).
        inputs: height and width.
        outputs: height and width.
        stride: of the convolution.
        padding: of the convolution.
    """
    # The tap that lies on the first input pixel, for each output pixel along an axis.
    first = [[padding - stride * place for place in range(count)] for count in outputs]
    for side, taps in zip(inputs, first, strict=True):
        if not all(0 <= tap <= len(kernel) - side for tap in taps):
            return None
    height, width = inputs
    matrix = kernel.new_empty(*outputs, kernel.shape[2], height, width, kernel.shape[3])
    for (y, top), (x, left) in product(*map(enumerate, first)):
        seen = kernel[top : top + height, left : left + width]
        matrix[y, x] = seen.permute(2, 0, 1, 3)
    return matrix.flatten(3).flatten(0, 2)


class _Tap(NamedTuple):
    """A tap of the kernel: its place, the inputs that it sees inside, the outputs they go to."""

    place: tuple[int, ...]
    inputs: tuple[slice, ...]
    outputs: tuple[slice, ...]


def _taps(
    size: Sequence[int], kernel: int, stride: int, padding: int
) -> tuple[list[_Tap], tuple[int, ...]]:
    """The taps that see anything of a map of (height, width), and the size of the output."""
    shape = tuple((side + 2 * padding - kernel) // stride + 1 for side in size)
    taps = []
    for place in product(range(kernel), repeat=2):
        inputs, outputs = [], []
        for tap, side, count in zip(place, size, shape, strict=True):
            # Output pixel p sees input pixel p * stride + offset.
            offset = tap - padding
            first = max(-(offset // stride), 0)
            last = min((side - 1 - offset) // stride, count - 1)
            outputs.append(slice(first, last + 1))
            start = first * stride + offset
            inputs.append(slice(start, start + (last - first) * stride + 1, stride))
        if all(part.stop > part.start for part in outputs):
            taps.append(
                _Tap((place[0], place[1]), (inputs[0], inputs[1]), (outputs[0], outputs[1]))
            )
    return taps, shape

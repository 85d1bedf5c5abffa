"""Convolutions by matrix products are convolutions: values, gradients, and what they refuse."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from model import small_maps
from model.network import MitosisNetwork
from model.small_maps import LARGEST_SIDE, SmallMapConv2d, use_products

CASES = [  # height, width, kernel, stride, padding
    (2, 2, 3, 1, 1),
    (3, 3, 3, 1, 1),
    (6, 6, 3, 2, 1),
    (5, 4, 3, 2, 1),
    (6, 6, 1, 2, 0),
    (1, 1, 3, 1, 1),
    (1, 3, 3, 1, 1),
    (4, 5, 3, 2, 0),
    (3, 2, 5, 1, 2),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("channels_last", [False, True])
def test_values_and_gradients(case: tuple[int, ...], channels_last: bool) -> None:
    height, width, kernel, stride, padding = case
    torch.manual_seed(sum(case))
    layer = SmallMapConv2d(3, 4, kernel, stride, padding, bias=False).double()
    inputs = torch.randn(5, 3, height, width, dtype=torch.float64, requires_grad=True)
    memory = torch.channels_last if channels_last else torch.contiguous_format
    outputs = layer.to(memory_format=memory)(inputs.contiguous(memory_format=memory))  # type: ignore[call-overload]
    expected = conv2d(inputs, layer.weight, None, stride, padding)
    torch.testing.assert_close(outputs, expected)
    above = torch.randn_like(expected)
    wanted = (inputs, layer.weight)
    for found, right in zip(
        torch.autograd.grad(outputs, wanted, above),
        torch.autograd.grad(expected, wanted, above),
        strict=True,
    ):
        torch.testing.assert_close(found, right)


def test_nothing_in_nothing_out() -> None:
    layer = SmallMapConv2d(3, 4, 3, padding=1, bias=False)
    inputs = torch.zeros(0, 3, 2, 2, requires_grad=True)
    outputs = layer(inputs)
    assert outputs.shape == (0, 4, 2, 2)
    outputs.sum().backward()
    assert layer.weight.grad is not None and not layer.weight.grad.any()


def test_small_maps_are_not_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def library(_: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
        asked.append(inputs.shape[-1])
        return inputs

    monkeypatch.setattr(nn.Conv2d, "forward", library)
    layer = SmallMapConv2d(1, 1, 3, padding=1, bias=False)
    for side in (1, 2, LARGEST_SIDE, LARGEST_SIDE + 1, 16):
        layer(torch.zeros(1, 1, side, side))
    layer(torch.zeros(1, 1, 1, 16))
    assert asked == [LARGEST_SIDE + 1, 16, 16]


def test_gradient_that_is_not_asked_for_is_not_computed() -> None:
    layer = SmallMapConv2d(2, 2, 3, padding=1, bias=False)
    outputs = layer(torch.randn(1, 2, 2, 2))
    of_inputs, of_weight, *_ = outputs.grad_fn.apply(torch.ones_like(outputs))
    assert of_inputs is None and of_weight.shape == layer.weight.shape
    with torch.inference_mode():
        assert layer(torch.randn(1, 2, 2, 2)).grad_fn is None


def test_bf16_products_under_autocast() -> None:
    """As near to the exact sums as the library's bf16 is; the weight's gradient is float32."""
    torch.manual_seed(0)
    layer = SmallMapConv2d(64, 32, 3, padding=1, bias=False)
    inputs = torch.randn(16, 64, 3, 3)
    exact = conv2d(inputs.double(), layer.weight.double(), padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(inputs)
        library = conv2d(inputs, layer.weight, padding=1)
    assert outputs.dtype == library.dtype == torch.bfloat16
    error, usual = ((found.double() - exact).std() for found in (outputs, library))
    assert 0 < error < 2 * usual
    (gradient,) = torch.autograd.grad(outputs.float().sum(), layer.weight)
    assert gradient.dtype == torch.float32


def test_last_layer_of_the_network_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network without products has the same weights and the same logits."""
    torch.manual_seed(3)
    network = MitosisNetwork(2).eval()
    names = {n for n, m in network.named_modules() if isinstance(m, SmallMapConv2d)}
    assert len(names) == 5 and all(name.startswith("trunk.layer4.") for name in names)
    monkeypatch.setattr("model.network.use_products", lambda _: None)
    torch.manual_seed(3)
    plain = MitosisNetwork(2).eval()
    assert list(plain.state_dict()) == list(network.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    patches = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(patches).mitosis, plain(patches).mitosis)


def test_weights_stay_the_same_parameters() -> None:
    layers = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.ReLU())
    weight = layers[0].weight
    use_products(layers)
    assert isinstance(layers[0], SmallMapConv2d) and layers[0].weight is weight
    assert isinstance(copy.deepcopy(layers)[0], SmallMapConv2d)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, 3),
        nn.Conv2d(2, 2, 3, groups=2, bias=False),
        nn.Conv2d(2, 2, 3, dilation=2, bias=False),
        nn.Conv2d(2, 2, (3, 1), bias=False),
    ],
    ids=["bias", "groups", "dilation", "not square"],
)
def test_what_it_cannot_do_is_refused(layer: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match="cannot be computed by products"):
        small_maps.use_products(nn.Sequential(layer))

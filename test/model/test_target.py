"""The target: all candidates in order, however many, and a sample where they are too many."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch

from model import target as target_module
from model.activations import activations_below
from model.network import MitosisNetwork
from model.patches import PatchCutter, resize
from model.screen import Screen, ScreenNetwork
from model.target import VIEWS, WIDE, TargetDomain
from test.builders import without_garbage_collector
from test.model.builders import field, tiny_network

PIXELS = field(size=(100, 130))
CENTRES = np.random.default_rng(1).uniform(0, 99, (23, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> MitosisNetwork:
    return tiny_network()


def make(
    network: MitosisNetwork, cut: int = 0, seed: int = 0, centres: np.ndarray = CENTRES
) -> TargetDomain:
    return TargetDomain(network, PIXELS, centres, cut, "fp32", seed)


def test_sample_is_all_candidates_in_order(network: MitosisNetwork) -> None:
    target = make(network)
    patches = PatchCutter(PIXELS).cut(CENTRES)
    assert len(target) == 23
    assert torch.equal(target.sample, patches)
    assert torch.equal(torch.cat(list(target.chunks())), patches)


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_activations_do_not_depend_on_the_chunks(
    network: MitosisNetwork, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    whole = make(network, cut).sample
    assert whole.shape[0] == 23 and whole.std() > 0
    monkeypatch.setattr(target_module, "CHUNK", 5)
    target = make(network, cut)
    chunks = list(target.chunks())
    assert [len(chunk) for chunk in chunks] == [5, 5, 5, 5, 3]
    torch.testing.assert_close(torch.cat(chunks), whole, rtol=1e-4, atol=1e-5)


def test_too_many_candidates_are_sampled_but_all_classified(
    network: MitosisNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = make(network).sample
    monkeypatch.setattr(target_module, "MAX_KEPT", 9)
    monkeypatch.setattr(target_module, "CHUNK", 4)
    target = make(network)
    assert len(target) == 23 and len(target.sample) == 9
    assert torch.equal(torch.cat(list(target.chunks())), every)
    rows = [int((every == patch).flatten(1).all(dim=1).nonzero()[0]) for patch in target.sample]
    assert rows == sorted(set(rows)), "in order, none twice"
    assert torch.equal(make(network).sample, target.sample)
    assert not torch.equal(make(network, seed=1).sample, target.sample)


def test_no_candidate(network: MitosisNetwork) -> None:
    target = make(network, cut=3, centres=np.zeros((0, 2), np.float32))
    assert len(target) == 0 and len(target.sample) == 0 and list(target.chunks()) == []


@pytest.mark.parametrize("most", [9, 100])
@pytest.mark.parametrize("cut", [0, 3])
def test_what_is_not_kept_is_the_same_bit_by_bit(
    network: MitosisNetwork, monkeypatch: pytest.MonkeyPatch, cut: int, most: int
) -> None:
    """Whether activations fit into the memory must not be seen in any result."""
    monkeypatch.setattr(target_module, "MAX_KEPT", most)
    monkeypatch.setattr(target_module, "CHUNK", 7)
    kept, computed = (
        TargetDomain(network, PIXELS, CENTRES, cut, "fp32", 0, keep=keep) for keep in (True, False)
    )
    for first, second in zip(kept.chunks(), computed.chunks(), strict=True):
        assert torch.equal(first, second)
    assert torch.equal(computed.sample, kept.sample)
    assert computed.sample is computed.sample, "from now on it is kept"


def test_views_are_quarter_turns_and_wider_mirrored_ones(network: MitosisNetwork) -> None:
    views = list(make(network).views(np.array([4, 7])))
    assert len(views) == VIEWS and all(view.shape == (2, 64, 64, 3) for view in views)
    near, wide = PatchCutter(PIXELS), PatchCutter(PIXELS, WIDE)
    straight = near.cut(CENTRES[[4, 7]])
    mirrored = resize(wide.cut(CENTRES[[4, 7]]), 64).flip(2)
    for patches in (straight, mirrored):
        for turns in range(4):
            turned = torch.rot90(patches, turns, (1, 2))
            assert sum(torch.equal(view, turned) for view in views) == 1


@pytest.mark.parametrize("most", [0, 3, 100])
def test_views_that_were_computed_are_kept(
    network: MitosisNetwork, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """In any order, whether or not they fit into the memory, they are those of a first look."""
    monkeypatch.setattr(target_module, "MAX_VIEWED", most)
    looks = ([4, 7, 9], [7, 2, 9], [9, 4])
    expected = [list(make(network, cut=3).views(np.array(index))) for index in looks]
    target, below = make(network, cut=3), activations_below
    shown: list[int] = []

    def counted(network: MitosisNetwork, patches: torch.Tensor, *rest: Any) -> torch.Tensor:
        shown.append(len(patches))
        return below(network, patches, *rest)

    monkeypatch.setattr(target_module, "activations_below", counted)
    for index, views in zip(looks, expected, strict=True):
        for view, again in zip(views, target.views(np.array(index)), strict=True):
            torch.testing.assert_close(again, view, rtol=1e-4, atol=1e-5)
    assert sum(shown) == VIEWS * {0: 3 + 3 + 2, 3: 3 + 3, 100: 3 + 1}[most]


def test_an_image_is_freed_with_its_target(network: MitosisNetwork) -> None:
    """At once, not by the garbage collector."""
    target = make(network, cut=3)
    assert len(list(target.views(np.array([1, 2])))) == VIEWS
    gone = weakref.ref(target)
    with without_garbage_collector():
        del target
        assert gone() is None


@pytest.fixture
def screen() -> Screen:
    """One that passes every other candidate or so."""
    torch.manual_seed(0)
    estimates = Screen(ScreenNetwork(), 0.0).estimates(PatchCutter(PIXELS).cut(CENTRES))
    return Screen(ScreenNetworkOf(estimates), float(estimates.median()))


class ScreenNetworkOf(ScreenNetwork):
    """Gives each candidate the estimate it had, wherever it is in a batch."""

    def __init__(self, estimates: torch.Tensor) -> None:
        super().__init__()
        patches = PatchCutter(PIXELS).cut(CENTRES)
        self.known = {
            p.numpy().tobytes(): float(e) for p, e in zip(patches, estimates, strict=True)
        }

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return torch.tensor([self.known[patch.numpy().tobytes()] for patch in patches])


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("most", [32768, 9])
def test_the_network_is_asked_about_what_the_screen_passes(
    network: MitosisNetwork,
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    keep: bool,
    most: int,
) -> None:
    monkeypatch.setattr(target_module, "MAX_KEPT", most)
    monkeypatch.setattr(target_module, "SCREENED_SAMPLE", 7)
    monkeypatch.setattr(target_module, "CHUNK", 4)
    patches = PatchCutter(PIXELS).cut(CENTRES)
    target = TargetDomain(network, PIXELS, CENTRES, 0, "fp32", keep=keep, screen=screen)
    passed = screen.passes(patches)
    assert target.likely().tolist() == passed.nonzero().flatten().tolist() and len(target) == 23
    assert torch.equal(torch.cat(list(target.chunks())), patches[passed])
    rows = [int((patches == p).flatten(1).all(dim=1).nonzero()[0]) for p in target.sample]
    assert len(rows) == 7 and rows == sorted(set(rows))
    assert not passed[rows].all(), "what is adapted to includes rejected candidates"
    assert torch.equal(torch.cat(list(target.chunks())), patches[passed]), "after the sample too"


def test_nothing_passes(network: MitosisNetwork, screen: Screen) -> None:
    none = Screen(screen.network, float("inf"))
    target = TargetDomain(network, PIXELS, CENTRES, 0, "fp32", screen=none)
    assert len(target.likely()) == 0 and list(target.chunks()) == []
    assert len(target.sample) == 23

"""Batches side by side: order, threads, and results that do not depend on their number."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from model.activations import activations_below
from model.batches import MOST_THREADS, in_batches
from model.network import MitosisNetwork
from model.scoring import mitosis_probabilities

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_batches_in_order(threads: int) -> None:
    sizes: list[int] = []

    def compute(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        return 2 * batch

    values = torch.arange(10)
    assert torch.equal(torch.cat(in_batches(compute, values, 4, CPU)), 2 * values)
    assert sorted(sizes) == [2, 4, 4]
    assert in_batches(compute, values[:0], 4, CPU) == []


def test_batches_are_computed_at_once_each_on_one_thread(threads: int) -> None:
    together = threading.Barrier(threads, timeout=60)

    def compute(batch: torch.Tensor) -> torch.Tensor:
        together.wait()  # passes only if as many batches are being computed
        return torch.tensor(torch.get_num_threads())

    assert in_batches(compute, torch.zeros(threads), 1, CPU) == [1] * threads
    assert torch.get_num_threads() == threads


def test_threads_are_limited() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4 * MOST_THREADS)
    try:
        names = set[int]()
        everyone = threading.Barrier(MOST_THREADS, timeout=60)

        def compute(batch: torch.Tensor) -> torch.Tensor:
            everyone.wait()
            names.add(threading.get_ident())
            return batch

        in_batches(compute, torch.zeros(3 * MOST_THREADS), 1, CPU)
        assert len(names) == MOST_THREADS
    finally:
        torch.set_num_threads(before)


def test_error_of_a_batch_is_raised(threads: int) -> None:
    def compute(batch: torch.Tensor) -> torch.Tensor:
        if batch[0] == 2:
            raise RuntimeError("out of memory")
        return batch

    with pytest.raises(RuntimeError, match="out of memory"):
        in_batches(compute, torch.arange(4), 1, CPU)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_scores_do_not_depend_on_the_number_of_threads(precision: str) -> None:
    torch.manual_seed(0)
    network = MitosisNetwork(3)
    patches = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), dtype=np.uint8)
    )
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        below = activations_below(network, patches, 3, precision)  # type: ignore[arg-type]
        found.append(mitosis_probabilities(network, below, 3, precision))  # type: ignore[arg-type]
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])

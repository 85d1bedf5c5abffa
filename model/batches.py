"""Batches that are computed side by side, each on one thread.

So no thread waits for another within an operation, which costs most where several programs share
the processors, and a result does not depend on the number of processors.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

MOST_THREADS = 8  # each holds the layers' outputs of a batch: up to 60 MB

Compute = Callable[[torch.Tensor], torch.Tensor]


def in_batches(
    compute: Compute, values: torch.Tensor, size: int, device: torch.device
) -> list[torch.Tensor]:
    """What `compute` returns for each batch, in order.

    On the CPU it is called by several threads at once, up to PyTorch's number of threads; modes
    such as inference_mode belong to a thread, so it enters them itself.

    Args:
        compute: of a batch (size, …); the last one may be smaller.
        values: (n, …) of all batches.
        size: of a batch.
        device: that computes.
    """
    batches = values.split(size) if len(values) else ()
    if device.type != "cpu":
        return [compute(batch) for batch in batches]
    threads = max(min(torch.get_num_threads(), len(batches), MOST_THREADS), 1)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(compute, batches))

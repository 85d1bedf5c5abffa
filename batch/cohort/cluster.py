"""The Dask cluster of a run: worker processes on this machine, or one that exists already."""

from __future__ import annotations

import logging
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"
CONNECT_S = 30
DASHBOARD_S = 5
NEEDED = "--workers and --scheduler need Dask: pip install -r requirements-cohort.txt"


class ClusterError(OSError):
    """The cluster cannot be used, or is gone. Its text: reason and remedy in one line."""


@contextmanager
def connected(workers: int | None, scheduler: str | None, gpus: bool = True) -> Iterator[Client]:
    """A client of `workers` new processes on this machine, or of the cluster of a scheduler.

    Connections between the processes of this machine are encrypted with certificates that exist in
    their memory alone: without, any user of the machine could have them run code.

    gpus: whether the workers share out the GPUs of their machine.

    Raises:
        ClusterError: Dask is not installed, or the scheduler does not answer.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ClusterError(NEEDED) from error
    from batch.cohort.preparation import Preparation

    _silence()
    if scheduler is None:
        with (
            dask.config.set(SETTINGS),
            _local(workers or 1) as cluster,
            distributed.Client(cluster) as client,
        ):
            client.register_plugin(Preparation(gpus))
            yield client
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions that differ a little
            client = distributed.Client(scheduler, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler responds at {scheduler}: {_line(error)}") from error
    with client:
        client.register_plugin(Preparation(gpus))
        yield client


def dashboard(client: Client) -> str | None:
    """Address of the scheduler's dashboard; None if it does not respond.

    A scheduler without a dashboard states an address too.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        address = str(client.dashboard_link)
        with direct.open(address, timeout=DASHBOARD_S):
            return address
    except (OSError, ValueError, KeyError):
        return None


# An image whose worker dies comes back at once, so that the queue decides; the budget of memory
# replaces Dask's own measures, which would stop workers while an image is read.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.logging": {"distributed": "critical"},
}


@contextmanager
def _local(workers: int) -> Iterator[object]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host=LOOPBACK,
        security=True,
        dashboard_address=f"{LOOPBACK}:0",
        memory_limit=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


def _silence() -> None:
    """Keep Dask's own messages off the terminal: what matters is reported in a line."""
    for name in [
        name for name in logging.root.manager.loggerDict if name.startswith("distributed")
    ]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

"""What is known of a scheduler that exists already."""

from __future__ import annotations

import pytest

distributed = pytest.importorskip("distributed")

from batch.cohort.cluster import LOOPBACK, connected, dashboard  # noqa: E402


@pytest.mark.parametrize("has_dashboard", [True, False])
def test_a_dashboard_that_there_is(has_dashboard: bool) -> None:
    """A scheduler states the address of its HTTP server even where that shows no dashboard."""
    with (
        distributed.LocalCluster(
            n_workers=0,
            processes=False,
            protocol="tcp",
            host=LOOPBACK,
            scheduler_kwargs={"dashboard": has_dashboard},
            dashboard_address=f"{LOOPBACK}:0",
        ) as cluster,
        connected(None, cluster.scheduler_address) as client,
    ):
        assert client.dashboard_link.startswith(f"http://{LOOPBACK}:")
        found = dashboard(client)
        assert found == (client.dashboard_link if has_dashboard else None)

"""Every image is handed out, and one whose worker dies thrice at most."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from batch.cohort.queue import TRIES, Queue
from batch.image_run import Job
from test.batch.builders import record


def jobs(count: int) -> list[Job]:
    names = map(str, range(count))
    return [Job(n, Path(n), Path("out"), "2025", record(), {}, n) for n in names]


def test_in_order() -> None:
    queue, planned = Queue(jobs(3)), jobs(3)
    assert [queue.take() for _ in range(4)] == [*planned, None]
    assert len(queue) == 0


def test_a_suspect_waits_for_all_others_and_is_tried_alone() -> None:
    a, b, c = jobs(3)
    queue = Queue([a, b, c])
    assert (queue.take(), queue.take()) == (a, b)
    assert not queue.worker_died(a) and not queue.worker_died(b)
    again = replace(a, resume=True)
    assert [queue.take() for _ in range(3)] == [c, again, None], "b waits for a"
    queue.done(c)
    assert queue.take() is None and len(queue) == 1
    queue.done(again)
    assert queue.take() == replace(b, resume=True)


def test_given_up_after_three_workers() -> None:
    (job,) = jobs(1)
    queue = Queue([job])
    for tries in range(1, TRIES + 1):
        assert queue.take() == replace(job, resume=tries > 1)
        assert queue.worker_died(job) == (tries == TRIES)
    assert queue.take() is None and len(queue) == 0


def test_a_scheduler_that_tried_it_elsewhere_itself() -> None:
    """Dask's own default is four workers."""
    (job,) = jobs(1)
    queue = Queue([job])
    queue.take()
    assert queue.worker_died(job, 4)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_or_doubled(seed: int) -> None:
    """Workers that die at random, and images that kill every worker."""
    chance, queue = random.Random(seed), Queue(jobs(30))
    poison, deaths = {"3", "17"}, dict.fromkeys(map(str, range(30)), 0)
    at_work: list[Job] = []
    ended: list[str] = []
    while len(queue) or at_work:
        while len(at_work) < 4 and (job := queue.take()) is not None:
            at_work.append(job)
        job = at_work.pop(chance.randrange(len(at_work)))
        if job.name in poison or chance.random() < 0.2:
            deaths[job.name] += 1
            if queue.worker_died(job):
                ended.append(job.name)
        else:
            queue.done(job)
            ended.append(job.name)
    assert sorted(ended) == sorted(deaths)
    assert max(deaths.values()) == TRIES and all(deaths[name] == TRIES for name in poison)

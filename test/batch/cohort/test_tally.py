"""Numbers of a run in progress."""

from batch.cohort.tally import Tally


def test_numbers() -> None:
    now = 100.0
    tally = Tally(10, clock=lambda: now)
    assert tally.numbers()["time left"] == "-"
    for ok in (True, True, False):
        tally.count(ok)
    tally.running, now = 2, 100 + 1800.0
    assert tally.numbers() == {
        "done": "2 of 10",
        "failed": "1",
        "running": "2",
        "waiting": "5",
        "per hour": "6",
        "time left": "1:10:00",
    }

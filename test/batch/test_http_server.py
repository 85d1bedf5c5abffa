"""Calls over HTTP wait for the one thread that computes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batch.http_server import MAX_CALLS, Application, Calls, answer, application


def call(app: Application, method: str, path: str) -> tuple[str, str]:
    """Status and text of a request."""
    status: list[str] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    body = b"".join(app(environ, lambda line, _: status.append(line)))
    return status[0], body.decode().rstrip("\n")


def invoked(work: Any) -> tuple[str, str]:
    """The answer to one POST /invoke whose work is this."""
    calls = Calls()
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(call, application(calls), "POST", "/invoke")
        answer(calls.get(timeout=10), work)
        return pending.result()


def fail() -> list[str]:
    raise FileNotFoundError("no image in /input")


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda: [], ("201 Created", "the output is written")),
        (
            lambda: ["a.tif: bad", "b.tif: bad"],
            ("500 Internal Server Error", "a.tif: bad\nb.tif: bad"),
        ),
        (fail, ("500 Internal Server Error", "FileNotFoundError: no image in /input")),
    ],
)
def test_invoke(work: Any, expected: tuple[str, str]) -> None:
    assert invoked(work) == expected


def test_health_and_other_paths() -> None:
    app = application(Calls())
    assert call(app, "GET", "/health") == ("200 OK", "ready")
    for method, path in (("POST", "/health"), ("GET", "/invoke"), ("GET", "/")):
        assert call(app, method, path)[0] == "404 Not Found"


def test_too_many_calls_are_refused_and_health_still_answers() -> None:
    calls = Calls()
    app = application(calls)
    with ThreadPoolExecutor(MAX_CALLS) as pool:
        waiting = [pool.submit(call, app, "POST", "/invoke") for _ in range(MAX_CALLS)]
        taken = [calls.get(timeout=10) for _ in waiting]
        assert call(app, "POST", "/invoke")[0] == "503 Service Unavailable"
        assert call(app, "GET", "/health")[0] == "200 OK"
        for one in taken:
            answer(one, list)
        assert {pending.result()[0] for pending in waiting} == {"201 Created"}

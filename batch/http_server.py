"""The HTTP server of serve.py: calls wait in a queue for the one thread that computes.

The HTTP threads only queue the calls. The main thread answers them one after another: a second
call waits, and a signal interrupts an image in the same place as in process.py.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

import waitress

THREADS = 16  # of HTTP
MAX_CALLS = 8  # running or waiting: each holds a thread, the others answer /health and refuse
MAX_CONNECTIONS = 512  # slow ones hold only a descriptor, of which 1024 are usual

Calls = SimpleQueue[Future[list[str]]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def answer(call: Future[list[str]], work: Callable[[], list[str]]) -> None:
    """Do the work of one call; its result, or its exception, goes to the waiting HTTP thread."""
    try:
        call.set_result(work())
    except Exception as error:
        traceback.print_exc()
        call.set_exception(error)


def application(calls: Calls) -> Application:
    """The WSGI application: it puts every POST /invoke into `calls` and waits for its failures."""
    places = threading.BoundedSemaphore(MAX_CALLS)

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, text = route(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        body = f"{text}\n".encode(errors="replace")
        length = str(len(body))
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", length)])
        return [body]

    def route(method: str, path: str) -> tuple[str, str]:
        if (method, path) == ("GET", "/health"):
            return "200 OK", "ready"
        if (method, path) == ("POST", "/invoke"):
            return _invoke(calls, places)
        return "404 Not Found", "use GET /health or POST /invoke"

    return respond


def _invoke(calls: Calls, places: threading.BoundedSemaphore) -> tuple[str, str]:
    """Status and text of a call, once it is answered."""
    if not places.acquire(blocking=False):
        return "503 Service Unavailable", f"{MAX_CALLS} calls wait already: call again later"
    call: Future[list[str]] = Future()
    try:
        calls.put(call)
        failures = call.result()
    except Exception as error:
        return "500 Internal Server Error", f"{type(error).__name__}: {error}"
    finally:
        places.release()
    if failures:
        return "500 Internal Server Error", "\n".join(failures)
    return "201 Created", "the output is written"


def listen(app: Application, host: str, port: int) -> waitress.server.BaseWSGIServer:
    """A bound server. Requests are read without a thread each, so slow clients block nobody.

    The platform sends no body, so 64 KiB are plenty. Clients that send nothing for 60 s are let go.
    """
    return waitress.create_server(
        app, host=host, port=port, threads=THREADS, ident=None,
        max_request_header_size=64 << 10, max_request_body_size=64 << 10, channel_timeout=60,
        connection_limit=MAX_CONNECTIONS, asyncore_use_poll=True,
    )  # fmt: skip

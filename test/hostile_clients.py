"""Slow, faulty and malicious HTTP clients for tests of the invoke mode's server.

Each client has the bytes to send and the statuses that are acceptable answers; 0 means that the
connection is closed without an answer. No client makes a valid call of POST /invoke.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

HOST = "127.0.0.1"
TIMEOUT = 20.0  # s
_POST = b"POST /invoke HTTP/1.1\r\nHost: x\r\n"


class Client(NamedTuple):
    name: str
    send: bytes
    statuses: set[int]
    half_closed: bool = False  # shuts down its sending side and waits


CLIENTS = [
    Client("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    Client("random bytes", random.Random(0).randbytes(4096) + b"\r\n\r\n", {400, 431}),
    Client("no version", b"GET /health\r\n\r\n", {200, 400}),
    Client("no method", b"\r\n\r\n\r\n / \r\n\r\n", {0, 400}),
    Client("NUL in the path", b"GET /hea\0lth HTTP/1.1\r\n\r\n", {400, 404}),
    Client("path upwards", b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", {400, 404}),
    Client("encoded path upwards", b"GET /%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n\r\n", {400, 404}),
    Client("another host", b"GET http://example.org/health HTTP/1.1\r\n\r\n", {200, 404}),
    Client("proxy", b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", {400, 404}),
    Client("long path", b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n", {431}),
    Client("huge header", b"GET /health HTTP/1.1\r\nA: " + b"x" * 1_000_000 + b"\r\n\r\n", {431}),
    Client("many headers", b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 50_000 + b"\r\n", {431}),
    Client("huge body", _POST + b"Content-Length: 99999999999\r\n\r\n", {413}),
    Client("large body", _POST + b"Content-Length: 200000\r\n\r\n" + bytes(200_000), {413}),
    Client(
        "endless chunks",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + bytes(1024) + b"\r\n") * 200,
        {413},
    ),
    Client("bad chunk", _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {400}),
    Client("length of letters", _POST + b"Content-Length: ten\r\n\r\n", {400}),
    Client("negative length", _POST + b"Content-Length: -1\r\n\r\n", {400}),
    Client("two lengths", _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", {400}),
    Client("odd encoding", _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", {400, 501}),
    Client("header without a colon", b"GET /health HTTP/1.1\r\nno header\r\n\r\n", {400}),
    Client("half-closed in the line", b"POST /inv", {0, 400}, half_closed=True),
    Client("half-closed in the body", _POST + b"Content-Length: 9\r\n\r\nx", {0, 400}, True),
    Client("half-closed and waiting", b"GET /health HTTP/1.1\r\n\r\n", {0, 200}, half_closed=True),
    Client("nothing at all", b"", {0}, half_closed=True),
]


def status_of(port: int, client: Client) -> int:
    """The status of the answer to a client; 0 if the connection is closed without one.

    Raises:
        TimeoutError: neither an answer nor a close.
    """
    with _connected(port) as connection:
        try:
            connection.sendall(client.send)
            if client.half_closed:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
        except (ConnectionResetError, BrokenPipeError):
            return 0  # refused before everything was sent
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0


def reset(port: int) -> None:
    """Connect, send a part of a request, and reset the connection (TCP RST)."""
    with _connected(port) as connection:
        connection.sendall(_POST)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def never_reading(port: int, requests: int = 2000) -> socket.socket:
    """A connection that sends many requests and reads no answer."""
    connection = _connected(port)
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    return connection


@contextlib.contextmanager
def slow_ones(port: int, count: int) -> Iterator[None]:
    """Connections that send one byte per second (slow-loris), half of them within a body."""
    starts = (b"GET /health HT", _POST + b"Content-Length: 9999\r\n\r\n")
    connections = [_connected(port) for _ in range(count)]
    over = threading.Event()

    def drip() -> None:
        for connection, start in zip(connections, starts * count, strict=False):
            _send(connection, start)
        while not over.wait(1.0):
            for connection in connections:
                _send(connection, b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for connection in connections:
            connection.close()


def _connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=TIMEOUT)


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the server may have closed it
        connection.sendall(data)

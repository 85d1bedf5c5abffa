"""Invoke mode: one server, called over HTTP for every new content of /input."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from test.compare import FILE
from test.container.conftest import empty, fill, open_folder, strict_json
from test.container.runners import Runner, Server, run, serving

# Connects as careless clients do, prints each answer, and asks for /health meanwhile.
CARELESS = """
import socket, sys, urllib.request
port = int(sys.argv[1])
def send(data):
    connection = socket.create_connection(("localhost", port), timeout=30)
    connection.sendall(data)
    return connection
slow = [send(b"POST /invoke HTTP/1.1\\r\\nContent-Length: 100\\r\\n\\r\\nx") for _ in range(30)]
slow += [send(b"GET /health HT") for _ in range(30)]
post = b"POST /invoke HTTP/1.1\\r\\nContent-Length: "
for bad in (b"\\x16\\x03 no http\\r\\n\\r\\n", post + b"ten\\r\\n\\r\\n",
            post + b"99999999\\r\\n\\r\\n", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\\r\\n\\r\\n"):
    print(send(bad).recv(100).split()[1].decode())
print(urllib.request.urlopen(f"http://localhost:{port}/health", timeout=10).status)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("invoke")
    return open_folder(base / "input"), open_folder(base / "output")


@pytest.fixture(scope="module")
def server(runner: Runner, folders: tuple[Path, Path]) -> Iterator[Server]:
    """A server that adapts for two steps on each image, so that a leak between calls would show."""
    with serving(
        runner, *folders, "--adaptation", "gradient-reversal", "--max-steps", "2"
    ) as running:
        yield running


def invoke(server: Server, folders: tuple[Path, Path], *files: Path) -> tuple[int, str]:
    """Call with these files in a fresh /input, and a fresh /output."""
    source, target = folders
    fill(source, *files)
    empty(target)
    return server.call("POST", "/invoke")


def test_health_answers_200_once_the_model_is_loaded(server: Server) -> None:
    assert server.call("GET", "/health") == (200, "ready")


def test_calls_do_not_depend_on_those_before(
    server: Server, folders: tuple[Path, Path], fields: list[Path]
) -> None:
    outputs = []
    for field in [*fields, fields[0]]:
        assert invoke(server, folders, field) == (201, "the output is written")
        outputs.append((folders[1] / FILE).read_bytes())
    assert outputs[3] == outputs[0], "the first input, repeated, must be bit-identical"
    assert len(set(outputs[:3])) == 3


def test_exec_and_invoke_give_the_same_bit_by_bit(
    server: Server, runner: Runner, folders: tuple[Path, Path], fields: list[Path], target: Path
) -> None:
    assert invoke(server, folders, fields[1])[0] == 201
    done = run(runner, folders[0], target, "--adaptation", "gradient-reversal", "--max-steps", "2")
    assert done.status == 0
    assert (target / FILE).read_bytes() == (folders[1] / FILE).read_bytes()


def test_a_bad_input_answers_500_and_the_server_goes_on(
    server: Server, folders: tuple[Path, Path], fields: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"not an image")
    status, reason = invoke(server, folders, broken)
    assert status == 500
    assert "broken.tif" in reason
    assert not (folders[1] / FILE).exists()
    assert invoke(server, folders, fields[1])[0] == 201
    status, reason = invoke(server, folders)
    assert status == 500
    assert "no image to process in" in reason
    assert not list(folders[1].iterdir()), "nothing is left of the call before"
    assert server.call("GET", "/health")[0] == 200
    assert invoke(server, folders, fields[1])[0] == 201


def test_a_second_call_waits_and_health_does_not(
    server: Server, folders: tuple[Path, Path], fields: list[Path]
) -> None:
    invoke(server, folders, fields[0])
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(server.call, "POST", "/invoke") for _ in range(2)]
        assert server.call("GET", "/health")[0] == 200
        assert not any(call.done() for call in calls)
        assert [call.result()[0] for call in calls] == [201, 201]
    assert strict_json(folders[1] / FILE)["points"]


def test_slow_and_malformed_clients_do_no_harm(server: Server) -> None:
    done = subprocess.run(
        server.python("-c", CARELESS, str(server.port)), text=True, capture_output=True
    )
    assert done.stdout.split() == ["400", "400", "413", "431", "200"], done.stderr


@pytest.mark.parametrize("method, path", [("GET", "/invoke"), ("POST", "/health"), ("GET", "/")])
def test_other_requests_are_not_found(server: Server, method: str, path: str) -> None:
    assert server.call(method, path)[0] == 404


def test_sigterm_in_the_middle_of_a_call_ends_the_server(
    runner: Runner, folders: tuple[Path, Path], fields: list[Path]
) -> None:
    source, target = folders
    fill(source, fields[0])
    empty(target)
    with (
        serving(runner, source, target, "--adaptation", "paper", "--epochs", "100000") as server,
        ThreadPoolExecutor() as pool,
    ):
        call = pool.submit(server.call, "POST", "/invoke")
        time.sleep(3)
        done = server.stop()
        assert call.result()[0] in (0, 500)
    assert done.status == 143
    assert "SIGTERM" in done.stderr
    assert list(target.rglob(FILE)) == []

"""Run process.py and serve.py as the platform does in Docker, or in the virtual environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As the platform: no network, nothing writable but /output and /tmp, and a user id that the image
# does not know.
HARDENED = (
    "--network none --read-only --tmpfs /tmp --memory 16g --shm-size 8g --pids-limit 512"
    " --cap-drop ALL --security-opt no-new-privileges --user 1234:1234"
).split()
CLIENT = """
import sys, urllib.error, urllib.request
method, url = sys.argv[1:]
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=600)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""


@dataclass(frozen=True)
class Ended:
    status: int
    stdout: str
    stderr: str


class Runner(ABC):
    """Where process.py and serve.py run, and what of that place the tests must know."""

    name: str

    @abstractmethod
    def command(self, mode: str, name: str, source: Path, target: Path) -> list[str]:
        """The command line of a mode, exec or invoke, over the folders source and target."""

    def port(self) -> tuple[int, list[str]]:
        """Where a new server listens, and the options that tell it so."""
        return 4743, []

    @abstractmethod
    def inside(self, name: str) -> list[str]:
        """The command line that runs `python` beside a running server of that name."""

    def seen(self, source: Path) -> Path:
        """The path by which process.py sees the folder source."""
        return source

    def powerless(self, command: list[str]) -> list[str]:
        """The command without the right to write into another user's folder."""
        return command

    def kill(self, name: str) -> None:  # noqa: B027
        """End what the killed command line leaves running under that name."""


class Docker(Runner):
    name = "docker"

    def __init__(self, images: dict[str, str]) -> None:
        """images: the tag of each mode."""
        self.images = images

    def command(self, mode: str, name: str, source: Path, target: Path) -> list[str]:
        volumes = ["--volume", f"{source}:/input:ro", "--volume", f"{target}:/output"]
        return ["docker", "run", "--rm", "--name", name, *HARDENED, *volumes, self.images[mode]]

    def inside(self, name: str) -> list[str]:
        return ["docker", "exec", name, "python"]

    def seen(self, source: Path) -> Path:
        return Path("/input")

    def kill(self, name: str) -> None:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True)


class Venv(Runner):
    name = "venv"

    def command(self, mode: str, name: str, source: Path, target: Path) -> list[str]:
        folders = ["--input", str(source), "--output", str(target)]
        if mode == "exec":
            return [sys.executable, "process.py", *folders]
        return [sys.executable, "serve.py", *folders]

    def port(self) -> tuple[int, list[str]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return port, ["--port", str(port)]

    def inside(self, name: str) -> list[str]:
        return [sys.executable]

    def seen(self, source: Path) -> Path:
        """The path by which process.py sees the folder source."""
        return source

    def powerless(self, command: list[str]) -> list[str]:
        """Root writes anywhere by a capability, so root runs it without that."""
        if os.geteuid() != 0:
            return command
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]


def run(
    runner: Runner, source: Path, target: Path, *options: str, powerless: bool = False
) -> Ended:
    """One exec run over `source` to its end."""
    with started(runner, "exec", source, target, *options, powerless=powerless) as process:
        return ended(process)


@contextmanager
def started(
    runner: Runner,
    mode: str,
    source: Path,
    target: Path,
    *options: str,
    name: str = "",
    powerless: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """A run in the background; what is left of it in the end is killed."""
    name = name or f"mitosis-{uuid.uuid4().hex[:8]}"
    command = [*runner.command(mode, name, source, target), *options]
    if powerless:
        command = runner.powerless(command)
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        runner.kill(name)
        process.wait()


def ended(process: subprocess.Popen[str], timeout: float = 900) -> Ended:
    stdout, stderr = process.communicate(timeout=timeout)
    # The engine's own remarks on the kernel are not the image's.
    stderr = re.sub(r"^WARNING: (Your kernel|IPv4).*\n", "", stderr, flags=re.MULTILINE)
    return Ended(process.returncode, stdout, stderr)


@dataclass(frozen=True)
class Server:
    """A server in invoke mode, called from beside it: in Docker on the container's localhost."""

    runner: Runner
    name: str
    port: int
    process: subprocess.Popen[str]

    def python(self, *arguments: str) -> list[str]:
        return [*self.runner.inside(self.name), *arguments]

    def call(self, method: str, path: str) -> tuple[int, str]:
        """The status and text of an answer; 0 and the error where there was none."""
        url = f"http://localhost:{self.port}{path}"
        done = subprocess.run(
            self.python("-c", CLIENT, method, url), text=True, capture_output=True
        )
        if done.returncode:
            return 0, done.stderr
        status, _, text = done.stdout.partition(" ")
        return int(status), text.strip()

    def wait_until_healthy(self, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while self.call("GET", "/health")[0] != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"no healthy server: {ended(self.process)}")
            time.sleep(0.2)

    def stop(self) -> Ended:
        self.process.send_signal(signal.SIGTERM)
        return ended(self.process, timeout=30)


@contextmanager
def serving(runner: Runner, source: Path, target: Path, *options: str) -> Iterator[Server]:
    name = f"mitosis-{uuid.uuid4().hex[:8]}"
    port, listen = runner.port()
    with started(runner, "invoke", source, target, *listen, *options, name=name) as process:
        server = Server(runner, name, port, process)
        server.wait_until_healthy()
        yield server


def engine_is_there() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0

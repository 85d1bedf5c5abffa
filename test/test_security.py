"""The guarantees of docs/security.md for the shipped code, its model, training and a run."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import SimpleITK
import torch

import process
from batch.options import ROOT
from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.source_bank import BANK_FILE, SourceBankError, load_bank
from model.weights import CARD_FILE, WEIGHTS_FILE, WeightsError, load_weights
from test.builders import rendered_samples
from test.model.builders import DOMAINS, field, tiny_bank, tiny_network, write_bank, write_weights
from training.checkpoint import CHECKPOINT_FILE
from training.imagenet_trunk import load_folded_trunk
from training.loop import train
from training.recipe import Recipe
from training.tiff import write_tiff
from training.trunk import Trunk, load_trunk

# ------------------------------------------------------------------------------------- model files


def test_the_shipped_model_is_safetensors_and_text() -> None:
    suffixes = {p.suffix for name in ("weights", "source_bank") for p in (ROOT / name).iterdir()}
    assert suffixes == {".safetensors", ".json", ".csv", ".md", ""}  # "": LICENSE


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """weights/, their bank/, and tissue/ with a small field."""
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, 3, sha256=sha256))
    (tmp_path / "tissue").mkdir()
    write_tiff(tmp_path / "tissue" / "field.tif", field(size=(70, 80)), 0.25)
    return tmp_path


def options(made: Path) -> list[str]:
    places = {"input": "tissue", "output": "out", "weights": "weights", "source-bank": "bank"}
    words = [word for name, place in places.items() for word in (f"--{name}", str(made / place))]
    return [*words, "--adaptation", "paper", "--max-steps", "1", "--batch-size", "8",
            "--precision", "fp32", "--device", "cpu"]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (f"weights/{WEIGHTS_FILE}", "is not the file its card describes (SHA-256 differs)"),
        (f"bank/{BANK_FILE}", "is damaged (its content does not match its SHA-256)"),
    ],
)
def test_a_changed_byte_of_the_model_ends_the_run_with_a_line(
    made: Path, file: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = made / file
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert process.main(options(made)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ") and reason in line
    assert not (made / "out").exists()


class Payload:
    """An object whose unpickling creates a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return os.mkdir, (self.folder,)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Payload]:
    """A payload that works; the test fails if anything unpickles it."""
    folder = tmp_path / "trap"
    payload = Payload(folder)
    pickle.loads(pickle.dumps(payload))
    assert folder.is_dir(), "the payload works"
    folder.rmdir()
    yield payload
    assert not folder.exists(), "the payload was unpickled"


@pytest.mark.parametrize("write", [lambda o, path: path.write_bytes(pickle.dumps(o)), torch.save])
def test_a_pickle_in_place_of_the_model_is_not_loaded(
    made: Path, trap: Payload, write: Callable[[object, Path], object]
) -> None:
    """Even if the card states its hash."""
    write({"conv1.weight": trap}, made / "weights" / WEIGHTS_FILE)
    write({"conv1.weight": trap}, made / "bank" / BANK_FILE)
    card = json.loads((made / "weights" / CARD_FILE).read_text())
    card["sha256"] = file_sha256(made / "weights" / WEIGHTS_FILE)
    (made / "weights" / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(made / "weights")
    with pytest.raises(SourceBankError, match=re.escape(BANK_FILE)):
        load_bank(made / "bank", card["sha256"], DOMAINS)


def test_training_unpickles_no_checkpoint(trap: Payload, tmp_path: Path) -> None:
    samples = rendered_samples()
    torch.save({"network": trap}, tmp_path / CHECKPOINT_FILE)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        train(MitosisNetwork(len(samples.domains)), samples, Recipe(steps=1), tmp_path)


def test_training_unpickles_no_trunk(trap: Payload, tmp_path: Path) -> None:
    network, patches = MitosisNetwork(2), torch.zeros(2, 3, 64, 64)
    torch.save({"conv1.weight": trap}, tmp_path / "trunk.pth")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_trunk(network, Trunk(str(tmp_path / "trunk.pth")), lambda: patches)
    arrays: dict[str, Any] = {"conv1.weight": np.array(trap, dtype=object)}
    np.savez(tmp_path / "trunk.npz", **arrays)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_folded_trunk(network, tmp_path / "trunk.npz", patches)


# ------------------------------------------------------------------------------------------- a run


def audited(made: Path, *arguments: str) -> list[tuple[str, list[str]]]:
    """Run process.py with these options under an audit hook; the events that the hook reported."""
    temporary = made / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {
        "TMPDIR": str(temporary), "HOME": str(temporary), "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(temporary),
    }  # fmt: skip
    command = [sys.executable, "-m", "test.audited", str(made / "events.json"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [(event, words) for event, words in json.loads((made / "events.json").read_text())]


def changed_paths(events: list[tuple[str, list[str]]]) -> set[str]:
    """Paths that were opened for writing, created, renamed or removed. Descriptors are left out."""
    changed = []
    for event, arguments in events:
        if event == "open":
            writes = int(arguments[2]) & (os.O_WRONLY | os.O_RDWR)
            changed += arguments[:1] if writes else []
        elif event.startswith(("os.", "shutil.")):
            changed += arguments[:2] if event == "os.rename" else arguments[:1]
    return {path for path in changed if not path.isdigit()}


@pytest.mark.parametrize(
    "extra",
    [
        ["--report", "--overlay", "--geojson", "--csv"],
        ["--adaptation", "calibrated", "--mpp", "0.3", "--resume"],
    ],
    ids=["reports", "other-images"],
)
def test_a_run_opens_no_socket_starts_no_program_and_writes_only_its_output(
    made: Path, extra: list[str]
) -> None:
    """Audit events come from Python only; the container's tests confine native code."""
    pixels = field(size=(70, 80))
    if "--mpp" in extra:
        PIL.Image.fromarray(pixels).save(made / "tissue" / "b.png")
        PIL.Image.fromarray(pixels).save(made / "tissue" / "c.jpg")
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels, isVector=True),
                             str(made / "tissue" / "d.mha"))  # fmt: skip
    events = audited(made, *options(made), *extra)
    opened = [arguments[0] for event, arguments in events if event == "open"]
    assert any("field.tif" in path for path in opened), "the hook sees the run"
    assert (made / "out" / "report.html").is_file() == ("--report" in extra)
    forbidden = [e for e in events if e[0] != "open" and not e[0].startswith(("os.", "shutil."))]
    assert forbidden == []
    allowed = (str(made / "out"), str(made / "tmp"), os.devnull)
    changed = changed_paths(events)
    assert changed and {path for path in changed if not path.startswith(allowed)} == set()


TRIED = (
    "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import subprocess; subprocess.run(['true'])",
    "import os; os.system('true')",
    "import pickle; pickle.loads(pickle.dumps(print))",
)
PROCESS = f"""
def main(_):
    stopped = 0
    for code in {TRIED}:
        try:
            exec(code)
        except PermissionError:
            stopped += 1
    return stopped
"""


def test_the_audit_stops_each_of_them(tmp_path: Path) -> None:
    (tmp_path / "process.py").write_text(PROCESS)
    (tmp_path / "test").mkdir()
    for name in ("__init__.py", "audited.py"):
        shutil.copy(ROOT / "test" / name, tmp_path / "test")
    command = [sys.executable, "-m", "test.audited", "events.json"]
    assert subprocess.run(command, cwd=tmp_path).returncode == len(TRIED)
    events = json.loads((tmp_path / "events.json").read_text())
    names = {event for event, _ in events if event != "open"}
    assert {"subprocess.Popen", "os.system", "pickle.find_class"} <= names
    assert any(name.startswith("socket.") for name in names)


# ----------------------------------------------------------------------------- the Docker image


def in_context(file: str) -> bool:
    """Whether .dockerignore lets a file reach the engine: the last pattern that matches decides."""
    included = True
    parents = ["/".join(file.split("/")[:n]) for n in range(1, file.count("/") + 2)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in line
        names = [p.rsplit("/", 1)[-1] for p in parents] if anywhere else parents
        if pattern and pattern[0] != "#" and any(fnmatch(name, pattern) for name in names):
            included = line.startswith("!")
    return included


def copied() -> set[str]:
    """What the Dockerfile copies from the build context."""
    return {
        source.rstrip("/")
        for line in re.findall(r"^COPY (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()[:-1] if not source.startswith("--")
    }  # fmt: skip


def test_the_build_context_has_the_product_and_nothing_else() -> None:
    files = [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*")
             if p.is_file() and p.relative_to(ROOT).parts[0] not in (".git", ".venv")]  # fmt: skip
    context = {file for file in files if in_context(file)}
    assert {file.split("/")[0] for file in context} == copied()
    assert {"process.py", "model/detector.py", "weights/card.json"} <= context
    left_out = (
        "experiments/ablation.py", "training/train.py", "test/compare.py", ".git/config",
        "runs/a/network.safetensors", "model/__pycache__/a.pyc", "notes.txt", ".env",
    )  # fmt: skip
    assert [file for file in left_out if in_context(file)] == []


DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$CALLS"
echo 1  # the size of the image
"""


def test_run_sh_gives_the_container_no_network_and_no_rights(made: Path) -> None:
    """run.sh with a `docker` that records how it is called."""
    (made / "bin").mkdir()
    (made / "bin" / "docker").write_text(DOCKER)
    (made / "bin" / "docker").chmod(0o755)
    path = f"{made / 'bin'}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "CALLS": str(made / "calls")}
    environment["MITOSIS_RUNNER"] = "docker"
    (call,) = run_calls(made, environment)
    for option in (
        "--network none", "--read-only", "--tmpfs /tmp", "--cap-drop ALL",
        "--security-opt no-new-privileges", f"--user {os.getuid()}:{os.getgid()}",
        f"--volume {made / 'tissue'}:/input:ro", f"--volume {made / 'out'}:/output",
    ):  # fmt: skip
        assert option in call
    assert call.count("--volume") == 2 and "--privileged" not in call

    (made / "lists").mkdir()
    for name in ("lists/list.csv", "truth.json"):
        (made / name).write_text("")
    named = ["--ground-truth", "truth.json", "--manifest=lists/list.csv"]
    _, call = run_calls(made, environment, *named)
    for file in (made / "truth.json", made / "lists", made / "tissue"):
        assert f"--volume {file}:{file}:ro" in call
    assert call.count("--volume") == 5
    assert f"--ground-truth {made}/truth.json --manifest {made}/lists/list.csv" in call


def run_calls(made: Path, environment: dict[str, str], *options: str) -> list[str]:
    """All of run.sh's calls of `docker run` until now, after one with these options."""
    command = [str(ROOT / "run.sh"), str(made / "tissue"), str(made / "out"), *options]
    subprocess.run(command, cwd=made, env=environment, check=True, capture_output=True)
    return [line for line in (made / "calls").read_text().splitlines() if line[:4] == "run "]

"""What docs/security.md promises of the shipped code, its model and a run."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import process
from batch.options import ROOT
from model.source_bank import BANK_FILE, SourceBankError, load_bank
from model.weights import CARD_FILE, WEIGHTS_FILE, WeightsError, file_sha256, load_weights
from test.model.builders import DOMAINS, field, tiny_bank, tiny_network, write_bank, write_weights
from training.tiff import write_tiff

# The folders that the Dockerfile copies.
LEFT_OUT = [ROOT / line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
SHIPPED = [
    ROOT / "process.py", ROOT / "serve.py",
    *(
        path
        for name in ("model", "report", "evaluation")
        for path in (ROOT / name).rglob("*.py")
        if path not in LEFT_OUT
    ),
]  # fmt: skip
TRAINING = sorted((ROOT / "training").rglob("*.py"))
# Modules that unpickle, run programs or code, or reach a network.
FORBIDDEN_MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "subprocess",
    "multiprocessing", "pty", "socket", "ssl", "urllib", "http", "ftplib", "smtplib", "requests",
    "httpx", "webbrowser", "xmlrpc", "runpy", "code", "ctypes",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = re.compile(
    r"(os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*))|torch\.(load|save|jit\.load)"
    r"|torch\.hub\.\w+|(np|numpy)\.(load|loads)|(pd|pandas)\.read_pickle|\w+\.read_pickle"
)


# --------------------------------------------------------------------------------- the code itself


def offences(path: Path) -> Iterator[str]:
    """Imports and calls that the shipped code must not have."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS or FORBIDDEN_METHODS.fullmatch(called):
                yield f"{path.name}:{node.lineno}: {called}"
            if any(word.arg == "shell" for word in node.keywords):
                yield f"{path.name}:{node.lineno}: shell="
        for name in imported(node):
            if name.split(".")[0] in FORBIDDEN_MODULES:
                yield f"{path.name}: import {name}"


def imported(node: ast.AST) -> list[str]:
    """Modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_the_shipped_code_unpickles_nothing_and_starts_nothing() -> None:
    assert len(SHIPPED) > 40
    assert [line for path in SHIPPED for line in offences(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from urllib.request import urlopen", "import os; os.system('x')",
        "torch.load(p, weights_only=True)", "np.load(p)", "eval('1')", "exec(x)", "import yaml",
        "run(x, shell=True)", "os.popen(x)", "os.execv(x, y)", "torch.hub.load(u)",
        "def f():\n    import subprocess", "frame = pd.read_pickle(p)",
    ],
)  # fmt: skip
def test_the_scan_finds_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "code.py").write_text(line)
    assert list(offences(tmp_path / "code.py"))


def loads(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Calls of torch.load and numpy.load with their keywords."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
            keywords = {word.arg or "": ast.unparse(word.value) for word in node.keywords}
            yield ast.unparse(node.func), keywords


def test_training_loads_tensors_and_arrays_only() -> None:
    """numpy's own default is allow_pickle=False."""
    found = [load for path in TRAINING for load in loads(path)]
    assert len(found) >= 4
    for function, keywords in found:
        if function == "torch.load":
            assert keywords.get("weights_only") == "True"
        else:
            assert keywords.get("allow_pickle", "False") == "False"
    unpicklers = {"pickle", "dill", "joblib", "shelve", "marshal", "yaml"}
    for path in TRAINING:
        imports = [line for line in offences(path) if "import " in line]
        assert not [line for line in imports if line.split("import ")[1] in unpicklers]


def test_templates_escape_what_they_show() -> None:
    """File names and messages of strangers stand on the page as text."""
    page = (ROOT / "report" / "page.py").read_text()
    assert "autoescape=True" in page
    assert "default-src 'none'" in (ROOT / "report" / "page.html").read_text()


# ---------------------------------------------------------------------------------- the model files


def test_the_shipped_model_is_safetensors_and_text() -> None:
    suffixes = {p.suffix for name in ("weights", "source_bank") for p in (ROOT / name).iterdir()}
    assert suffixes <= {".safetensors", ".json", ".csv"}


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
    return [*words, "--adaptation", "paper-frozen", "--max-steps", "1", "--batch-size", "8",
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
    """Pickled, it makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return os.mkdir, (self.folder,)


def test_a_pickle_in_the_place_of_the_model_is_not_loaded(made: Path) -> None:
    """Not even where its hash is the card's."""
    trap = made / "trap"
    pickle.loads(pickle.dumps(Payload(trap)))
    assert trap.is_dir(), "the trap works"
    trap.rmdir()
    for write in (
        lambda path: path.write_bytes(pickle.dumps(Payload(trap))),
        lambda path: torch.save({"conv1.weight": Payload(trap)}, path),
    ):
        write(made / "weights" / WEIGHTS_FILE)
        write(made / "bank" / BANK_FILE)
        card = json.loads((made / "weights" / CARD_FILE).read_text())
        card["sha256"] = file_sha256(made / "weights" / WEIGHTS_FILE)
        (made / "weights" / CARD_FILE).write_text(json.dumps(card))
        with pytest.raises(WeightsError, match="cannot be loaded"):
            load_weights(made / "weights")
        with pytest.raises(SourceBankError, match="is not a valid source bank"):
            load_bank(made / "bank", card["sha256"], DOMAINS)
        assert not trap.exists()


# ------------------------------------------------------------------------------------------- a run


def test_a_run_without_sockets_programs_or_pickles_writes_only_its_output(made: Path) -> None:
    """Every audit event of Python itself; native code is held in by the container's tests."""
    temporary = made / "tmp"
    temporary.mkdir()
    environment = os.environ | {
        "TMPDIR": str(temporary), "HOME": str(temporary), "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(temporary),
    }  # fmt: skip
    command = [sys.executable, "-m", "test.audited", str(made / "events.json"), *options(made)]
    command += ["--report", "--overlay", "--geojson", "--csv"]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (made / "out" / "report.html").is_file()
    events = json.loads((made / "events.json").read_text())
    opened = [arguments for event, arguments in events if event == "open"]
    assert any("field.tif" in path for path, *_ in opened), "the hook sees the run"
    allowed = (str(made / "out"), str(temporary), os.devnull)
    changed = [path for path, _, flags in opened if int(flags) & (os.O_WRONLY | os.O_RDWR)]
    changed += [
        path for event, arguments in events if event.startswith(("os.", "shutil."))
        for path in (arguments[:2] if event == "os.rename" else arguments[:1])
    ]  # fmt: skip
    by_name = [path for path in changed if not path.isdigit()]  # others are open already
    assert by_name
    assert [path for path in by_name if not path.startswith(allowed)] == []
    forbidden = [e for e in events if e[0] != "open" and not e[0].startswith(("os.", "shutil."))]
    assert forbidden == []


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


# ----------------------------------------------------------------------------- the image's sources


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_the_context_of_the_image_is_what_is_copied_into_it() -> None:
    """Whatever else lies in the folder, it never reaches the engine."""
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (.*)$", dockerfile(), re.MULTILINE)
        for source in line.split()[:-1] if not source.startswith("--")
    }  # fmt: skip
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines and copied == allowed


def test_the_image_is_built_without_secrets_and_run_without_rights() -> None:
    text = dockerfile()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "--require-hashes" in text
    assert not re.search(r"--mount=type=secret|^ADD |^(ARG|ENV) \w*(TOKEN|KEY|SECRET|PASSWORD)",
                         text, re.MULTILINE)  # fmt: skip
    script = (ROOT / "run.sh").read_text()
    for option in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", ":ro"):
        assert option in script

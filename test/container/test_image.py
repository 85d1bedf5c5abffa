"""The Docker image itself: what is in it, what it weighs, and that its export is the same."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from test.compare import FILE
from test.container.conftest import fill, open_folder
from test.container.runners import HARDENED, ROOT, Docker, run

MEBIBYTE = 1 << 20
SECRET = re.compile(
    r"(passw(or)?d|secret|token|api[_-]?key|credentials?)['\"]?\s*[=:]|://[^/\s:@]+:[^/\s@]+@"
    r"|BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}",
    re.IGNORECASE,
)
# What the Dockerfile sets.
ENVIRONMENT = {
    "PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOME", "USER",
    "TORCHINDUCTOR_CACHE_DIR",
}  # fmt: skip
SECRET_FILES = """
import os
names = {".netrc", ".pypirc", ".git-credentials", ".git", ".env", ".npmrc", ".aws", ".ssh",
         ".docker", ".config", ".cache", "id_rsa", "id_ed25519", ".bash_history", ".python_history"}
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = sorted(set(folders) - {"proc", "sys", "dev"})
    for name in names & {*folders, *files}:
        print(os.path.join(folder, name))
"""
APP_FILES = """
import os
for folder, _, files in os.walk("/opt/app"):
    for name in files:
        if not folder.endswith("__pycache__"):
            print(os.path.relpath(os.path.join(folder, name), "/opt/app"))
"""
COMPILED = """
import os, sys
import batch.folder, batch.settings, report.write, evaluation.score
print(*(name for name, module in sys.modules.items()
        if (cached := vars(module).get("__cached__")) and not os.path.exists(cached)))
"""


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, text=True, capture_output=True)
    return done.stdout.strip()


def inspect(tag: str) -> Any:
    return json.loads(docker("image", "inspect", tag))[0]


def python(tag: str, code: str) -> str:
    """What a line of Python prints inside the image."""
    return docker("run", "--rm", *HARDENED, "--entrypoint", "python", tag, "-c", code)


def test_the_labels_tell_the_platform_how_to_call_it(images: dict[str, str]) -> None:
    key = "org.grand-challenge.api-method"
    assert key not in inspect(images["exec"])["Config"]["Labels"]
    assert inspect(images["invoke"])["Config"]["Labels"][key] == "invoke"
    for tag in images.values():
        assert (inspect(tag)["Os"], inspect(tag)["Architecture"]) == ("linux", "amd64")
        assert inspect(tag)["Config"]["User"] not in ("", "root", "0")


def test_the_layers_over_the_base_add_at_most_750_mebibytes(images: dict[str, str]) -> None:
    image = inspect(images["exec"])
    base = inspect(image["Config"]["Labels"]["org.opencontainers.image.base.name"])
    assert image["RootFS"]["Layers"][: len(base["RootFS"]["Layers"])] == base["RootFS"]["Layers"]
    added = (image["Size"] - base["Size"]) / MEBIBYTE
    print(f"the layers over the base add {added:.0f} MiB")
    assert added <= 750


def test_only_what_it_runs_is_inside(images: dict[str, str]) -> None:
    code = "import os; print(*sorted(os.listdir('/opt/app')))"
    inside = [name for name in python(images["exec"], code).split() if name != "__pycache__"]
    assert inside == [
        "batch", "evaluation", "model", "process.py", "report", "serve.py", "slide", "source_bank",
        "weights",
    ]  # fmt: skip


def test_of_the_repository_only_what_is_in_git_is_inside(images: dict[str, str]) -> None:
    """A forgotten note or key beside the code stays out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    inside = set(python(images["exec"], APP_FILES).splitlines())
    assert inside - set(listed.stdout.splitlines()) == set()


def test_no_start_compiles_a_module(images: dict[str, str]) -> None:
    assert python(images["exec"], COMPILED) == ""


def test_no_secret_in_the_history_or_the_environment(images: dict[str, str]) -> None:
    for tag in images.values():
        image = inspect(tag)
        base = image["Config"]["Labels"]["org.opencontainers.image.base.name"]
        added = set(image["Config"]["Env"]) - set(inspect(base)["Config"]["Env"] or [])
        assert {line.partition("=")[0] for line in added} <= ENVIRONMENT
        ours = len(history(tag)) - len(history(base))
        assert ours >= 10, "the Dockerfile's own steps are looked at"
        text = "\n".join([*history(tag)[:ours], *added, json.dumps(image["Config"]["Labels"])])
        assert not (found := SECRET.search(text)), found


def history(tag: str) -> list[str]:
    """The steps that made an image, the last one first."""
    return docker("history", "--no-trunc", "--format", "{{json .CreatedBy}}", tag).splitlines()


@pytest.mark.parametrize(
    "text",
    ["ENV API_KEY=x", "pip --index-url https://me:word@host/simple", "TOKEN: x", "password = 'x'"],
)
def test_secrets_are_recognised(text: str) -> None:
    assert SECRET.search(text)


def test_no_file_that_keeps_secrets_is_added(images: dict[str, str]) -> None:
    """As root, who sees every folder; what the base image brings is its own."""
    base = inspect(images["exec"])["Config"]["Labels"]["org.opencontainers.image.base.name"]
    found, brought = (
        set(docker("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user",
                   "0:0", "--entrypoint", "python3", tag, "-c", SECRET_FILES).splitlines())
        for tag in (images["exec"], base)
    )  # fmt: skip
    assert found - brought == set()


def test_it_runs_without_any_right(images: dict[str, str]) -> None:
    """No capability, none to be gained, and no user id that the image knows."""
    for tag in images.values():
        status = python(tag, "print(open('/proc/self/status').read())")
        fields = dict(re.findall(r"^(\w+):\s*(.*)$", status, re.MULTILINE))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(fields[name], 16) == 0, name
        assert fields["NoNewPrivs"] == "1"
        assert fields["Uid"].split() == ["1234"] * 4


def test_torch_is_the_bases_and_at_the_pinned_version(images: dict[str, str]) -> None:
    path, version = python(
        images["exec"], "import torch; print(torch.__file__, torch.__version__)"
    ).split()
    assert not path.startswith("/opt/venv")
    assert f"torch=={version.split('+')[0]}\n" in (ROOT / "requirements.txt").read_text()


def test_the_exported_image_gives_the_same_output(
    images: dict[str, str], fields: list[Path], source: Path, target: Path, tmp_path: Path
) -> None:
    fill(source, fields[0])
    options = ("--adaptation", "gradient-reversal", "--max-steps", "2")
    assert run(Docker(images), source, target, *options).status == 0

    subprocess.run(["./export.sh", "exec", str(tmp_path / "export")], cwd=ROOT, check=True)
    identity = inspect(images["exec"])["Id"]
    docker("image", "rm", "--force", images["exec"])
    docker("load", "--input", str(tmp_path / "export/mitosis-detection-exec.tar.gz"))
    assert inspect(images["exec"])["Id"] == identity
    again = open_folder(tmp_path / "again")
    assert run(Docker(images), source, again, *options).status == 0
    assert (again / FILE).read_bytes() == (target / FILE).read_bytes()

    names = subprocess.run(
        ["tar", "--list", "--file", str(tmp_path / "export/model.tar.gz")],
        check=True, text=True, capture_output=True,
    ).stdout.split()  # fmt: skip
    assert {name.split("/")[0] for name in names} == {"weights", "source_bank"}


@pytest.mark.parametrize("part", ["weights", "source_bank"])
def test_a_model_in_opt_ml_model_takes_precedence(
    images: dict[str, str],
    fields: list[Path],
    source: Path,
    target: Path,
    tmp_path: Path,
    part: str,
) -> None:
    """An invalid file there is refused, which shows that it is the one that is read."""
    fill(source, fields[0])
    model = tmp_path / "model"
    for file in (path for path in (ROOT / part).rglob("*") if path.is_file()):
        copy = model / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"no model")
    mount = ("--volume", f"{model}:/opt/ml/model:ro")
    command = Docker(images).command("exec", "mitosis-override", source, target)
    command[2:2] = mount
    command += ["--adaptation", "paper"]  # which needs both
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode != 0
    assert f"/opt/ml/model/{part}" in done.stderr

"""The runners to test on, the images, and small rendered inputs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from test.container.runners import ROOT, Docker, Runner, Venv, engine_is_there
from test.rendering import render_tissue
from training.tiff import write_tiff


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with a `runner` run in Docker where there is an engine, else in the environment."""
    if "runner" in metafunc.fixturenames:
        chosen = os.environ.get("MITOSIS_RUNNER") or ("docker" if engine_is_there() else "venv")
        metafunc.parametrize("runner", [chosen], indirect=True, scope="session")


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """The tags of the images of the two modes, built from the repository's Dockerfile."""
    if os.environ.get("MITOSIS_RUNNER") == "venv" or not engine_is_there():
        pytest.skip("no Docker engine: the image is not built")
    tags = {mode: f"mitosis-detection:{mode}" for mode in ("exec", "invoke")}
    for mode in tags:
        subprocess.run(["./build.sh", mode], cwd=ROOT, check=True)
    return tags


@pytest.fixture(scope="session")
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "docker":
        return Docker(request.getfixturevalue("images"))
    return Venv()


@pytest.fixture(scope="session")
def fields(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three small rendered fields."""
    folder = tmp_path_factory.mktemp("fields")
    files = [folder / f"field_{i}.tif" for i in range(3)]
    for i, file in enumerate(files):
        pixels, _ = render_tissue((384, 448), figures=4, seed=i)
        write_tiff(file, pixels, mpp=0.25)
    return files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty /input that any user may read."""
    return open_folder(tmp_path / "input")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty /output that any user may write."""
    return open_folder(tmp_path / "output")


def open_folder(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def write_annotations(path: Path, field: Path) -> Path:
    """One mitotic figure in one of the fields, in MIDOG's form."""
    document = {
        "images": [{"id": 1, "file_name": field.name, "width": 448, "height": 384}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 60, 60]}],
        "categories": [{"id": 1, "name": "mitotic figure"}],
    }
    path.write_text(json.dumps(document))
    return path


def fill(source: Path, *files: Path) -> None:
    """Make these files the only content of /input, as the platform does before every call."""
    empty(source)
    for file in files:
        shutil.copy(file, source)


def empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def strict_json(file: Path) -> Any:
    """The file's content; NaN and infinity, which the platform rejects, raise here too."""

    def reject(constant: str) -> None:
        raise ValueError(f"{file}: {constant} is not JSON")

    return json.loads(file.read_text(), parse_constant=reject)

"""Write requirements-image.lock: the packages that the Docker image adds to its base, with hashes.

The pins come from requirements.txt. torch and torchvision are excluded, because the base image
provides them and the package index would add gigabytes of CUDA wheels. Every other package is
locked with the hash of its wheel for each Python version in PYTHONS.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-image.lock"
PYTHONS = ("3.11", "3.12")  # the official base image has 3.12
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
PROVIDED_BY_BASE = {"torch", "torchvision"}
DEPENDENCIES_IN_BASE = {"networkx"}  # installed there with torch
HEADER = """\
# Packages that the Docker image adds to its base image. Written by `python tools/lock_image.py`
# from requirements.txt: do not edit, run it again after changing requirements.txt.
"""


def main() -> None:
    """Resolve the requirements for each Python version and write the lock."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    hashes: dict[str, set[str]] = {}
    for python in PYTHONS:
        for requirement, sha256 in resolve(image_requirements(), python).items():
            hashes.setdefault(requirement, set()).add(sha256)
    LOCK.write_text(HEADER + "".join(entry(name, hashes[name]) for name in sorted(hashes)))
    print(f"{LOCK.name}: {len(hashes)} packages")


def image_requirements() -> list[str]:
    """The pins of requirements.txt that the image installs, as `name==version`."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [pin for pin in pins if normalised(pin.split("==")[0]) not in PROVIDED_BY_BASE]


def resolve(requirements: list[str], python: str) -> dict[str, str]:
    """Map `name==version` to the wheel's SHA-256 for all that pip would install on one Python."""
    with tempfile.TemporaryDirectory() as target:
        report = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
            + ["--report", "-", "--target", target, "--only-binary", ":all:"]
            + ["--implementation", "cp", "--python-version", python]
            + [f"--platform={platform}" for platform in PLATFORMS]
            + requirements,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    packages = json.loads(report)["install"]
    names = [normalised(package["metadata"]["name"]) for package in packages]
    return {
        f"{name}=={package['metadata']['version']}": wheel_hash(package)
        for name, package in zip(names, packages, strict=True)
        if name not in DEPENDENCIES_IN_BASE
    }


def wheel_hash(package: dict[str, Any]) -> str:
    """The SHA-256 of a wheel, from pip's installation report."""
    return str(package["download_info"]["archive_info"]["hashes"]["sha256"])


def normalised(name: str) -> str:
    """A package name in the form that package indexes compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entry(requirement: str, hashes: set[str]) -> str:
    """The lines of one package in the lock."""
    return " \\\n".join([requirement] + [f"    --hash=sha256:{h}" for h in sorted(hashes)]) + "\n"


if __name__ == "__main__":
    main()

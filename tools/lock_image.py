"""Write requirements-image.lock: the packages that the Docker image adds to its base, with hashes.

The pins come from requirements.txt. Left out are torch and torchvision with what they need: those
are the base image's, and a lock of the package index's torch would add gigabytes of other CUDA
wheels. The exception is numpy, which is pinned like everything else that computes. Each package has
the hash of its wheel for every Python in PYTHONS.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-image.lock"
PYTHONS = ("3.11", "3.12")  # the official base image has 3.12
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
THE_BASE_S = {"torch", "torchvision"}
IN_THE_BASE = {"networkx", "pillow"}  # torch and torchvision cannot do without them
HEADER = """\
# What the Docker image adds to its base. `python tools/lock_image.py` made it from requirements.txt
# and says what is left out, and why. Run it again after a change there.
"""


def main() -> None:
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
    return [pin for pin in pins if normalised(pin.split("==")[0]) not in THE_BASE_S]


def resolve(requirements: list[str], python: str) -> dict[str, str]:
    """What pip would install for one Python: `name==version` to the wheel's sha256."""
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
        if name not in IN_THE_BASE
    }


def wheel_hash(package: dict) -> str:
    return package["download_info"]["archive_info"]["hashes"]["sha256"]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entry(requirement: str, hashes: set[str]) -> str:
    return " \\\n".join([requirement] + [f"    --hash=sha256:{h}" for h in sorted(hashes)]) + "\n"


if __name__ == "__main__":
    main()

"""Check the packages that the Docker image and ./run.sh install against known vulnerabilities.

pip-audit reports "No known vulnerabilities found", with exit status 0, even for packages about
which it could not get any advisory. Here such packages count as not audited.

Exit status: 0 all audited, none known; 1 a known vulnerability; 3 not audited, at least in part.
Further options are passed to pip-audit (`--vulnerability-service osv`, `--ignore-vuln ID`, ...).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The lock has the exact versions of all dependencies; only the requirements name torch.
FILES = ("requirements.txt", "requirements-image.lock")
AUDITED, VULNERABLE, NOT_AUDITED = 0, 1, 3


def main(arguments: list[str] | None = None) -> int:
    """Audit both files and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, options = parser.parse_known_args(arguments)
    status, text = verdict([audit(file, options) for file in FILES])
    print(text)
    return status


def audit(file: str, options: list[str]) -> list[dict[str, Any]] | str:
    """pip-audit's entry for each package of a requirements file, or why it gave none."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / file)]
    command += "--disable-pip --no-deps --format json --progress-spinner off --timeout 10".split()
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (json.JSONDecodeError, KeyError):
        return (done.stderr.strip().splitlines() or ["no answer"])[-1]


def verdict(answers: list[list[dict[str, Any]] | str]) -> tuple[int, str]:
    """The exit status and the text to print for the answers of all files."""
    packages = [package for answer in answers if isinstance(answer, list) for package in answer]
    known = sorted({
        f"{package['name']} {package['version']}: {found['id']}, fixed in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages for found in package.get("vulns", [])
    })  # fmt: skip
    audited = {package["name"] for package in packages if "skip_reason" not in package}
    skipped = {package["name"] for package in packages} - audited
    errors = [answer for answer in answers if isinstance(answer, str)]
    if known:
        return VULNERABLE, "\n".join([f"{len(known)} KNOWN VULNERABILITIES", *known])
    if skipped or errors or not audited:
        why = errors or ["the advisory service is unreachable or does not know the other packages"]
        return NOT_AUDITED, f"NOT AUDITED, only {len(audited)} packages were: {'; '.join(why)}"
    return AUDITED, f"{len(audited)} packages audited, no known vulnerability"


if __name__ == "__main__":
    sys.exit(main())

"""Ask the package index's advisories about everything that the Docker image and ./run.sh install.

pip-audit says "No known vulnerabilities found", with exit status 0, of packages that it could learn
nothing about. Here those count as not audited.

Exit status: 0 audited, nothing known; 1 a known vulnerability; 3 not audited, at least in part.
Options are handed on to pip-audit (`--vulnerability-service osv`, `--ignore-vuln ID`, ...).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The second has the exact versions of what the first leads to, and the first has torch.
FILES = ("requirements.txt", "requirements-image.lock")
AUDITED, VULNERABLE, NOT_AUDITED = 0, 1, 3


def main(arguments: list[str] | None = None) -> int:
    """Audit both files; the exit status."""
    options = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(options):
        print(__doc__)
        return 0
    status, text = verdict([ask(file, options) for file in FILES])
    print(text)
    return status


def ask(file: str, options: list[str]) -> list[dict[str, Any]] | str:
    """What pip-audit says of each package of a requirements file, or why it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / file)]
    command += "--disable-pip --no-deps --format json --progress-spinner off --timeout 10".split()
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (json.JSONDecodeError, KeyError):
        return (done.stderr.strip().splitlines() or ["no answer"])[-1]


def verdict(answers: list[list[dict[str, Any]] | str]) -> tuple[int, str]:
    """Exit status and what to print."""
    packages = [package for answer in answers if isinstance(answer, list) for package in answer]
    known = sorted({
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages for found in package.get("vulns", [])
    })  # fmt: skip
    audited = {package["name"] for package in packages if "skip_reason" not in package}
    skipped = {package["name"] for package in packages} - audited
    reasons = [answer for answer in answers if isinstance(answer, str)]
    if known:
        return VULNERABLE, "\n".join([f"{len(known)} KNOWN VULNERABILITIES", *known])
    if skipped or reasons or not audited:
        why = reasons or ["the advisory service knows nothing of the others, or is not reached"]
        return NOT_AUDITED, f"NOT AUDITED, only {len(audited)} packages were: {'; '.join(why)}"
    return AUDITED, f"{len(audited)} packages audited, no known vulnerability"


if __name__ == "__main__":
    sys.exit(main())

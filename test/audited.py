"""Run process.py under an audit hook: `python -m test.audited EVENTS OPTIONS...`.

Opening sockets, starting programs and unpickling raise PermissionError. These attempts, and every
file that Python opens or changes, are written to EVENTS as a JSON list of events with their
arguments. Native code is not audited; the container tests confine it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FORBIDDEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "os.startfile", "pty.spawn", "pickle.", "urllib.", "http.client.", "ftplib.", "smtplib.",
    "webbrowser.",
)  # fmt: skip
FILES = (
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod",
    "os.chown", "os.truncate", "os.utime", "os.mkfifo", "shutil.",
)  # fmt: skip


def main() -> int:
    """Run process.py and return its exit status."""
    events: list[tuple[str, list[str]]] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN):
            events.append((event, [repr(a) for a in arguments]))
            raise PermissionError(f"{event} is forbidden here")
        if event.startswith(FILES):
            events.append((event, [str(a) for a in arguments]))

    path, *options = sys.argv[1:]
    import torch  # noqa: F401  with CUDA, it runs a program to find libdl

    sys.addaudithook(hook)
    import process

    status = process.main(options)
    Path(path).write_text(json.dumps(events))
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Run process.py while Python reports what it does: `python -m test.audited EVENTS OPTIONS...`.

Sockets, other programs and unpickling raise. What was tried, and every file that Python opened or
changed, is written to EVENTS, a JSON list of an event and its arguments. Native libraries that open
files on their own are not seen: on them the container's tests say more.
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
    """The exit status of process.py."""
    events: list[tuple[str, list[str]]] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN):
            events.append((event, [repr(a) for a in arguments]))
            raise PermissionError(f"{event} is forbidden here")
        if event.startswith(FILES):
            events.append((event, [str(a) for a in arguments]))

    path, *options = sys.argv[1:]
    import torch  # noqa: F401  where it brings CUDA, it asks the system where libdl is

    sys.addaudithook(hook)
    import process

    status = process.main(options)
    Path(path).write_text(json.dumps(events))
    return status


if __name__ == "__main__":
    sys.exit(main())

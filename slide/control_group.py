"""Where the control group of this process states its limits: a container's share of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def group_folders(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """Version and folder of this process's control group and of those above it.

    Args:
        root: of the file system, for tests.
        controller: "memory" or "cpu", whose limits are asked for.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            version, top = 2, root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            version, top = 1, root / "sys/fs/cgroup" / controller
        else:
            continue
        # In a container the place may be that on the host, of which only the top can be seen.
        inside = Path(place.strip("/"))
        yield from ((version, top / folder) for folder in (inside, *inside.parents))

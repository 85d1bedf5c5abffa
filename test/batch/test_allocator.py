"""One arena for all threads; test/test_load.py measures that a server's memory then stays level."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, threading
from batch.allocator import share_memory_of_threads
if {shared}:
    share_memory_of_threads()
libc = ctypes.CDLL(None)
barrier = threading.Barrier(4)
def allocate():
    libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_stats"), reason="not glibc")
@pytest.mark.parametrize(("shared", "arenas"), [(True, {1}), (False, set(range(2, 9)))])
def test_threads_share_an_arena(shared: bool, arenas: set[int]) -> None:
    code = ARENAS.format(shared=shared)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(re.findall(r"^Arena \d+:", done.stderr, re.MULTILINE)) in arenas

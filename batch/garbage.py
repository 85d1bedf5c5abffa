"""The garbage collector during the start-up.

Imports and loading create a million objects that stay until the process ends. Collections look
through all of them again and again, for a quarter of the start-up, and find nothing to free.
"""

from __future__ import annotations

import gc


def pause_collections() -> None:
    """Look for no garbage until `resume_collections`."""
    gc.disable()


def resume_collections() -> None:
    """Look for garbage among the objects that are created from now on.

    Collections that were not paused go on as before.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()

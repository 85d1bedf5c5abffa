"""Grammar of messages."""

from __future__ import annotations


def counted(number: int, name: str) -> str:
    """A number of things, such as "1 figure" or "2 figures"."""
    return f"{number} {name}{'' if number == 1 else 's'}"

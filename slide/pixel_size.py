"""The pixel size: as the user states it, or as the file does where that is unambiguous."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from slide.image import ImageError

PLAUSIBLE_MPP = (0.1, 1.0)  # µm per pixel: 100x to 10x objectives; 72 dpi would be 353
DISAGREEMENT = 0.05  # two sources that differ by more than this share contradict each other
# Magnification times µm per pixel: 40x at 0.25 µm, 20x at 0.5 µm, each within this factor.
MAGNIFIED_UM, MAGNIFIED_FACTOR = 10.0, 1.4
STATE_IT = "state it with --mpp (µm per pixel)"
OPTION = "--mpp"  # the source of a pixel size that the user states for all images


@dataclass(frozen=True)
class Statement:
    """What one field of a file, or the user, says about the pixel size.

    Attributes:
        source: name of the field or option, for messages and result.json.
        spacing: mm per pixel (x, y); None if the field is unusable.
        problem: why it is unusable, without a remedy.
        magnification: that the same field states, such as 40.0; None without one.
    """

    source: str
    spacing: tuple[float, float] | None
    problem: str = ""
    magnification: float | None = None


@dataclass(frozen=True)
class PixelSize:
    """mm per pixel (x, y), the field or option it comes from, and warnings."""

    spacing: tuple[float, float]
    source: str
    warnings: tuple[str, ...] = ()


def stated_by_user(mpp: float | None, source: str = OPTION) -> Statement | None:
    """What the user states, in µm per pixel of both axes; None: nothing.

    Raises ImageError unless it is within PLAUSIBLE_MPP.
    """
    if mpp is None:
        return None
    spacing = (mpp / 1000, mpp / 1000)
    if not _is_plausible(spacing):
        raise ImageError(f"{_implausible((mpp, mpp))}: correct it ({source})")
    return Statement(source, spacing)


def choose_pixel_size(statements: Iterable[Statement], user: Statement | None) -> PixelSize:
    """What the user states, else the first plausible statement of the file.

    Implausible statements, such as the 72 dpi that image editors write, are ignored.

    Raises:
        ImageError: no statement is plausible, or two plausible ones differ by more than
            DISAGREEMENT on an axis.
    """
    stated = tuple(statements)
    plausible = [s for s in stated if s.spacing is not None and _is_plausible(s.spacing)]
    if user is not None:
        assert user.spacing is not None
        contradicted = [s for s in plausible if _differ(user, s)]
        warnings = tuple(f"{_shown(user)} replaces {_shown(s)}" for s in contradicted)
        return PixelSize(user.spacing, user.source, warnings)
    for one, other in combinations(plausible, 2):
        if _differ(one, other):
            raise ImageError(f"two pixel sizes, {_shown(one)} and {_shown(other)}: {STATE_IT}")
    for first in plausible:
        assert first.spacing is not None
        warnings = _not_square(first) + tuple(w for s in plausible for w in _contradicted(s))
        return PixelSize(first.spacing, first.source, warnings)
    raise ImageError(f"{_why_none(stated)}: {STATE_IT}")


def _is_plausible(spacing: tuple[float, float]) -> bool:
    low, high = PLAUSIBLE_MPP
    return all(low <= axis * 1000 <= high for axis in spacing)


def _differ(one: Statement, other: Statement) -> bool:
    assert one.spacing is not None and other.spacing is not None
    pairs = zip(one.spacing, other.spacing, strict=True)
    return any(abs(a - b) > DISAGREEMENT * min(a, b) for a, b in pairs)


def _not_square(statement: Statement) -> tuple[str, ...]:
    assert statement.spacing is not None
    x, y = statement.spacing
    if abs(x - y) <= DISAGREEMENT * min(x, y):
        return ()
    return (f"pixels are not square, {_shown(statement)}: check them, or {STATE_IT}",)


def _contradicted(statement: Statement) -> tuple[str, ...]:
    """A warning if the magnification is not that of such pixels."""
    assert statement.spacing is not None
    magnification, (x, y) = statement.magnification, statement.spacing
    if magnification is None:
        return ()
    ratio = magnification * math.sqrt(x * y) * 1000 / MAGNIFIED_UM
    if 1 / MAGNIFIED_FACTOR <= ratio <= MAGNIFIED_FACTOR:
        return ()
    return (
        f"a magnification of {magnification:g}x is not usual for {_shown(statement)}: check the "
        f"pixel size, or {STATE_IT}",
    )


def _why_none(stated: Sequence[Statement]) -> str:
    for statement in stated:
        if statement.spacing is not None:
            x, y = statement.spacing
            return f"{statement.source}: {_implausible((x * 1000, y * 1000))}"
    problems = [f"{s.source}: {s.problem}" for s in stated]
    return "no pixel size in the file" + (f" ({'; '.join(problems)})" if problems else "")


def _implausible(mpp: tuple[float, float]) -> str:
    low, high = PLAUSIBLE_MPP
    return f"pixel size {_size(mpp)} is implausible (expected {low} to {high})"


def _shown(statement: Statement) -> str:
    assert statement.spacing is not None
    x, y = statement.spacing
    return f"{_size((x * 1000, y * 1000))} ({statement.source})"


def _size(mpp: tuple[float, float]) -> str:
    return f"{mpp[0]:.4g} x {mpp[1]:.4g} µm"

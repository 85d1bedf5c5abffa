"""Which categories of an annotation file are mitotic figures: decided by their names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum


class CellClass(Enum):
    """What an annotation marks."""

    MITOTIC_FIGURE = "mitotic figure"
    LOOK_ALIKE = "not mitotic figure"
    MASKED = "painted over"


# MIDOG's own ids, and this project's id of a figure that somebody has painted over. They hold
# where a file has no list of categories.
DEFAULT_CLASSES = {
    "1": CellClass.MITOTIC_FIGURE,
    "2": CellClass.LOOK_ALIKE,
    "3": CellClass.MASKED,
}

_MASKED = re.compile(r"\b(painted|masked)\b")
_UNSURE = re.compile(
    r"\b(unsure|uncertain|possibl[ey]|probabl[ey]|questionable|ambiguous|unclear|candidates?"
    r"|suspect\w*|suspicious|disputed|disagreed|maybe)\b"
)
# Names of areas, of cells that do not count, and of cells that not all saw.
_OPEN = re.compile(
    r"\b(ignor\w*|exclu\w*|deleted|discard\w*|obsolete|old|former\w*|ex|fps?|fns?|vot\w+"
    r"|hot ?spots?|regions?|areas?|zones?|rois?|fields?)\b"
)
_NEGATIVE = re.compile(
    r"\b(no|not|non\w*|nmf|negatives?|impost[eo]rs?|look ?alikes?|like|mimic\w*|pseudo\w*|false"
    r"|apopto\w*|pyknot\w*|interphase|amito\w*|rejected|kein\w*|nicht|pas)\b"
)
_MITOTIC = re.compile(r"\bmito[st]|\b[at]?mfs?\b|\b(pro|prometa|meta|ana|telo)phase")
# Names of these words alone need no note.
_PLAIN = set(
    "mitotic mitosis mitoses mf mfs figure figures cell cells mitose mitosen mitosefigur "
    "mitosefiguren mitosezelle mitosezellen mitotique mitotiques cellule cellules de mitosi "
    "mitotica mitotiche mitoticas figura figuras celula celulas mitos".split()
)


def category_classes(names: Mapping[str, str] | None, used: Iterable[str]) -> dict[str, CellClass]:
    """The class of each category id that is used.

    Args:
        names: name by id; None where the file has no list of categories.
        used: ids of the annotations.

    A category that is neither named as mitotic nor as a look-alike is another kind of cell, so not
    a mitotic figure, as long as some other category is named as mitotic.

    Raises:
        ValueError: the classes cannot be decided; the text says why.
    """
    used = sorted(set(used))
    if not names:
        return _by_default(used)
    if unlisted := [key for key in used if key not in names]:
        raise ValueError(f"category {unlisted[0]} is used but not listed in 'categories'")
    classes = {key: _class_of(name) for key, name in names.items()}
    if used and CellClass.MITOTIC_FIGURE not in classes.values():
        listed = ", ".join(f"{key} {name!r}" for key, name in names.items())
        raise ValueError(f"no category is named as mitotic figure ({listed})")
    for key in used:
        if _is_unsure(names[key]):
            raise ValueError(f"category {key} {names[key]!r}: mitotic figure or not?")
    return {key: classes[key] or CellClass.LOOK_ALIKE for key in used}


def _is_unsure(name: str) -> bool:
    """Whether a name leaves open whether its cells count, such as "ignore: mitotic figure"."""
    is_open = _class_of(name) is CellClass.MITOTIC_FIGURE and _OPEN.search(_words(name))
    return bool(is_open or _UNSURE.search(_words(name)) or "?" in name)


def _by_default(used: list[str]) -> dict[str, CellClass]:
    if unknown := [key for key in used if key not in DEFAULT_CLASSES]:
        raise ValueError(
            f"category {unknown[0]} has no name: list the categories by id and name in 'categories'"
        )
    return {key: DEFAULT_CLASSES[key] for key in used}


def _class_of(name: str) -> CellClass | None:
    words = _words(name)
    if _MASKED.search(words):
        return CellClass.MASKED
    if _NEGATIVE.search(words):
        return CellClass.LOOK_ALIKE
    return CellClass.MITOTIC_FIGURE if _MITOTIC.search(words) else None


def _words(name: str) -> str:
    """Lower-case words with single blanks: "Non-mitotic_Figure" -> "non mitotic figure"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", spaced.lower()))


def figures_note(categories: Sequence[tuple[str, str]]) -> list[str]:
    """A line that names the categories of mitotic figures, unless it is one with a plain name.

    categories: (name, supercategory) of each; the latter, "" for none, is only of interest where it
        contradicts the name.
    """
    names = [
        f"{name!r} (supercategory {above!r})" if _is_doubtful(above) else repr(name)
        for name, above in categories
    ]
    if len(names) > 1:
        return [f"all of these count as mitotic figures: {', '.join(names)}"]
    if all(_is_plain(name) and not _is_doubtful(above) for name, above in categories):
        return []
    return [f"category {names[0]} is taken for mitotic figures"]


def _is_plain(name: str) -> bool:
    """Whether a name has plain words only, and no sign such as in "MF-"."""
    letters = re.fullmatch(r"[A-Za-z]+([ _-]+[A-Za-z]+)*", name.strip())
    return letters is not None and _PLAIN.issuperset(_words(name).split())


def _is_doubtful(supercategory: str) -> bool:
    words = _words(supercategory)
    doubtful = any(pattern.search(words) for pattern in (_OPEN, _UNSURE, _NEGATIVE))
    return doubtful and words != "none"  # as tools write where there is no supercategory

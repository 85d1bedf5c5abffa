"""Classes of regions of interest: QuPath's, and which of them are of areas to leave out."""

from __future__ import annotations

import re
from typing import Any

# In lower case and without QuPath's asterisk.
LEFT_OUT = (
    "do not count", "background", "glass", "whitespace", "white space", "fat", "adipose tissue",
    "pen", "pen mark", "pen marks", "ink", "fold", "folds", "blood", "haemorrhage", "hemorrhage",
    "blur", "blurred", "blurry", "out of focus",
)  # fmt: skip
# Beginnings of the same in several languages: "excluded area", "ausgeschlossen", "nécrose".
_BEGINS_LEFT_OUT = r"(exclu|ausschl|ausgeschl|ignor|n[eé]cro|nekro|art[ei]fa[ck]t)\w*"
_IS_LEFT_OUT = re.compile(rf"{_BEGINS_LEFT_OUT}( (area|region|zone)s?)?")
# What is in the name of a class that is to be analysed; of any other a warning is given.
_ANALYSED = re.compile(
    r"tum(o|ou)r|cancer|carcinom|sarcom|lymphom|melanom|metasta|neoplas|invasi|malign|lesion"
    r"|stroma|tissue|gewebe|epitheli|immune|region|\brois?\b|\baoi\b|^area( \d+)?$|field|\bhpf"
    r"|hot ?spot|annotation|selection|positive|mito|include|other|^no class$"
)
_DENIED = re.compile(
    r"\b(non|not|don|free|skip|without|out of|outside|anti|bad|missing|folds?|negative)\b"
    rf"|\b{_BEGINS_LEFT_OUT}|\bno (?!class$)"
)
_NAMES_LEFT_OUT = re.compile(rf"\b({'|'.join(LEFT_OUT)}|{_BEGINS_LEFT_OUT})\b")
_OBJECT_TYPES = ("detection", "cell", "tile")  # QuPath's objects that are not drawn by a person
_OBJECT_IDS = ("PathDetectionObject", "PathCellObject", "PathTileObject")  # before QuPath 0.4


def is_drawn(feature: dict[str, Any]) -> bool:
    """Whether a GeoJSON feature is neither found by QuPath nor a missing tissue core."""
    kind = _properties(feature).get("objectType")
    if _properties(feature).get("isMissing") is True:
        return False
    if kind is None:
        return feature.get("id") not in _OBJECT_IDS
    return kind not in _OBJECT_TYPES


def class_of(feature: dict[str, Any]) -> str:
    """Name of QuPath's class, such as "Tumor", or the own name of an area to leave out, or "".

    Other programs call the class `class` or `label`, where labels may be numbered.
    """
    properties = _properties(feature)
    stated = properties.get("classification")
    name = (stated.get("name") or stated.get("names")) if isinstance(stated, dict) else stated
    text = ": ".join(map(str, name)) if isinstance(name, list) else str(name or "")
    others = [v for key in ("class", "label") if isinstance(v := properties.get(key), str)]
    if not text and others:
        text = re.sub(r"[\s_#-]*\d+\s*$", "", others[0])
    own = str(properties.get("name") or "")
    if not text and _NAMES_LEFT_OUT.search(_words(own)):
        text = own
    return " ".join(text.split())[:40]


def is_left_out(name: str) -> bool:
    """Whether a class, or a part of one such as "Tumor: Necrosis", is of areas to leave out."""
    parts = (re.sub(r"[\d*]+\s*$", "", part).strip() for part in _words(name).split(":"))
    return any(part in LEFT_OUT or _IS_LEFT_OUT.fullmatch(part) for part in parts)


def classes_note(classes: tuple[str, ...]) -> str:
    """What the classes of an image's regions, "no class" among them, may mean; "" if nothing."""
    if len(classes) > 1:
        return f"regions of different classes ({', '.join(classes)}) count alike"
    if not classes:
        return ""
    words = _words(classes[0])
    if _ANALYSED.search(words) and not _DENIED.search(words):
        return ""
    return f"the regions have the class {classes[0]}: areas to leave out must be holes"


def _words(name: str) -> str:
    """In lower case with single blanks: "White-space" -> "white space"."""
    return re.sub(r"[\s_-]+", " ", name.lower())


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}

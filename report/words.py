"""A description of what an adaptation did. The entries differ between adaptations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from batch.documents import ProcessedImage, Range
from batch.messages import what_was_rejected
from model.adaptation.registry import ADAPTATIONS, RENAMED
from report.chart import Chart, line_chart

IN_WORDS = {"name", "fallback", "decision", "diverged", "curve"}  # in the verdict or as curves
SHARES = ("share", "accuracy", "drift", "agreement")  # in names of values that are fractions
A_CURVE = 8  # so many numbers in a row are drawn rather than listed


class Table(NamedTuple):
    """Entries that are more than one value: names of the columns, none for name and value."""

    title: str
    head: list[str]
    rows: list[list[str]]


class Described(NamedTuple):
    """The adaptation of an image for readers.

    Attributes:
        outcome: "not adapted", "adapted" or "rejected".
        verdict: sentences.
        values: name and value of every other entry.
        tables: the entries that hold several values.
        curves: the long lists of numbers.
    """

    outcome: str
    verdict: list[str]
    values: list[tuple[str, str]]
    tables: list[Table]
    curves: list[Chart]


def describe_adaptation(result: ProcessedImage) -> Described:
    """What the adaptation did to an image; unknown entries are shown under their names."""
    account = result.adaptation.model_dump(exclude_defaults=True, exclude_none=True)
    curve = account.get("curve")
    curve = dict(curve) if isinstance(curve, dict) else {}
    stretch = curve.pop("steps_a_point", 1)
    drawn = [line_chart(named(k), v, "steps", stretch) for k, v in curve.items() if _is_row(v)]
    values, tables = [], []
    for key, value in account.items():
        if key in IN_WORDS or value in ([], {}):
            continue
        if _is_row(value) and len(value) >= A_CURVE:
            drawn.append(line_chart(named(key), value, "values"))
        elif isinstance(value, Mapping) or _is_records(value):
            tables.append(_table(key, value))
        else:
            values.append((named(key), valued(key, value)))
    charts = [chart for chart in drawn if chart is not None]
    return Described(*_verdict(result), values, tables, charts)


def _verdict(result: ProcessedImage) -> tuple[str, list[str]]:
    """The outcome, and what was decided in sentences."""
    record = result.adaptation
    outcome, sentence = _outcome(result)
    verdict = [f"Adaptation: {_meaning(record.name)}.", sentence]
    if record.decision and not record.fallback:  # which says the same
        verdict.append(f"Decision: {record.decision.rstrip('.')}.")
    if record.planned_steps is not None and record.steps < record.planned_steps:
        verdict.append(f"It ended after {record.steps} of {record.planned_steps} planned steps.")
    return outcome, verdict


def _outcome(result: ProcessedImage) -> tuple[str, str]:
    record = result.adaptation
    if record.fallback:
        left = what_was_rejected(record)
        return "rejected", f"The guard left the {left} unchanged: {record.fallback}."
    unchanged = "The scores are those of the shipped network"
    if record.name == "none":
        return "not adapted", f"{unchanged}."
    if result.candidates == 0:
        return "not adapted", f"{unchanged}: there were no candidates."
    if record.planned_steps and not record.steps and not record.log_odds_shift:
        return "not adapted", f"{unchanged}: the time budget ran out before the first step."
    if not record.guard and _keeps_the_network(record.name):
        return "adapted", "The network is unchanged; all scores were shifted by the same amount."
    return (
        "adapted",
        "The guard found no reason to reject it. The guard detects collapse and damage, but not "
        "every loss of accuracy.",
    )


def _meaning(name: str) -> str:
    """What an adaptation does; its name if it is not one of the product's."""
    name = RENAMED.get(name, name)
    return ADAPTATIONS[name].help if name in ADAPTATIONS else name


def _keeps_the_network(name: str) -> bool:
    return name in ADAPTATIONS and not ADAPTATIONS[name].needs_bank


def _table(key: str, value: Any) -> Table:
    """A mapping as names and values, however deep; a list of mappings as a row each."""
    if isinstance(value, Mapping):
        return Table(named(key), [], [[named(k), v] for k, v in _flat(value, key)])
    keys = list(dict.fromkeys(k for record in value for k in record))
    rows = [
        [named(r[k]) if k == "name" and k in r else valued(f"{key} {k}", r.get(k)) for k in keys]
        for r in value
    ]
    return Table(named(key), [named(k) for k in keys], rows)


def _flat(value: Mapping[str, Any], context: str) -> Iterator[tuple[str, str]]:
    for key, part in value.items():
        if isinstance(part, Mapping):
            yield from ((f"{key}, {k}", v) for k, v in _flat(part, f"{context} {key}"))
        else:
            yield str(key), valued(f"{context} {key}", part)


def ranged(number: Range | None, digits: int = 0) -> str:
    """A count or density with its range: "12 (8 to 17)"."""
    if number is None:
        return "–"
    value, low, high = (f"{n:.{digits}f}" for n in (number.value, number.low, number.high))
    return f"{value} ({low} to {high})"


def named(key: object) -> str:
    """A key as a name for readers: `log_odds_shift` becomes "Log odds shift"."""
    words = str(key).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def valued(key: str, value: object) -> str:
    """A value for readers: fractions in per cent, other numbers to four digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        share = any(part in key for part in SHARES) and abs(value) <= 1
        return f"{value:.2%}".replace("%", " %") if share else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text}" for name, text in _flat(value, key))
    if isinstance(value, list):
        return ", ".join(valued(key, part) for part in value) or "none"
    return str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_row(value: object) -> bool:
    """Whether it is a list of numbers, some of them perhaps missing."""
    return isinstance(value, list) and all(_is_number(v) or v is None for v in value)


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)

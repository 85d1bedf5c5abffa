"""What an adaptation did, in words, out of an account whose entries differ from arm to arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from report.chart import Chart, line_chart
from report.saved import Saved

ARMS = {
    "none": "no adaptation",
    "paper": "gradient reversal as in the paper, batch norm in training mode",
    "paper-frozen": "gradient reversal as in the paper, batch norm statistics frozen",
    "calibrated": "scores brought to the usual level",
    "adabn-calibrated": "batch norm statistics blended with the image's, then calibrated",
    "paper-calibrated": "gradient reversal, batch norm frozen, then calibrated",
    "dann": "gradient reversal, source and class loss at priors of their own",
    "coral": "means and covariances of the features aligned",
    "pseudo-labels": "training on the image's own confident candidates",
    "dann-calibrated": "gradient reversal at matched priors, then calibrated",
    "coral-calibrated": "features aligned, then calibrated",
    "pseudo-labels-calibrated": "training on confident candidates, then calibrated",
    "macenko-calibrated": "stain normalisation of the image, then calibrated",
    "sham": "control: the paper's procedure at a learning rate of 0",
    "adabn": "batch norm statistics of the image",
    "adabn-blended": "batch norm statistics of the image, blended with the shipped ones",
    "macenko": "stain normalisation of the image",
    "tent": "entropy minimisation",
}
TOLD = {"arm", "fallback", "decision", "diverged", "curve"}  # in the verdict or as curves
SHARES = ("share", "accuracy", "drift", "agreement")  # names of values that are parts of a whole
WITHOUT_GUARD = {"none", "calibrated"}  # where it was not asked: they leave the network as it is
A_CURVE = 8  # as many numbers in a row are drawn rather than listed


class Table(NamedTuple):
    """Entries that are more than one value: names of the columns, none for name and value."""

    title: str
    head: list[str]
    rows: list[list[str]]


class Told(NamedTuple):
    """The account for readers.

    Attributes:
        arm: name of the way of adapting.
        outcome: "not adapted", "adapted" or "taken back".
        verdict: sentences.
        values: name and value of every other entry.
        tables: of the entries that hold several.
        curves: of the long lists of numbers.
    """

    arm: str
    outcome: str
    verdict: list[str]
    values: list[tuple[str, str]]
    tables: list[Table]
    curves: list[Chart]


def tell_adaptation(saved: Saved) -> Told:
    """The account of an image in words; entries that are not known are shown by their names."""
    account = saved.adaptation
    curve = account.get("curve")
    curve = dict(curve) if isinstance(curve, dict) else {}
    stretch = curve.pop("steps_a_point", 1)
    drawn = [line_chart(named(k), v, "steps", stretch) for k, v in curve.items() if _is_row(v)]
    values, tables = [], []
    for key, value in account.items():
        if key in TOLD or value is None:
            continue
        if _is_row(value) and len(value) >= A_CURVE:
            drawn.append(line_chart(named(key), value, "values"))
        elif isinstance(value, Mapping) or _is_records(value):
            tables.append(_table(key, value))
        else:
            values.append((named(key), valued(key, value)))
    charts = [chart for chart in drawn if chart is not None]
    return Told(
        str(account.get("arm", "unknown")), *_verdict(saved, account), values, tables, charts
    )


def _verdict(saved: Saved, account: dict[str, Any]) -> tuple[str, list[str]]:
    """The outcome, and what was decided in sentences."""
    arm = str(account.get("arm", "unknown"))
    fallback, steps = account.get("fallback"), account.get("steps")
    verdict = [f"Way of adapting: {ARMS.get(arm, arm)}."]
    if fallback:
        outcome = "taken back"
        verdict.append(f"The guard took it back: {fallback}. The shipped network's scores stand.")
    elif arm == "none" or saved.result.get("candidates") == 0:
        outcome = "not adapted"
        verdict.append("The shipped network's scores stand.")
    elif arm in WITHOUT_GUARD and "guard" not in account:
        outcome = "adapted"
        verdict.append("The network stayed as it is; its scores moved up or down together.")
    else:
        outcome = "adapted"
        verdict.append(
            "The guard found no reason to take it back. It sees collapse and damage, not every "
            "loss of accuracy."
        )
    if account.get("decision") and not fallback:  # which says the same
        verdict.append(f"Decision: {valued('decision', account['decision']).rstrip('.')}.")
    planned = account.get("planned_steps")
    if isinstance(planned, int) and isinstance(steps, int) and steps < planned:
        verdict.append(f"It ended after {steps} of {planned} planned steps.")
    return outcome, verdict


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


def named(key: object) -> str:
    """A key as a name for readers: `log_odds_shift` is "Log odds shift"."""
    words = str(key).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def valued(key: str, value: object) -> str:
    """A value for readers: parts of a whole in per cent, other numbers to four digits."""
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

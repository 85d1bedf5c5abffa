"""What an adaptation did, in words, out of an account whose entries differ from arm to arm."""

from __future__ import annotations

from typing import NamedTuple

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
SHARES = ("share", "accuracy", "drift")  # parts of names whose values are parts of a whole


class Told(NamedTuple):
    """The account for readers.

    Attributes:
        arm: name of the way of adapting.
        outcome: "not adapted", "adapted" or "taken back".
        verdict: sentences.
        values: name and value of every other entry.
        curves: of the lists in the account.
    """

    arm: str
    outcome: str
    verdict: list[str]
    values: list[tuple[str, str]]
    curves: list[Chart]


def tell_adaptation(saved: Saved) -> Told:
    """The account of an image in words; entries that are not known are shown by their names."""
    account = saved.result["adaptation"]
    arm = str(account.get("arm", "unknown"))
    fallback, steps = account.get("fallback"), account.get("steps")
    verdict = [f"Way of adapting: {ARMS.get(arm, arm)}."]
    if fallback:
        outcome = "taken back"
        verdict.append(f"The guard took it back: {fallback}. The shipped network's scores stand.")
    elif arm == "none" or saved.result.get("candidates") == 0:
        outcome = "not adapted"
        verdict.append("The shipped network's scores stand.")
    else:
        outcome = "adapted"
        verdict.append(
            "The guard found no reason to take it back. It sees collapse and damage, not every "
            "loss of accuracy."
        )
    if account.get("decision"):
        verdict.append(f"Decision: {account['decision']}.")
    planned = account.get("planned_steps")
    if planned is not None and steps is not None and steps < planned:
        verdict.append(f"It ended after {steps} of {planned} planned steps.")
    values = [
        (named(key), valued(key, value))
        for key, value in account.items()
        if key not in TOLD and not isinstance(value, list | dict) and value is not None
    ]
    curve = dict(account.get("curve") or {})
    stretch = int(curve.pop("steps_a_point", 1))
    lists = curve | {k: v for k, v in account.items() if k not in TOLD}
    curves = [
        line_chart(named(key), value, stretch)
        for key, value in lists.items()
        if isinstance(value, list) and all(_is_number(v) or v is None for v in value)
    ]
    return Told(arm, outcome, verdict, values, [chart for chart in curves if chart is not None])


def named(key: str) -> str:
    """A key as a name for readers: `log_odds_shift` is "Log odds shift"."""
    words = key.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def valued(key: str, value: object) -> str:
    """A value for readers: parts of a whole in per cent, other numbers to four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        share = any(part in key for part in SHARES) and abs(value) <= 1
        return f"{value:.2%}".replace("%", " %") if share else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

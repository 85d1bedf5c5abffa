"""The scores of evaluation.score as text."""

from typing import Any

from evaluation.ground_truth import some

COUNTS = ("figures", "TP", "FP", "FN", "precision", "recall", "F1")
IMAGE_COLUMNS = ("image", "domain", *COUNTS, "AP")
GROUP_COLUMNS = ("domain", "images", *COUNTS, "F1 opt", "best F1", "at", "AP", "FROC")
MOST = 10  # names in a remark
CHALLENGE_COLUMNS = ("MIDOG 2025 evaluation", "F1", "AP", "FROC AUC (0 to 8)")
DIFFERENCES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "optimal_f1": "F1 opt",
    "best_f1": "best F1",
    "ap": "AP",
    "froc": "FROC",
    "box_ap": "AP (2025)",
    "froc_auc": "FROC AUC",
}


def format_scores(scores: dict[str, Any]) -> str:
    """The result of score_folder as tables: images, domains, the challenge's own, differences."""
    parts = [_image_table(scores), _group_table(scores), _challenge_table(scores)]
    comparison = scores.get("comparison")
    if comparison:
        parts += [
            f"The same for {scores['compare']}:\n{_group_table(comparison['run'])}",
            _challenge_table(comparison["run"]),
            f"{scores['predictions']} minus {scores['compare']}, paired:\n"
            + _difference_table(comparison["differences"]),
        ]
    parts.append(_intervals_note(scores))
    for name, run in (("", scores), ("compared: ", (comparison or {}).get("run", {}))):
        parts += [f"{name}{line}" for line in _remarks(run)]
    return "\n\n".join(part for part in parts if part)


def _image_table(scores: dict[str, Any]) -> str:
    rows = [[*IMAGE_COLUMNS]]
    for image in scores["images"]:
        shipped = image["shipped"]
        ratios = shipped["precision"], shipped["recall"], shipped["f1"], image["average_precision"]
        labels = image["name"], image["domain"], str(image["figures"])
        rows.append([*labels, *_counts(shipped), *(_number(value) for value in ratios)])
    return _aligned(rows, text_columns=2)


def _group_table(scores: dict[str, Any]) -> str:
    rows = [[*GROUP_COLUMNS]]
    for name, group in _groups(scores):
        shipped, best, limits = group["shipped"], group["best"], group["intervals"]
        rows.append(
            [
                name,
                str(group["images"]),
                str(group["figures"]),
                *_counts(shipped),
                _number(shipped["precision"]),
                _number(shipped["recall"]),
                _with_limits(shipped["f1"], limits["f1"]),
                _number(group["optimal"]["f1"]),
                _with_limits(best["f1"], limits["best_f1"]),
                _number(best["threshold"], digits=4),
                _with_limits(group["average_precision"], limits["ap"]),
                _number(group["froc"]["mean"]),
            ]
        )
    return _aligned(rows)


def _challenge_table(scores: dict[str, Any]) -> str:
    rows = [[*CHALLENGE_COLUMNS]]
    for name, group in _groups(scores):
        values, limits = group["midog_2025"], group["intervals"]
        rows.append(
            [
                name,
                _with_limits(values["f1"], limits["f1"]),
                _with_limits(values["average_precision"], limits["box_ap"]),
                _with_limits(values["froc_auc"], limits["froc_auc"]),
            ]
        )
    return _aligned(rows)


def _difference_table(differences: dict[str, Any]) -> str:
    rows = [["domain", *DIFFERENCES.values()]]
    for name, group in _groups(differences):
        cells = [group[metric] for metric in DIFFERENCES]
        rows.append(
            [
                name,
                *(_with_limits(cell["value"], (cell["low"], cell["high"]), "+") for cell in cells),
            ]
        )
    return _aligned(rows)


def _groups(scores: dict[str, Any]) -> list[tuple[str, Any]]:
    """The domains, where there are several, and the pool of them all."""
    domains = list(scores["domains"].items())
    return [*(domains if len(domains) > 1 else []), ("pooled", scores["pooled"])]


def _intervals_note(scores: dict[str, Any]) -> str:
    drawn = ", ".join(
        f"{group['interval_units']} {group['interval_unit']}s ({name})"
        for name, group in _groups(scores)
    )
    bootstrap = scores["bootstrap"]
    return (
        f"Shipped threshold: {_range(scores['pooled']['thresholds'])}. "
        f"Brackets: {100 * bootstrap['level']:.0f} % bootstrap intervals, {bootstrap['resamples']} "
        f"resamples of {drawn}."
    )


def _range(thresholds: list[float]) -> str:
    ends = sorted({*thresholds[:1], *thresholds[-1:]})
    return " to ".join(f"{end:.4g}" for end in ends) or "-"


def _remarks(run: dict[str, Any]) -> list[str]:
    if not run:
        return []
    remarks = list(run["notes"])
    if run["missing"]:
        remarks.append(f"no result, all figures count as missed: {some(run['missing'], MOST)}")
    for name, reason in run["failed"].items():
        remarks.append(f"failed, all figures count as missed: {name} ({reason})")
    if run["left_out"]:
        remarks.append(f"not in the ground truth, left out: {some(run['left_out'], MOST)}")
    return remarks


def _counts(counts: dict[str, Any]) -> list[str]:
    keys = ("true_positives", "false_positives", "false_negatives")
    return [str(counts[key]) for key in keys]


def _number(value: float | None, sign: str = "", digits: int = 3) -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f}"


def _with_limits(value: float | None, limits: Any, sign: str = "") -> str:
    low, high = limits
    if value is None or low is None:
        return _number(value, sign)
    return f"{value:{sign}.3f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def _aligned(rows: list[list[str]], text_columns: int = 1) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )

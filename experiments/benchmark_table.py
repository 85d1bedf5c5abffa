"""The numbers of the benchmark as Markdown, ratios first."""

from __future__ import annotations

from typing import Any

NAMES = {
    "plain": "plain loop, all layers from pixels, fp32",
    "same_method": "same method: cut 0, all layers",
    "above_cut": "above the shipped cut",
}


def format_table(values: dict[str, Any]) -> str:
    """Tables of the ratios, the adaptation, the whole image, and F1 where it was compared."""
    parts = [_about(values), _ratios(values), _adaptation(values), _whole(values), _runs(values)]
    if "profile" in values:
        parts += [_profile(name, rows) for name, rows in values["profile"].items()]
    if "f1" in values:
        parts.append(_f1(values["f1"]))
    return "\n\n".join(parts)


def _about(values: dict[str, Any]) -> str:
    machine, size = values["machine"], values["size"]
    where = machine["gpu"] or f"{machine['processor']}, {machine['cores']} cores"
    ceiling = ", ".join(f"{v:.0f} in {n}" for n, v in values["ceiling_gflops"].items())
    width, height = size["image"]
    return (
        f"{where}; {machine['threads']} threads, PyTorch {machine['torch']}, {machine['tissue']} "
        f"tissue, load {machine['load'][0]:.1f} in the end. Matrix products in the same run: "
        f"{ceiling} GFLOP/s. Image of {width}x{height} px; the paper's schedule on "
        f"{size['entries']:,} bank entries and {size['candidates']:,} candidates."
    )


def _ratios(values: dict[str, Any]) -> str:
    candidates, adaptation = values["candidates"], values["adaptation"]
    classification, whole = values["classification"], values["whole"]
    rows = [
        (
            "candidates, the paper's setting",
            candidates["ratio"], candidates["plain_seconds"], candidates["seconds"],
        ),
        ("candidates, the default setting", None, None, candidates["default_seconds"]),
        (
            f"adaptation above the shipped cut ({adaptation['cut']})",
            adaptation["ratio"], adaptation["plain_seconds"], adaptation["seconds"],
        ),
        (
            "adaptation, the same method",
            adaptation["ratio_same_method"], adaptation["plain_seconds"],
            adaptation["same_method_seconds"],
        ),
        (
            f"adaptation, default arm `{adaptation['default_arm']}`",
            None, None, adaptation["default_arm_seconds"],
        ),
        (
            "patches and classification",
            classification["ratio"], classification["plain_seconds"], classification["seconds"],
        ),
        (
            "whole image by `process.py`, default",
            whole["ratio"], whole["plain_seconds"], whole["seconds"],
        ),
    ]  # fmt: skip
    lines = [
        "| | ratio | plain, s | here, s |",
        "|---|---|---|---|",
        *(f"| {name} | {_cell(r)} | {_cell(p)} | {_cell(s)} |" for name, r, p, s in rows),
    ]
    return "\n".join(lines)


def _adaptation(values: dict[str, Any]) -> str:
    adaptation = values["adaptation"]
    lines = [
        "| adaptation | patches/s | MFLOP a patch | share of the ceiling | peak memory "
        "| timed steps |",
        "|---|---|---|---|---|---|",
    ]
    for key, name in NAMES.items():
        lines.append(
            f"| {name} | {adaptation['patches_per_second'][key]:,.0f} "
            f"| {adaptation['mflop_a_patch'][key]:,.0f} "
            f"| {adaptation['share_of_ceiling'][key]:.0%} "
            f"| {_gib(adaptation['peak_bytes'][key])} "
            f"| {adaptation['timed_steps'][key]:,} of {adaptation['steps']:,} |"
        )
    lines += [
        "",
        "Schedules of which not all steps were timed are extrapolated from the mean step. The "
        f"seconds above the cut hold the {_cell(adaptation['below_cut_seconds'])} s in which the "
        "image passes the layers below it, once.",
    ]
    return "\n".join(lines)


def _whole(values: dict[str, Any]) -> str:
    whole = values["whole"]
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in whole["stages"].items())
    return (
        f"The whole image in a separate process: {whole['seconds']:.1f} s with its start, "
        f"{_gib(whole['peak_bytes'])} at most, {whole['candidates']:,} candidates, "
        f"{whole['adaptation_steps']} adaptation steps; {stages}."
    )


def _runs(values: dict[str, Any]) -> str:
    startup, runs = values["startup"], values["four_at_once"]
    lines = [
        "| | ratio | s | compared with | s |",
        "|---|---|---|---|---|",
        f"| start-up, until model and image are in memory | {startup['ratio']:.2f} "
        f"| {startup['seconds']:.1f} | `import torch` | {startup['import_torch_seconds']:.1f} |",
        f"| {runs['runs']} runs on a field at once | {runs['ratio']:.2f} | {runs['seconds']:.1f} "
        f"| one after the other | {runs['in_turn_seconds']:.1f} |",
    ]
    return "\n".join(lines)


def _profile(name: str, rows: list[dict[str, Any]]) -> str:
    lines = [f"| operator, {name} | share | calls |", "|---|---|---|"]
    for row in rows:
        calls = "-" if row["calls"] is None else f"{row['calls']:,}"
        lines.append(f"| {row['operator']} | {row['share']:.1%} | {calls} |")
    return "\n".join(lines)


def _f1(sets: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = ["| data | arm | F1 | best F1 | AP |", "|---|---|---|---|---|"]
    for name, arms in sets.items():
        for arm, score in arms.items():
            cells = " | ".join(f"{score[metric]:.3f}" for metric in ("f1", "best_f1", "ap"))
            lines.append(f"| {name} | {arm} | {cells} |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _gib(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**30:.1f} GiB"

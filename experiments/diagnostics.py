"""Draw what the adaptation did to each image of a folder: OUTPUT of process.py.

`diagnostics.png` beside each `result.json` shows the losses and the scanner branch's accuracy with
its chance level over the steps, the drift of each layer, and, after `process.py --diagnostics`, the
proxy A-distance of image and source before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from evaluation import ScoringError
from model.adaptation.record import AdaptationRecord

RESULT_FILE, PLOT_FILE = "result.json", "diagnostics.png"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.diagnostics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", type=Path, help="OUTPUT of process.py")
    options = parser.parse_args(arguments)
    try:
        written = draw_folder(options.output)
    except (ScoringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path}")
    return 0


def draw_folder(output: Path) -> list[Path]:
    """Draw every image that was processed; the files.

    Raises:
        ScoringError: there is no result, or one cannot be read.
    """
    written = []
    for path in sorted(output.rglob(RESULT_FILE)):
        try:
            result = json.loads(path.read_text())
            if result["status"] != "ok":
                continue
            record = AdaptationRecord.model_validate(result["adaptation"])
        except (ValueError, KeyError, TypeError) as error:
            raise ScoringError(f"{path} is not a result of process.py: {error!r}") from error
        draw(record, str(result["file"]), path.with_name(PLOT_FILE))
        written.append(path.with_name(PLOT_FILE))
    if not written:
        raise ScoringError(f"no {RESULT_FILE} of a processed image in {output}")
    return written


def draw(record: AdaptationRecord, title: str, path: Path) -> None:
    """Draw the record of one adaptation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracy, drift, distance = figure.subplots(2, 2).flat
    curve = dict(record.curve)
    stretch = int(curve.pop("steps_a_point", 1))
    _lines(losses, {k: v for k, v in curve.items() if "accuracy" not in k}, stretch, "loss")
    _lines(accuracy, {k: v for k, v in curve.items() if "accuracy" in k}, stretch, "accuracy")
    if record.scanner_chance is not None:
        accuracy.axhline(record.scanner_chance, color="black", ls="--", label="chance")
        accuracy.legend(fontsize=8)
    _bars(drift, record.drift_by_layer, "relative change")
    distances = {
        "before": record.proxy_a_distance_before,
        "after": record.proxy_a_distance_after,
    }
    known = {label: value for label, value in distances.items() if value is not None}
    _bars(distance, known, "proxy A-distance")
    distance.set_xlim(0, 2)
    figure.suptitle(f"{title}: {record.name}\n{record.decision or ''}", fontsize=8)
    figure.savefig(path, dpi=110)


def _lines(axes: Any, curves: dict[str, list[float | None]], stretch: int, label: str) -> None:
    for name, values in curves.items():
        steps = [stretch * (i + 1) for i in range(len(values))]
        numbers = [float("nan") if v is None else v for v in values]
        axes.plot(steps, numbers, ".-", label=name.replace("_", " "))
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    if curves:
        axes.legend(fontsize=8)


def _bars(axes: Any, values: dict[str, float], label: str) -> None:
    axes.barh([name.replace("_", " ") for name in values], list(values.values()))
    axes.set_xlabel(label)
    axes.tick_params(labelsize=8)


if __name__ == "__main__":
    sys.exit(main())

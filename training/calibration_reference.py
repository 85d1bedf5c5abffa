"""Move the reference of the calibration to other candidates, without the runs it was chosen with.

training.threshold chooses the reference out of fold, from runs that are rarely at hand. Where only
the candidates change, the level of the scores changes with them: the mean over the training fields
of each field's 0.99 quantile of log odds. This command measures the level with the weights as they
are, and moves the reference by its difference from the level that the card records, so an average
field is shifted by as much as before. A card without a level gets one, and keeps its reference.

The weights may have been trained on these fields. Both levels come from the same weights, so that
cancels out, but the reference stays one that was chosen with the earlier candidates.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from batch.writing import write_json
from model.adaptation.calibration import Calibration, log_odds
from model.candidates import SETTINGS
from model.detector import Detector
from model.scoring import score
from model.weights import CARD_FILE
from slide.resample import resample
from training.icpr_2012 import FIELD_MPP, PARIS, SELECTION_SLIDES, field_images
from training.samples import SourceImage

DECIMALS = 4


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.calibration_reference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder with fields_a/")
    parser.add_argument("weights", type=Path, help="folder with weights.safetensors and card.json")
    parser.add_argument("--write", action="store_true", help="write the card, not only print")
    options = parser.parse_args(arguments)
    detector = Detector.load(weights=options.weights, adaptation="none")
    fields = field_images(options.data, "fields_a", set(SELECTION_SLIDES))
    card = json.loads((options.weights / CARD_FILE).read_bytes())
    before = card["calibration"]
    card["calibration"] = after = moved(before, level(detector, fields), detector)
    print(f"level {before.get('level')} -> {after['level']}")
    print(f"reference {before['reference']} -> {after['reference']}")
    if options.write:
        write_json(options.weights / CARD_FILE, card)
    return 0


def level(detector: Detector, fields: Sequence[SourceImage]) -> float:
    """Mean over fields of the calibration's quantile of log odds; fields without candidates out."""
    calibration, levels = detector.settings.calibration or Calibration(0.0), []
    for field in tqdm(fields, desc="fields", mininterval=5):
        pixels = resample(field.pixels, FIELD_MPP[PARIS]).pixels
        target = detector.target_domain(pixels, detector.find_candidates(pixels))
        probabilities = score(detector.network, target).probabilities
        if len(probabilities):
            levels.append(calibration.level(log_odds(probabilities)))
    return float(np.mean(levels))


def moved(calibration: dict[str, Any], level: float, detector: Detector) -> dict[str, Any]:
    """A card's calibration at another level of the scores."""
    candidates = SETTINGS[detector.settings.candidates]
    difference = level - calibration.get("level", level)
    return calibration | {
        "reference": round(calibration["reference"] + difference, DECIMALS),
        "level": round(level, DECIMALS),
        "level_of": f"mean over whole fields of slides {', '.join(SELECTION_SLIDES)} of the "
        f"quantile, with {candidates}",
    }


if __name__ == "__main__":
    sys.exit(main())

"""Write `weights/` from a finished run: the network and the card that says what it is."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from batch.writing import write_json
from model.candidates import SETTINGS
from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.patches import CHANNEL_MEAN, CHANNEL_STD, PATCH_SIZE
from model.weights import CARD_FILE, WEIGHTS_FILE, save_network
from training.averaging import SHARE, released_network
from training.crops import AMI_BR, ATNORM_MD
from training.data_folder import FolderChoice
from training.icpr_2012 import VALIDATION_SLIDES
from training.runs import load_run, run_before

CROPS = {
    AMI_BR: "AMi-Br: figures of MIDOG 2021 (UMC Utrecht) and TUPAC16, all slides",
    ATNORM_MD: "AtNorM-MD: figures of MIDOG++ (UMC Utrecht, VMU Vienna, FU Berlin)",
}
UNLABELLED = {
    "none": "none",
    "grouped": "26 fields of as many hospitals (TCGA, MoNuSeg), one domain of the scanner branch",
    "each": "26 fields of as many hospitals (TCGA, MoNuSeg), a domain of the scanner branch each",
}
INTENDED_USE = "Research. Not for diagnosis, and not a medical device."
TERMS = (
    "Weights and source bank: for non-commercial research only, as the data they were made from "
    "(AMi-Br and MIDOG 2021, CC BY-NC-ND; AtNorM-MD, MIT; TUPAC16; ICPR 2012). The code is under "
    "the MIT licence."
)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.release", description=__doc__)
    parser.add_argument("run", type=Path, help="finished run of training.train")
    parser.add_argument("--threshold", type=Path, required=True, help="JSON of training.threshold")
    parser.add_argument("--validation", type=Path, help="JSON of evaluation.score on A03")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="[%(default)s]")
    options = parser.parse_args(arguments)
    network = released_network(options.run)
    _, summary = load_run(options.run)
    read = {
        name: json.loads(path.read_text()) if path else None
        for name, path in vars(options).items()
        if name in ("threshold", "validation")
    }
    options.out.mkdir(parents=True, exist_ok=True)
    save_network(network, options.out / WEIGHTS_FILE)
    digest = file_sha256(options.out / WEIGHTS_FILE)
    stages = [summary, *_stages_before(summary)]
    write_json(options.out / CARD_FILE, card(network, stages, read, digest))
    print(f"wrote {options.out / WEIGHTS_FILE} and {options.out / CARD_FILE}")
    return 0


def card(
    network: MitosisNetwork, stages: list[dict[str, Any]], read: dict[str, Any], sha256: str
) -> dict[str, Any]:
    """The card. `stages` are the summaries of the runs, the last one first."""
    last = stages[0]
    candidates = last.get("data", {}).get("candidates", "default")
    return {
        "name": "mitosis detection, ResNet-18 with mitosis and scanner branch",
        "sha256": sha256,
        "domains": last["domains"],
        "threshold": read["threshold"]["threshold"],
        "reversal_weight": last["recipe"]["reversal_weight"],
        "calibration": read["threshold"]["calibration"],
        "threshold_choice": read["threshold"],
        "preprocessing": {
            "patch_size_px": PATCH_SIZE,
            "pixel_size_um": 0.25,
            "channel_mean": CHANNEL_MEAN,
            "channel_std": CHANNEL_STD,
            "candidates": vars(SETTINGS[candidates]),
        },
        "candidates": candidates,
        "data": {
            **(last.get("data") or _ami_br_data(last)),
            "mitotic_figures": last["mitotic"],
            "negatives": last["negatives"],
        },
        "training": [
            {key: stage[key] for key in ("preset", "recipe", "compute") if key in stage}
            for stage in reversed(stages)
        ],
        "averaging": _averaging(stages),
        "parameters": sum(p.numel() for p in network.parameters()),
        "metrics": {
            "A03_without_adaptation"
            if "data" not in last
            else "validation_without_adaptation": _pooled(read["validation"])
        },
        "commit": _commit(),
        "intended_use": INTENDED_USE,
        "terms": _terms(last),
    }


def _averaging(stages: list[dict[str, Any]]) -> str:
    recipe = stages[0]["recipe"]
    within = "none"
    if recipe.get("average_from") is not None:
        within = f"mean of the weights after each step from {recipe['average_from']} on"
    elif recipe["averaging"] > 0:
        within = f"moving average of the weights, decay {recipe['averaging']}"
    if len(stages) == 1:
        return within
    return f"last stage: {within}; mean with the stage before, which weighs {1 - SHARE}"


def _ami_br_data(last: dict[str, Any]) -> dict[str, Any]:
    choice = FolderChoice.of_run(last)
    fields = "ICPR 2012, Aperio XT, and negatives of the same tissue on a Hamamatsu"
    return {
        "crops": "; ".join(CROPS[crop_set] for crop_set in choice.crop_sets),
        "whole_fields": fields if last["whole_field_slides"] else "none",
        "crop_sets": list(choice.crop_sets),
        "unlabelled": UNLABELLED[choice.unlabelled],
        "training_slides": last["whole_field_slides"],
        "validation_slides": list(VALIDATION_SLIDES),
        "split": "by slide; the validation slides chose nothing",
    }


def _terms(last: dict[str, Any]) -> str:
    if "data" not in last:
        return TERMS
    return (
        f"The images' licence: {last['data']['licence']}. It decides what weights and source bank "
        "may be used for. The code is under the MIT licence."
    )


def _stages_before(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Summaries of the runs that a run went on from."""
    start = run_before(summary)
    if start is None:
        return []
    _, before = load_run(start)
    return [before, *_stages_before(before)]


def _pooled(scores: dict[str, Any] | None) -> Any:
    return None if scores is None else scores["pooled"]


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

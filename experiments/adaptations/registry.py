"""The adaptations that only experiments run, beside those of the product.

Most are controls: each leaves out or replaces one part of the product's adaptation, so that the
difference shows what the part does. Names ending in -calibrated calibrate the scores afterwards.
"""

from __future__ import annotations

from dataclasses import replace

from model.adaptation.registry import ADAPTATIONS, Adaptation

NO_ADAPTATION = "none"
CONTROL = "gradient-reversal-control"  # what the default is compared with
_HERE = "experiments.adaptations"
REVERSAL = ADAPTATIONS["gradient-reversal"]

CONTROLS = {
    adaptation.name: adaptation
    for adaptation in (
        Adaptation(
            CONTROL,
            "all steps of gradient-reversal with a reversal weight of 0, then calibrated scores",
            f"{_HERE}.reversal_control:adapt",
            schedule=REVERSAL.schedule,
            keeps_level=True,
            calibrates=True,
        ),
        Adaptation(
            f"{CONTROL}-uncalibrated",
            "the same at the level of its own scores",
            f"{_HERE}.reversal_control:adapt",
            schedule=REVERSAL.schedule,
        ),
        Adaptation(
            "paper-frozen",
            "gradient reversal with frozen batch norm statistics, scores not calibrated",
            "model.adaptation.adversarial:adapt",
            {"batch_norm": "frozen"},
        ),
        Adaptation(
            "sham", "all of paper at a learning rate of 0: batch norm alone", f"{_HERE}.sham:adapt"
        ),
        Adaptation(
            "adabn",
            "batch norm statistics of the image instead of the source's",
            f"{_HERE}.adabn:adapt",
            {"share": 1.0},
        ),
        Adaptation(
            "adabn-blended",
            "batch norm statistics of image and source, blended",
            f"{_HERE}.adabn:adapt",
            {"share": 0.3},  # FUSION (arXiv 2208.14206) fuses both
        ),
        Adaptation(
            "macenko", "stain normalisation; the network stays as it is", f"{_HERE}.unchanged:adapt"
        ),
        Adaptation("tent", "entropy minimisation in the batch norm layers", f"{_HERE}.tent:adapt"),
        Adaptation(
            "dann",
            "gradient-reversal at the level of its own scores",
            REVERSAL.function,
            schedule=REVERSAL.schedule,
        ),
        Adaptation("coral", "means and covariances of the features", f"{_HERE}.coral:adapt"),
        Adaptation(
            "pseudo-labels", "the image's own confident candidates", f"{_HERE}.pseudo_labels:adapt"
        ),
    )
}
CONTROLS |= {
    f"{name}-calibrated": replace(
        CONTROLS["adabn-blended" if name == "adabn" else name],
        name=f"{name}-calibrated",
        help=f"{name}, then calibrated scores",
        calibrates=True,
    )
    for name in ("adabn", "macenko", "dann", "coral", "pseudo-labels")
}
ARMS = {**ADAPTATIONS, **CONTROLS}

# What is done to the pixels before the patches for the adapted network are cut.
STAIN_NORMALISED = frozenset({"macenko", "macenko-calibrated"})
# Arms that need the threshold and the calibration of the weights to choose what to learn from.
LEARN_FROM_SCORES = frozenset({"pseudo-labels", "pseudo-labels-calibrated"})

"""Ways of adapting to one image, by name: one arm a file."""

from dataclasses import replace

from experiments.adaptations import (
    adabn,
    coral,
    dann,
    macenko,
    paper_frozen,
    pseudo_labels,
    sham,
    tent,
    unchanged,
)
from model.adaptation import paper
from model.adaptation.base import Adapt, AdaptationSettings, Adapted, Arm

ARMS: dict[str, Arm] = {
    "none": Arm(),
    "sham": Arm(sham.adapt),
    "adabn": Arm(adabn.adapt),
    "adabn-blended": Arm(adabn.adapt_blended),
    "macenko": Arm(unchanged.adapt, change_pixels=macenko.normalise_stain),
    "tent": Arm(tent.adapt),
    "paper": Arm(paper.adapt),
    "paper-frozen": Arm(paper_frozen.adapt),
    "dann": Arm(dann.adapt),
    "coral": Arm(coral.adapt),
    "pseudo-labels": Arm(pseudo_labels.adapt),
    "calibrated": Arm(calibrates=True),
}
# After these the scores can be calibrated as well.
ARMS |= {
    "adabn-calibrated": replace(ARMS["adabn-blended"], calibrates=True),
    "paper-calibrated": replace(ARMS["paper-frozen"], calibrates=True),
    "macenko-calibrated": replace(ARMS["macenko"], calibrates=True),
    "dann-calibrated": replace(ARMS["dann"], calibrates=True),
    "coral-calibrated": replace(ARMS["coral"], calibrates=True),
    "pseudo-labels-calibrated": replace(ARMS["pseudo-labels"], calibrates=True),
}

__all__ = ["ARMS", "Adapt", "AdaptationSettings", "Adapted", "Arm"]

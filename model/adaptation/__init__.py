"""Ways of adapting to one image, by name: one arm a file."""

from model.adaptation import adabn, macenko, paper, paper_frozen, sham, tent, unchanged
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
    "calibrated": Arm(calibrates=True),
    "paper-calibrated": Arm(paper_frozen.adapt, calibrates=True),
}

__all__ = ["ARMS", "Adapt", "AdaptationSettings", "Adapted", "Arm"]

"""Ways of adapting the network to one image, by name: one arm a file."""

from model.adaptation import adabn, macenko, none, paper, paper_frozen, sham, tent
from model.adaptation.base import AdaptationSettings, Adapted, Arm

ARMS: dict[str, Arm] = {
    "none": Arm(none.adapt),
    "sham": Arm(sham.adapt),
    "adabn": Arm(adabn.adapt),
    "adabn-blended": Arm(adabn.adapt_blended),
    "macenko": Arm(none.adapt, change_pixels=macenko.normalise_stain),
    "tent": Arm(tent.adapt),
    "paper": Arm(paper.adapt),
    "paper-frozen": Arm(paper_frozen.adapt),
}

__all__ = ["ARMS", "AdaptationSettings", "Adapted", "Arm"]

"""Ways of adapting the network to one image, by name: one arm a file."""

from model.adaptation import none, paper, paper_frozen
from model.adaptation.base import AdaptationSettings, Adapted, Arm

ARMS: dict[str, Arm] = {
    "none": none.adapt,
    "paper": paper.adapt,
    "paper-frozen": paper_frozen.adapt,
}

__all__ = ["ARMS", "AdaptationSettings", "Adapted", "Arm"]

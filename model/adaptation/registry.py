"""The adaptations that a user can choose: each name exists here and nowhere else.

Nothing heavy is imported, so that the command line can list the names at once; the module of an
adaptation is imported when a detector uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.adaptation.base import Adapt


@dataclass(frozen=True)
class Adaptation:
    """A way of adapting to an image.

    Attributes:
        name: as on the command line.
        help: one line for the command line.
        function: "module:function" that changes the network (an `Adapt`); None where the network
            stays as it is.
        options: further arguments of the function.
        schedule: values of AdaptationSettings that replace its defaults, which are the paper's.
        keeps_level: whether the adapted network changes only the order of the candidates
            (model/adaptation/calibration.py).
        calibrates: whether the scores are calibrated to the image.
        every_candidate: whether the network is adapted to, and asked about, every candidate;
            otherwise the screen may reject some.
    """

    name: str
    help: str
    function: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    keeps_level: bool = False
    calibrates: bool = False
    every_candidate: bool = False

    @property
    def needs_bank(self) -> bool:
        """Whether the network is trained against the source bank."""
        return self.function is not None

    def load(self) -> Adapt:
        """The function that changes the network."""
        if self.function is None:
            raise ValueError(f"{self.name} leaves the network as it is")
        module, name = self.function.split(":")
        adapt: Adapt = partial(getattr(import_module(module), name), **self.options)
        return adapt


ADAPTATIONS = {
    adaptation.name: adaptation
    for adaptation in (
        Adaptation(
            "gradient-reversal",
            "gradient reversal with matched priors, then calibration",
            "model.adaptation.matched:adapt",
            schedule={"learning_rate": 1e-5, "max_steps": 100, "reversal_weight": 1.0},
            keeps_level=True,
            calibrates=True,
        ),
        Adaptation(
            "paper",
            "gradient reversal as published, batch norm in training mode",
            "model.adaptation.adversarial:adapt",
            {"batch_norm": "training"},
            every_candidate=True,
        ),
        Adaptation(
            "calibrated",
            "unchanged network; its scores are calibrated to the image",
            calibrates=True,
        ),
        Adaptation("none", "unchanged network and scores"),
    )
}
DEFAULT_ADAPTATION = "gradient-reversal"
# Names of version 0.1.0. Those that were controls are run by the ablation only.
RENAMED = {"paper-calibrated": "gradient-reversal"}
EXPERIMENTS = frozenset(
    "sham adabn adabn-blended adabn-calibrated macenko macenko-calibrated tent paper-frozen dann "
    "dann-calibrated coral coral-calibrated pseudo-labels pseudo-labels-calibrated".split()
)


def find_adaptation(name: str) -> Adaptation:
    """The adaptation of a name.

    Raises:
        ValueError: the name is not known; the message states the new name or place of an old one.
    """
    if name in ADAPTATIONS:
        return ADAPTATIONS[name]
    if name in RENAMED:
        raise ValueError(f"{name!r} is now called {RENAMED[name]!r}")
    if name in EXPERIMENTS:
        raise ValueError(
            f"{name!r} is an experiment: run it with python -m experiments.ablation --arms {name}"
        )
    raise ValueError(f"{name!r} is not an adaptation; choose from {', '.join(ADAPTATIONS)}")

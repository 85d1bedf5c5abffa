"""Source training learns, and an interrupted one ends as an uninterrupted one does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.network import MitosisNetwork
from test.builders import rendered_samples
from training.augmentation import Augmentation
from training.batches import Mixture
from training.source import Recipe, score_samples, train

RECIPE = Recipe(
    steps=30,
    learning_rate=1e-3,
    warm_up=5,
    averaging=0.8,
    mixture=Mixture(size=32, mitotic=0.5),
    augmentation=Augmentation(jpeg=0.0),
)


def fresh() -> MitosisNetwork:
    torch.manual_seed(0)
    return MitosisNetwork(len(rendered_samples().domains))


def test_a_short_training_tells_rendered_figures_from_nuclei(tmp_path: Path) -> None:
    samples = rendered_samples()
    network = train(fresh(), samples, RECIPE, tmp_path)
    scores = score_samples(network, samples, np.arange(len(samples)))
    figures, others = scores[samples.mitotic], scores[~samples.mitotic]
    # The share of pairs in the right order: 0.5 is chance.
    assert (figures[:, None] > others).mean() > 0.85


def test_resuming_gives_the_result_of_an_uninterrupted_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, steps=6)
    whole = train(fresh(), rendered_samples(), recipe, tmp_path / "whole")
    monkeypatch.setattr("training.source.CHECKPOINT_EVERY", 3)
    monkeypatch.setattr("training.source._step", _failing_after(3))
    with pytest.raises(InterruptedError):
        train(fresh(), rendered_samples(), recipe, tmp_path / "parts")
    monkeypatch.undo()
    resumed = train(fresh(), rendered_samples(), recipe, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def _failing_after(steps: int):  # type: ignore[no-untyped-def]
    from training.source import _step as step

    def failing(*arguments):  # type: ignore[no-untyped-def]
        if arguments[-1] >= steps:
            raise InterruptedError
        return step(*arguments)

    return failing

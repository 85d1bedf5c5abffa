"""Source training learns, and an interrupted one ends as an uninterrupted one does."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from test.builders import rendered_samples
from test.model.builders import linear
from training import source as training_source
from training.augmentation import Augmentation
from training.batches import Mixture
from training.compute import Compute
from training.samples import Samples
from training.source import Recipe, recipe_as_dict, score_samples, train

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


@pytest.mark.parametrize("average_from", [None, 1, 4])
@pytest.mark.parametrize("interruption", [1, 3, 5])
def test_resuming_gives_the_result_of_an_uninterrupted_training(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interruption: int,
    average_from: int | None,
) -> None:
    """Before the first checkpoint; before hard negatives are mined anew, at step 3; and after."""
    recipe = replace(
        RECIPE,
        steps=6,
        hard_negatives=6,
        mining_rounds=2,
        mixture=Mixture(size=12, hard=0.3),
        average_from=average_from,
    )
    whole = train(fresh(), rendered_samples(), recipe, tmp_path / "whole")
    monkeypatch.setattr("training.source.CHECKPOINT_EVERY", 2)
    monkeypatch.setattr("training.source.LOG_EVERY", 1)
    with monkeypatch.context() as context:
        context.setattr("training.source._step", _failing_after(interruption))
        with pytest.raises(InterruptedError):
            train(fresh(), rendered_samples(), recipe, tmp_path / "parts")
    assert (tmp_path / "parts" / "checkpoint.pt").exists() == (interruption > 1)
    resumed = train(fresh(), rendered_samples(), recipe, tmp_path / "parts")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    lines = (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]


def _failing_after(steps: int):  # type: ignore[no-untyped-def]
    from training.source import _step as step

    def failing(*arguments):  # type: ignore[no-untyped-def]
        if arguments[-1] >= steps:
            raise InterruptedError
        return step(*arguments)

    return failing


# --------------------------------------------------------------------------- what a step may change

BRIEF = replace(RECIPE, steps=2, mixture=Mixture(size=8, mitotic=0.5))


def test_what_lies_below_the_cut_is_not_trained(tmp_path: Path) -> None:
    network = fresh()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, rendered_samples(), replace(BRIEF, frozen_below=3), tmp_path)
    moved = {
        ".".join(name.split(".")[: 1 + name.startswith("trunk")])
        for name, value in network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"trunk.layer4", "mitosis", "scanner"}


def test_the_target_s_logit_gets_no_example(tmp_path: Path) -> None:
    network = fresh()
    last = linear(network.scanner)
    before = last.weight.detach().clone()
    train(network, rendered_samples(), BRIEF, tmp_path)
    assert not torch.equal(last.weight[:2], before[:2])
    assert torch.equal(last.weight[2], before[2])


def test_a_finished_training_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(fresh(), rendered_samples(), BRIEF, tmp_path)
    monkeypatch.setattr("training.source._step", None)
    again = train(fresh(), rendered_samples(), BRIEF, tmp_path)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


# ----------------------------------------------------------------------------------- hard negatives


def test_the_hardest_negatives_are_mined_each_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = rendered_samples()
    negatives = np.flatnonzero(~samples.mitotic)
    mined: list[np.ndarray] = []
    hardest = training_source._hardest

    def watched(
        network: MitosisNetwork, samples: Samples, count: int, *rest: Compute
    ) -> np.ndarray:
        chosen = hardest(network, samples, count, *rest)
        scores = dict(zip(negatives, score_samples(network, samples, negatives), strict=True))
        others = set(negatives.tolist()) - set(chosen.tolist())
        assert min(scores[i] for i in chosen) >= max(scores[i] for i in others)
        mined.append(chosen)
        return chosen

    monkeypatch.setattr(training_source, "_hardest", watched)
    recipe = replace(BRIEF, steps=3, hard_negatives=6, mining_rounds=2)
    train(fresh(), samples, recipe, tmp_path)
    assert [len(set(chosen.tolist())) for chosen in mined] == [6, 6]


def test_scores_are_the_log_odds_of_the_middle_of_the_window() -> None:
    network, samples = fresh().eval(), rendered_samples()
    index = np.array([5, 0, 2])
    windows = np.stack([samples.window(int(i)) for i in index])[:, 32:96, 32:96]
    with torch.no_grad():
        logits = network(normalise(torch.from_numpy(windows))).mitosis
    expected = logits[:, MITOTIC] - logits[:, 1 - MITOTIC]
    found = score_samples(network, samples, index, batch_size=2)
    np.testing.assert_allclose(found, expected, atol=0.02)  # bf16


# ------------------------------------------------------------------------------ schedule and recipe


def test_the_rate_rises_and_then_follows_a_cosine() -> None:
    recipe = Recipe(steps=110, warm_up=10)
    rates = [training_source._schedule(step, recipe) for step in range(110)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1 and rates[60] == pytest.approx(0.5) and rates[-1] < 0.001
    assert (np.diff(rates[10:]) < 0).all()


def test_the_rate_rises_and_then_stays() -> None:
    recipe = Recipe(steps=110, warm_up=10, schedule="constant")
    rates = [training_source._schedule(step, recipe) for step in range(110)]
    np.testing.assert_allclose(rates, [*np.arange(0.1, 1.0, 0.1), *[1.0] * 101])


def test_weights_and_statistics_after_a_step_count_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, step, taken = fresh(), training_source._step, []

    def watched(*arguments):  # type: ignore[no-untyped-def]
        losses = step(*arguments)
        state = network.state_dict()
        taken.append({name: value.double().clone() for name, value in state.items()})
        return losses

    monkeypatch.setattr(training_source, "_step", watched)
    averaged = train(network, rendered_samples(), replace(BRIEF, steps=5, average_from=2), tmp_path)
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            expected = torch.stack([state[name] for state in taken[2:]]).mean(dim=0)
            torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6, msg=name)


def test_lambda_follows_ganin_s_schedule() -> None:
    schedule = training_source._reversal_schedule
    assert schedule(0.0) == 0 and schedule(1.0) == pytest.approx(1, abs=1e-4)
    assert schedule(0.1) == pytest.approx(math.tanh(0.5))


def test_a_recipe_comes_from_a_preset_and_goes_into_the_card() -> None:
    recipe = Recipe.from_dict({"steps": 5, "mixture": {"size": 9}, "augmentation": {"noise": 1.0}})
    assert recipe.augmentation is not None
    assert (recipe.steps, recipe.mixture.size, recipe.augmentation.noise) == (5, 9, 1.0)
    assert Recipe.from_dict({"augmentation": False}).augmentation is None
    assert Recipe.from_dict(recipe_as_dict(recipe)) == recipe
    with pytest.raises(TypeError, match="'stepz'"):
        Recipe.from_dict({"stepz": 5})
    with pytest.raises(ValueError, match="schedule 'linear' is none of"):
        Recipe.from_dict({"schedule": "linear"})


def test_an_average_that_never_begins_is_an_error(tmp_path: Path) -> None:
    recipe = replace(BRIEF, average_from=BRIEF.steps)
    with pytest.raises(ValueError, match="average_from 2 is not below steps 2"):
        train(fresh(), rendered_samples(), recipe, tmp_path)

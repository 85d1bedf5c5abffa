"""Source training learns, and an interrupted one ends as an uninterrupted one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.network import MitosisNetwork
from test.builders import rendered_samples
from test.model.builders import linear
from training.augmentation import Augmentation
from training.checkpoint import CHECKPOINT_FILE
from training.loop import train
from training.mixture import Mixture
from training.patch_scores import score_samples
from training.recipe import Recipe

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


@pytest.mark.parametrize(("interruption", "average_from"), [(2, None), (3, 1), (5, 4), (3, None)])
def test_resuming_gives_the_result_of_an_uninterrupted_training(
    tmp_path: Path, interruption: int, average_from: int | None
) -> None:
    """Before the first checkpoint; after the second mining of hard negatives; and later."""
    recipe = replace(
        RECIPE,
        steps=6,
        hard_negatives=6,
        mining_rounds=2,
        mixture=Mixture(size=12, hard=0.3),
        average_from=average_from,
        checkpoint_every=2,
        validate_every=1,
    )
    validation = rendered_samples(seed=9, figures=2)
    whole = train(fresh(), rendered_samples(), recipe, tmp_path / "whole", validation=validation)
    parts = tmp_path / "parts"
    with pytest.raises(InterruptedError):
        train(
            fresh(), rendered_samples(), recipe, parts,
            validation=validation, watch=interrupting(interruption),
        )  # fmt: skip
    assert (parts / CHECKPOINT_FILE).exists() == (interruption > 2)
    resumed = train(fresh(), rendered_samples(), recipe, parts, validation=validation)
    assert_equal_weights(whole, resumed)
    steps = [json.loads(line)["step"] for line in (parts / "metrics.jsonl").open()]
    assert steps == [1, 2, 3, 4, 5, 6, 6], "each validation once, and the last step's losses"


def interrupting(at: int) -> Callable[[int, dict[str, float]], None]:
    """Fails after the validation of a step, before its checkpoint."""

    def watch(step: int, _: dict[str, float]) -> None:
        if step >= at:
            raise InterruptedError

    return watch


def assert_equal_weights(first: MitosisNetwork, second: MitosisNetwork) -> None:
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


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


def test_unlabelled_domains_train_the_scanner_branch_only(tmp_path: Path) -> None:
    """A single unlabelled domain gives examples to the target's logit; its class has none."""
    samples = rendered_samples()
    pink = samples.images[1]
    samples.unlabelled_domains = ["tcga"]
    samples.add(pink._replace(domain="tcga"), np.array([[50.0, 50], [200, 200]]), mitotic=False)
    network = fresh()
    before = linear(network.scanner).weight.detach().clone()
    recipe = replace(BRIEF, mixture=Mixture(size=16, mitotic=0.25, unlabelled=0.25))
    trained = train(network, samples, recipe, tmp_path)
    assert trained.source_domains == 2
    assert not torch.equal(linear(network.scanner).weight[2], before[2])
    line = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(line["mitosis_loss"]) and 0 <= line["mitosis_accuracy"] <= 1


def test_adjusted_logits_lower_the_probabilities(tmp_path: Path) -> None:
    """The same batches, read as batches of candidates with 1 % of figures."""
    samples, index = rendered_samples(), np.arange(10)
    recipe = replace(RECIPE, steps=12)
    plain = train(fresh(), samples, recipe, tmp_path / "plain")
    adjusted = train(fresh(), samples, replace(recipe, candidate_share=0.01), tmp_path / "adjusted")
    lower = score_samples(adjusted, samples, index).mean()
    assert lower < score_samples(plain, samples, index).mean() - 1


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first = train(fresh(), rendered_samples(), BRIEF, tmp_path)
    again = train(
        fresh(), rendered_samples(), BRIEF, tmp_path,
        validation=rendered_samples(), watch=interrupting(0),
    )  # fmt: skip
    assert_equal_weights(first, again)


def test_hard_negatives_are_mined_in_each_round(tmp_path: Path) -> None:
    recipe = replace(
        BRIEF, steps=8, learning_rate=1e-2, averaging=0.0, hard_negatives=6, mining_rounds=2,
        checkpoint_every=4,
    )  # fmt: skip
    samples = rendered_samples()
    mined: list[list[int]] = []

    def watch(step: int, _: dict[str, float]) -> None:
        if step == 5:
            mined.append(hard_negatives(tmp_path))

    few = rendered_samples(seed=9, figures=2)
    recipe = replace(recipe, validate_every=5)
    train(fresh(), samples, recipe, tmp_path, validation=few, watch=watch)
    mined.append(hard_negatives(tmp_path))
    assert all(len(set(chosen)) == 6 and not samples.mitotic[chosen].any() for chosen in mined)
    assert len(mined) == 2 and mined[0] != mined[1]


def hard_negatives(run: Path) -> list[int]:
    """Those of the last checkpoint."""
    chosen: list[int] = torch.load(run / CHECKPOINT_FILE, weights_only=True)["hard"].tolist()
    return chosen


def test_weights_and_statistics_after_a_step_count_alike(tmp_path: Path) -> None:
    network = fresh()
    taken: list[dict[str, torch.Tensor]] = []

    def watch(_: int, __: dict[str, float]) -> None:
        state = network.state_dict()
        taken.append({name: value.double().clone() for name, value in state.items()})

    recipe = replace(BRIEF, steps=5, average_from=2, validate_every=1)
    few = rendered_samples(seed=9, figures=2)
    averaged = train(network, rendered_samples(), recipe, tmp_path, validation=few, watch=watch)
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            expected = torch.stack([state[name] for state in taken[2:]]).mean(dim=0)
            torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6, msg=name)


def test_an_average_that_never_begins_is_an_error(tmp_path: Path) -> None:
    recipe = replace(BRIEF, average_from=BRIEF.steps)
    with pytest.raises(ValueError, match="average_from 2 is not below steps 2"):
        train(fresh(), rendered_samples(), recipe, tmp_path)


def test_a_checkpoint_of_another_training_is_an_error(tmp_path: Path) -> None:
    train(fresh(), rendered_samples(), BRIEF, tmp_path)
    with pytest.raises(ValueError, match=r"another training \(recipe differs\)"):
        train(fresh(), rendered_samples(), replace(BRIEF, seed=1), tmp_path)
    with pytest.raises(ValueError, match=r"another training \(samples differs\)"):
        train(fresh(), rendered_samples(seed=1), BRIEF, tmp_path)

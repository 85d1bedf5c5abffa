"""Adaptation changes what it may and nothing else, and does what the paper's formula says."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from model.activations import activations_below, as_input
from model.adaptation import adversarial
from model.adaptation.adversarial import UNLABELLED, BatchNorm, MixedBatch
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank
from test.model.builders import linear, some_patches, tiny_bank, tiny_network

CANDIDATES = 10
SETTINGS = AdaptationSettings(epochs=1, learning_rate=1e-3, batch_size=16, reversal_weight=0.5)
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
ENTRIES = 15  # of the bank's 24: 6 are held back, 3 in reserve


def target(network: MitosisNetwork, cut: int) -> torch.Tensor:
    return activations_below(network, some_patches(CANDIDATES, seed=9), cut, "fp32").clone()


def adapt(
    batch_norm: BatchNorm = "frozen", cut: int = 4, **changes: Any
) -> tuple[Adapted, dict[str, torch.Tensor]]:
    """The adapted network, and the state before it."""
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    bank, candidates = tiny_bank(network, cut), target(network, cut)
    settings = replace(SETTINGS, **changes)
    return adversarial.adapt(network, candidates, bank, settings, batch_norm), before


def same_state(first: Adapted, second: Adapted) -> bool:
    states = [list(adapted.network.state_dict().values()) for adapted in (first, second)]
    return all(torch.equal(a, b) for a, b in zip(*states, strict=True))


# ---------------------------------------------------------------------------------- what may change


@pytest.mark.parametrize("batch_norm", ["training", "frozen"])
@pytest.mark.parametrize("cut", [0, 2, 3, 4])
def test_only_what_lies_above_the_cut_changes(batch_norm: BatchNorm, cut: int) -> None:
    adapted, before = adapt(batch_norm, cut)
    above = {
        id(tensor)
        for module in adapted.network.modules_above(cut)
        for tensor in module.state_dict(keep_vars=True).values()
    }
    kept = changed = 0
    for name, tensor in adapted.network.state_dict(keep_vars=True).items():
        is_statistic = name.endswith(STATISTICS)
        may_change = id(tensor) in above and (batch_norm == "training" or not is_statistic)
        assert torch.equal(tensor, before[name]) != may_change, name
        changed, kept = changed + may_change, kept + (not may_change)
    # Both branches have 12 tensors, layer4 has 15 weights and 15 statistics.
    assert changed == {4: 12, 3: 27 + 15 * (batch_norm == "training")}.get(cut, changed)
    assert changed >= 12 and (kept > 0 or (cut == 0 and batch_norm == "training"))


def test_network_comes_back_ready_for_use() -> None:
    adapted, _ = adapt("training", 3)
    assert not any(module.training for module in adapted.network.modules())


def test_first_step_is_adam_s_on_the_paper_s_losses() -> None:
    """The trunk's gradient by hand: that of mitosis minus lambda times that of the scanner."""
    network = tiny_network()
    bank, candidates = tiny_bank(network, 3), target(network, 3)
    used = (~bank.check & ~bank.reserve).nonzero().flatten()
    inputs = torch.cat([bank.activations(used), candidates])
    domains = torch.cat([bank.domain[used], torch.full((CANDIDATES,), 3)])
    features = network.features(inputs, 3)
    mitosis = cross_entropy(network.mitosis(features)[: len(used)], bank.mitotic[used])
    scanner = cross_entropy(network.scanner(features), domains)
    trunk = list(network.trunk.layer4.parameters())
    of_mitosis = torch.autograd.grad(mitosis, trunk, retain_graph=True)
    of_scanner = torch.autograd.grad(scanner, trunk, retain_graph=True)
    of_trunk = [m - 0.5 * s for m, s in zip(of_mitosis, of_scanner, strict=True)]
    expected = dict(zip(trunk, of_trunk, strict=True))
    for branch, loss in ((network.mitosis, mitosis), (network.scanner, scanner)):
        parameters = list(branch.parameters())
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        expected |= dict(zip(parameters, gradients, strict=True))
    before = {p: p.detach().clone() for p in expected}
    adapted = adversarial.adapt(
        network, candidates, bank, replace(SETTINGS, batch_size=100), "frozen"
    )
    assert adapted.record["steps"] == 1
    compared = 0
    for parameter, gradient in expected.items():
        clear = gradient.abs() > 1e-5  # Adam's first step is the gradient's sign: mind rounding
        step = (parameter.detach() - before[parameter])[clear]
        torch.testing.assert_close(step, -1e-3 * gradient[clear].sign(), rtol=0.01, atol=1e-6)
        compared += int(clear.sum())
    assert compared > 1e6
    (losses,) = (adapted.record["curve"][name] for name in ("mitosis_loss",))
    assert losses == [pytest.approx(mitosis.item(), abs=1e-4)]
    assert adapted.record["curve"]["scanner_loss"] == [pytest.approx(scanner.item(), abs=1e-4)]


@pytest.mark.parametrize("batch_norm", ["training", "frozen"])
def test_reversal_weight_is_felt_by_the_trunk_alone(batch_norm: BatchNorm) -> None:
    without, with_it = (
        adapt(batch_norm, 3, reversal_weight=weight, max_steps=1)[0].network
        for weight in (0.0, 0.5)
    )
    names = {name.split(".")[0] for name, value in without.state_dict().items()
             if not torch.equal(value, with_it.state_dict()[name])}  # fmt: skip
    assert names == {"trunk"}


def test_weight_zero_leaves_the_scanner_s_labels_without_effect_on_the_trunk() -> None:
    networks = []
    for labels in (0, 1):
        network = tiny_network()
        bank = replace(tiny_bank(network, 3), domain=torch.full((24,), labels))
        adversarial.adapt(
            network, target(network, 3), bank, replace(SETTINGS, reversal_weight=0.0), "frozen"
        )
        networks.append(network)
    first, second = networks
    name = "trunk.layer4.0.conv1.weight"
    assert torch.equal(first.get_parameter(name), second.get_parameter(name))
    assert not torch.equal(linear(first.scanner).bias, linear(second.scanner).bias)


# ------------------------------------------------------------------------------ what it is fed with


class Step:
    """Replaces the step: records its batches and changes nothing."""

    def __init__(self, loss: float = 1.0) -> None:
        self.loss = loss
        self.batches: list[MixedBatch] = []

    def __call__(
        self, network: object, optimiser: object, batch: MixedBatch, *_: object
    ) -> dict[str, float]:
        self.batches.append(batch)
        return {"mitosis_loss": self.loss, "scanner_loss": 1.0, "scanner_accuracy": 0.5}


def identify(row: torch.Tensor, known: torch.Tensor) -> int:
    """Number of the one known input that a row of a batch is."""
    (number,) = (known == row).flatten(1).all(dim=1).nonzero().flatten().tolist()
    return int(number)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> Step:
    step = Step()
    monkeypatch.setattr(adversarial, "reversal_step", step)
    return step


@pytest.mark.parametrize("cut", [0, 4])
@pytest.mark.parametrize("batch_size", [4, 7, 100])
def test_each_epoch_sees_each_entry_and_candidate_once(
    fed: Step, cut: int, batch_size: int
) -> None:
    network = tiny_network()
    bank, candidates = tiny_bank(network, cut), target(network, cut)
    settings = replace(SETTINGS, epochs=3, batch_size=batch_size)
    adapted = adversarial.adapt(network, candidates, bank, settings, "frozen")
    known = torch.cat([bank.activations(torch.arange(24)), as_input(candidates, cut)])
    an_epoch = -(-(ENTRIES + CANDIDATES) // batch_size)
    assert len(fed.batches) == adapted.record["planned_steps"] == 3 * an_epoch
    used = (~bank.check & ~bank.reserve).nonzero().flatten().tolist()
    orders = []
    for epoch in range(3):
        order = []
        for inputs, mitotic, domain in fed.batches[epoch * an_epoch : (epoch + 1) * an_epoch]:
            numbers = [identify(row, known) for row in inputs]
            entries = [n for n in numbers if n < 24]
            assert numbers[: len(entries)] == entries, "source entries come first"
            unlabelled = (len(numbers) - len(entries)) * [UNLABELLED]
            assert mitotic.tolist() == bank.mitotic[entries].tolist() + unlabelled
            assert domain.tolist() == [int(bank.domain[n]) if n < 24 else 3 for n in numbers]
            order += numbers
        assert Counter(order) == Counter([*used, *range(24, 24 + CANDIDATES)])
        orders.append(order)
    assert orders[0] != orders[1] != orders[2], "shuffled in each epoch"
    assert (adapted.record["source_entries"], adapted.record["target_candidates"]) == (15, 10)


def test_bank_and_image_are_shuffled_together(fed: Step) -> None:
    adapt(epochs=20, batch_size=8)
    mixed = [len(set(domain.tolist()) - {3}) > 0 and 3 in domain for _, _, domain in fed.batches]
    assert sum(mixed) / len(mixed) > 0.5


# ----------------------------------------------------------------------------------------- schedule


def test_seed_decides_all() -> None:
    first, again, other = (adapt(seed=seed)[0] for seed in (1, 1, 2))
    torch.manual_seed(77)  # the global generator has no say
    assert same_state(first, again) and same_state(first, adapt(seed=1)[0])
    assert not same_state(first, other)
    assert first.record == again.record


@pytest.mark.parametrize(("most", "steps"), [(1, 1), (3, 3), (100, 4), (None, 4)])
def test_max_steps(most: int | None, steps: int) -> None:
    reported: list[tuple[int, int]] = []
    # 25 inputs in batches of 16: two an epoch
    adapted, _ = adapt(epochs=2, max_steps=most, on_step=lambda *step: reported.append(step))
    assert adapted.record["steps"] == adapted.record["planned_steps"] == steps
    assert reported == [(step + 1, steps) for step in range(steps)]


def test_past_deadline_nothing_is_done() -> None:
    adapted, before = adapt(deadline=time.monotonic() - 1)
    assert adapted.record["steps"] == 0 and adapted.record["planned_steps"] == 2
    assert adapted.record["curve"] == {} and adapted.record["drift"] == 0
    assert all(torch.equal(v, before[n]) for n, v in adapted.network.state_dict().items())


def test_loss_that_is_not_finite_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for loss in (float("nan"), float("inf")):
        step = Step(loss)
        monkeypatch.setattr(adversarial, "reversal_step", step)
        adapted, _ = adapt(epochs=5)
        assert len(step.batches) == adapted.record["steps"] == 1
        assert adapted.record["curve"]["mitosis_loss"] == [None]


def test_batch_without_source_entries_is_no_nan() -> None:
    adapted, _ = adapt(batch_size=1)
    assert adapted.record["steps"] == 25
    values = adapted.record["curve"]["mitosis_loss"]
    assert None not in values and 0.0 in values and max(values) > 0


def test_bf16_learns_about_the_same() -> None:
    full, before = adapt("frozen", 3)
    half, _ = adapt("frozen", 3, precision="bf16")
    first, second = (
        torch.cat([
            (value - before[name]).flatten()
            for name, value in adapted.network.state_dict().items() if value.is_floating_point()
        ])
        for adapted in (full, half)
    )  # fmt: skip
    assert torch.cosine_similarity(first, second, dim=0) > 0.7
    assert all(v.dtype != torch.bfloat16 for v in half.network.state_dict().values())


# ------------------------------------------------------------------------------------------- record


def test_drift_is_the_length_of_the_change() -> None:
    adapted, before = adapt("frozen", 3)
    change = length = 0.0
    for name, parameter in adapted.network.named_parameters():
        if name.startswith(("trunk.layer4", "mitosis", "scanner")):
            change += float((parameter.detach() - before[name]).double().square().sum())
            length += float(before[name].double().square().sum())
    assert adapted.record["drift"] == pytest.approx((change / length) ** 0.5, rel=1e-4)


def test_long_curves_are_averaged(fed: Step) -> None:
    adapted, _ = adapt(epochs=60)
    curve = adapted.record["curve"]
    assert curve["steps_a_point"] == 3 and len(curve["scanner_loss"]) == 40
    assert set(curve["scanner_loss"]) == {1.0}


def test_scanner_branch_learns_to_recognise_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reversal, over the bank and an image that differ: above the share of the target."""
    network = tiny_network()
    bank = tiny_bank(network, 4)
    candidates = target(network, 4) + 1.0
    settings = replace(SETTINGS, epochs=15, reversal_weight=0.0)
    record = adversarial.adapt(network, candidates, bank, settings, "frozen").record
    accuracy = record["curve"]["scanner_accuracy"]
    assert accuracy[-1] > 0.55 > accuracy[0]


def test_bank_is_left_as_it_is() -> None:
    network = tiny_network()
    bank: SourceBank = tiny_bank(network, 4)
    values, scales = bank.values.clone(), bank.scales.clone()
    candidates = target(network, 4)
    copy = candidates.clone()
    adversarial.adapt(network, candidates, bank, SETTINGS, "training")
    assert torch.equal(bank.values, values) and torch.equal(bank.scales, scales)
    assert torch.equal(candidates, copy)


# --------------------------------------------------------------------------------------- batch norm


def test_training_mode_mixes_the_statistics_of_source_and_target() -> None:
    """At a rate of zero nothing else moves; momentum is a tenth a step."""
    network = tiny_network()
    bank, candidates = tiny_bank(network, 3), target(network, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inputs = torch.cat([bank.activations(bank.entries_to_adapt_with()), candidates])
    with torch.no_grad():
        entering = network.get_submodule("trunk.layer4.0.conv1")(inputs)
    settings = replace(SETTINGS, batch_size=64, learning_rate=0.0)
    adapted = adversarial.adapt(network, candidates, bank, settings, "training")
    after = dict(adapted.network.named_buffers())
    name = "trunk.layer4.0.bn1."
    expected = 0.9 * before[name + "running_mean"] + 0.1 * entering.mean(dim=(0, 2, 3))
    torch.testing.assert_close(after[name + "running_mean"], expected, rtol=1e-4, atol=1e-5)
    expected = 0.9 * before[name + "running_var"] + 0.1 * entering.var(dim=(0, 2, 3))
    torch.testing.assert_close(after[name + "running_var"], expected, rtol=1e-4, atol=1e-5)
    for parameter_name, parameter in adapted.network.named_parameters():
        assert torch.equal(parameter, before[parameter_name]), parameter_name


def test_rate_is_the_length_of_a_step() -> None:
    """Adam's steps are as long as the rate, so the paper's moves the weights this little."""
    adapted, before = adapt("frozen", 2, learning_rate=1.7e-6)
    largest = max(
        float((p.detach() - before[n]).abs().max()) for n, p in adapted.network.named_parameters()
    )
    assert 1.7e-6 * 0.5 < largest < 1.7e-6 * 1.1 * adapted.record["steps"]

"""Source training: both cross entropies over labelled patches (paper, section 2.2)."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_swa_avg_fn
from tqdm import tqdm

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from model.precision import arithmetic
from training.augmentation import Augmentation
from training.batches import Batch, BatchSource, EveryPatch, Mixture, batches_an_epoch
from training.board import board
from training.compute import ALONE, Compute, over_processes
from training.samples import NO_DOMAIN, Samples

LOG_EVERY = 25  # steps
CHECKPOINT_EVERY = 250  # steps

Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: batches.
        epochs: where above 0, every sample is drawn that often and the steps follow (paper); else
            batches are drawn balanced.
        learning_rate: of Adam at its highest; the paper's 1.0e-5 is for 2.6 million patches an
            epoch, this one for a few hundred thousand in all.
        warm_up: steps over which the rate rises.
        schedule: of the rate after that: "cosine" to zero (paper), or "constant".
        reversal_weight: lambda of the gradient reversal layer, reached along Ganin's schedule.
        frozen_below: cut of the network under which nothing is trained.
        averaging: decay a step of the moving average of the weights, which is what is kept; 0
            keeps the last.
        average_from: step, counted from 0, from which all weights count alike instead (stochastic
            weight averaging, Izmailov et al. 2018); with a constant rate they lie around a flat
            minimum, which holds better in other domains (Cha et al. 2021).
        hard_negatives: number of highest-scored negatives that hard samples are drawn from.
        mining_rounds: how often the negatives are scored anew, evenly over the training.
        checkpoint_every: steps between checkpoints; None for CHECKPOINT_EVERY.
        validate_every: steps between validations; None for an epoch, or only the end.
        mixture, augmentation: see there; augmentation None leaves the patches as they are.
        seed: of the batches and of the new layers.
    """

    steps: int = 2500
    epochs: int = 0
    learning_rate: float = 5e-4
    warm_up: int = 150
    schedule: Schedule = "cosine"
    reversal_weight: float = 0.1
    frozen_below: int = 0
    averaging: float = 0.998
    average_from: int | None = None
    hard_negatives: int = 0
    mining_rounds: int = 1
    checkpoint_every: int | None = None
    validate_every: int | None = None
    mixture: Mixture = field(default_factory=Mixture)
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError where the schedule is unknown."""
        if self.schedule not in get_args(Schedule):
            raise ValueError(f"schedule {self.schedule!r} is none of {get_args(Schedule)}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """A recipe from a preset's tables; unknown keys are an error, augmentation may be false.

        Raises:
            TypeError: a key is unknown.
            ValueError: the schedule is.
        """
        values = dict(values)
        mixture = Mixture(**values.pop("mixture", {}))
        given = values.pop("augmentation", {})
        augmentation = None if given in (False, None) else Augmentation(**given)
        return cls(**values, mixture=mixture, augmentation=augmentation)

    def for_samples(self, count: int) -> Recipe:
        """The recipe with the steps that its epochs over so many samples have."""
        if not self.epochs:
            return self
        an_epoch = batches_an_epoch(count, self.mixture.size)
        validate = self.validate_every or an_epoch
        return replace(self, steps=self.epochs * an_epoch, validate_every=validate)


Watch = Callable[[int, dict[str, float]], None]  # told of each validation: step and numbers


def train(
    network: MitosisNetwork,
    samples: Samples,
    recipe: Recipe,
    run: Path,
    *,
    compute: Compute = ALONE,
    validation: Samples | None = None,
    watch: Watch | None = None,
) -> MitosisNetwork:
    """Train a network, continuing from `run/checkpoint.pt` where there is one.

    Writes `run/metrics.jsonl` (a line every LOG_EVERY steps, and for each validation), the same
    for TensorBoard, and the checkpoint. Batches, schedules and random numbers follow from the
    recipe's seed and the step, so with the weights, their average and the optimiser a checkpoint
    is the whole state: a training that was killed goes on to the same result.

    Args:
        network: changed in place.
        samples: to train on.
        recipe: how, its steps as `Recipe.for_samples` has them.
        run: folder of the run.
        compute: device, and the processes that share each batch.
        validation: samples that are only scored.
        watch: told of validations.

    Returns:
        A network with the averaged weights, in evaluation mode, on the CPU.

    Raises:
        ValueError: the checkpoint is of another recipe or other samples, or the recipe ends before
            its average begins.
    """
    if recipe.average_from is not None and recipe.average_from >= recipe.steps:
        raise ValueError(f"average_from {recipe.average_from} is not below steps {recipe.steps}")
    run.mkdir(parents=True, exist_ok=True)
    kind = EveryPatch if recipe.epochs else BatchSource
    source = kind(samples, recipe.mixture, recipe.augmentation, recipe.seed, compute)
    network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compute.world > 1:  # what gets no gradient must say so there
        network.requires_grad_(False)
        for module in network.modules_above(recipe.frozen_below):
            module.requires_grad_(True)
    parallel = over_processes(network, compute)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    average = _average(network, recipe)
    origin = {"recipe": recipe_as_dict(recipe), "samples": samples.fingerprint()}
    first = _resume(run, network, average, optimiser, source, origin)
    if compute.first:
        _drop_lines_after(run / "metrics.jsonl", first)
    boundaries = _mining_steps(recipe)
    validations = _validation_steps(recipe) if validation is not None else set()
    with (
        tqdm(
            total=recipe.steps, initial=first, desc=run.name, mininterval=5,
            disable=not compute.first,
        ) as progress,
        (run / "metrics.jsonl" if compute.first else Path(os.devnull)).open("a") as log,
        board(run, first, compute) as written,
    ):  # fmt: skip
        step = first
        while step < recipe.steps:
            if recipe.hard_negatives and step in boundaries:
                mined = _hardest(_averaged(average), samples, recipe.hard_negatives, compute)
                source.hard = np.union1d(mined, np.flatnonzero(samples.hard))
            following = [s for s in (*boundaries, recipe.steps) if s > step]
            started = time.perf_counter()
            counted = step
            for batch in source.steps(step, min(following)):
                losses = _step(network, parallel, optimiser, batch, recipe, compute, step)
                if step <= (recipe.average_from or 0):
                    average.n_averaged.zero_()  # what was averaged before does not count
                average.update_parameters(network)
                step += 1
                progress.update()
                if step % LOG_EVERY == 0 or step == recipe.steps:
                    values = compute.mean(losses)
                    done = (step - counted) * recipe.mixture.size
                    rate = done / (time.perf_counter() - started)
                    started, counted = time.perf_counter(), step
                    log.write(json.dumps({"step": step, **values, "patches_per_s": rate}) + "\n")
                    log.flush()
                    written(step, {**values, "patches_per_s": rate})
                    progress.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
                if validation is not None and step in validations:
                    found = validate(_averaged(average), validation, compute)
                    log.write(json.dumps({"step": step, **found}) + "\n")
                    log.flush()
                    written(step, found)
                    if watch is not None:
                        watch(step, found)
                every = recipe.checkpoint_every or CHECKPOINT_EVERY
                if compute.first and (step % every == 0 or step == recipe.steps):
                    _checkpoint(run, network, average, optimiser, source, step, origin)
    compute.wait()
    return _averaged(average).cpu().eval()


def _average(network: MitosisNetwork, recipe: Recipe) -> AveragedModel:
    mean = get_ema_avg_fn(recipe.averaging) if recipe.average_from is None else get_swa_avg_fn()
    return AveragedModel(network, avg_fn=mean, use_buffers=True)


def _averaged(average: AveragedModel) -> MitosisNetwork:
    assert isinstance(average.module, MitosisNetwork)
    return average.module


def _step(
    network: MitosisNetwork,
    parallel: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    recipe: Recipe,
    compute: Compute,
    step: int,
) -> dict[str, torch.Tensor]:
    """One step of the optimiser; the losses and accuracies of its batch.

    A loss is the sum over this process's samples by the mean number a process has of them, so the
    mean over the processes is that of the whole batch, for gradients and numbers alike.
    """
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate * _schedule(step, recipe)
    device = compute.device
    patches, mitotic, domain = (values.to(device, non_blocking=True) for values in batch[:3])
    patches = normalise(patches).contiguous(memory_format=torch.channels_last)
    cut = recipe.frozen_below
    weight = recipe.reversal_weight * _reversal_schedule(step / recipe.steps)
    parallel.eval()
    for module in network.modules_above(cut):
        module.train()
    with arithmetic(compute.precision, device):
        with torch.no_grad():
            activations = network.below(patches, cut)
        mitosis, scanner = parallel(activations, cut, weight)
    inside = domain != NO_DOMAIN
    # The target's logit has no examples before adaptation: it takes no part here.
    scanner, domain = scanner[inside, : network.source_domains].float(), domain[inside]
    every, with_domain = (batch.counts.clamp(min=1) / compute.world).tolist()
    mitosis_loss = cross_entropy(mitosis.float(), mitotic, reduction="sum") / every
    scanner_loss = cross_entropy(scanner, domain, reduction="sum") / with_domain
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    return {
        "mitosis_loss": mitosis_loss,
        "scanner_loss": scanner_loss,
        "mitosis_accuracy": (mitosis.argmax(1) == mitotic).sum() / every,
        "scanner_accuracy": (scanner.argmax(1) == domain).sum() / with_domain,
    }


def _schedule(step: int, recipe: Recipe) -> float:
    """Share of the rate: a linear rise, then a cosine to zero, or constant."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    if recipe.schedule == "constant":
        return 1.0
    done = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.5 * (1 + math.cos(math.pi * done))


def _reversal_schedule(done: float) -> float:
    """0 to 1 along the training (Ganin et al. 2016, section 5.2.2, gamma = 10)."""
    return 2 / (1 + math.exp(-10 * done)) - 1


def _mining_steps(recipe: Recipe) -> list[int]:
    return [round(recipe.steps * i / recipe.mining_rounds) for i in range(recipe.mining_rounds)]


def _validation_steps(recipe: Recipe) -> set[int]:
    every = recipe.validate_every or recipe.steps
    return {*range(every, recipe.steps, every), recipe.steps}


def _hardest(
    network: MitosisNetwork, samples: Samples, count: int, compute: Compute = ALONE
) -> np.ndarray:
    """The negatives with the highest scores."""
    negatives = np.flatnonzero(~samples.mitotic)
    scores = score_samples(network, samples, negatives, compute=compute)
    return negatives[np.argsort(-scores, kind="stable")[:count]]


def score_samples(
    network: MitosisNetwork,
    samples: Samples,
    index: np.ndarray,
    batch_size: int = 512,
    compute: Compute = ALONE,
) -> np.ndarray:
    """(len(index),) float32 log odds of the mitotic class, without augmentation.

    The network is on the device of `compute`, whose processes share the work.
    """
    network.eval()
    mine = index[compute.rank :: compute.world]
    scores = [torch.zeros(0)]
    with torch.inference_mode(), arithmetic(compute.precision, compute.device):
        for start in tqdm(
            range(0, len(mine), batch_size), desc="scores", mininterval=5, disable=not compute.first
        ):
            cut = np.stack([samples.patch(int(i)) for i in mine[start : start + batch_size]])
            patches = normalise(torch.from_numpy(cut).to(compute.device)).contiguous(
                memory_format=torch.channels_last
            )
            logits = network(patches).mitosis.float()
            scores.append((logits[:, MITOTIC] - logits[:, 1 - MITOTIC]).cpu())
    return compute.gather(torch.cat(scores), len(index)).numpy()


def validate(
    network: MitosisNetwork, samples: Samples, compute: Compute = ALONE
) -> dict[str, float]:
    """Mean cross entropy of the mitosis branch, and its average precision over the patches."""
    scores = score_samples(network, samples, np.arange(len(samples)), compute=compute)
    losses = np.logaddexp(0, np.where(samples.mitotic, -scores, scores).astype(np.float64))
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(samples.mitotic[order])
    precision = (found / np.arange(1, len(found) + 1))[samples.mitotic[order]]
    ap = float(precision.mean()) if len(precision) else math.nan
    return {"validation_loss": float(losses.mean()), "validation_ap": ap}


def _checkpoint(
    run: Path,
    network: MitosisNetwork,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    source: BatchSource,
    step: int,
    origin: dict[str, Any],
) -> None:
    state = {
        **origin,
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "hard": torch.from_numpy(source.hard),
    }
    torch.save(state, run / "checkpoint.part")
    (run / "checkpoint.part").replace(run / "checkpoint.pt")


def _resume(
    run: Path,
    network: MitosisNetwork,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    source: BatchSource,
    origin: dict[str, Any],
) -> int:
    path = run / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, value in origin.items():
        if state.get(name) != value:
            raise ValueError(f"{path} is of another training ({name} differs): choose another run")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    source.hard = state["hard"].numpy()
    return int(state["step"])


def _drop_lines_after(log: Path, step: int) -> None:
    """Drop the lines of steps that an interrupted training took after its last checkpoint.

    They are taken again. A line that is not whole is of such a step too.
    """
    if not log.exists():
        return
    lines = log.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    log.write_text("".join(line for line in whole if json.loads(line)["step"] <= step))


def recipe_as_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as it goes into the card."""
    return asdict(recipe)

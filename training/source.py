"""Source training: both cross entropies over labelled patches (paper, section 2.2)."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from training.augmentation import Augmentation
from training.batches import Batch, BatchSource, Mixture
from training.samples import NO_DOMAIN, Samples

LOG_EVERY = 25  # steps
CHECKPOINT_EVERY = 250  # steps


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: batches.
        learning_rate: of Adam at its highest; the paper's 1.0e-5 is for 2.6 million patches an
            epoch, this one for a few hundred thousand in all.
        warm_up: steps over which the rate rises; then it follows a cosine to zero (paper).
        reversal_weight: lambda of the gradient reversal layer, reached along Ganin's schedule.
        frozen_below: cut of the network under which nothing is trained.
        averaging: decay a step of the moving average of the weights, which is what is kept.
        hard_negatives: number of highest-scored negatives that hard samples are drawn from.
        mining_rounds: how often the negatives are scored anew, evenly over the training.
        mixture, augmentation: see there.
        seed: of the batches and of the new layers.
    """

    steps: int = 2500
    learning_rate: float = 5e-4
    warm_up: int = 150
    reversal_weight: float = 0.1
    frozen_below: int = 0
    averaging: float = 0.998
    hard_negatives: int = 0
    mining_rounds: int = 1
    mixture: Mixture = field(default_factory=Mixture)
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """A recipe from a preset's tables; unknown keys are an error."""
        values = dict(values)
        mixture = Mixture(**values.pop("mixture", {}))
        augmentation = Augmentation(**values.pop("augmentation", {}))
        return cls(**values, mixture=mixture, augmentation=augmentation)


def train(network: MitosisNetwork, samples: Samples, recipe: Recipe, run: Path) -> MitosisNetwork:
    """Train a network, continuing from `run/checkpoint.pt` where there is one.

    Writes `run/metrics.jsonl` (a line every LOG_EVERY steps) and the checkpoint.

    Returns:
        A network with the averaged weights, in evaluation mode.
    """
    run.mkdir(parents=True, exist_ok=True)
    source = BatchSource(samples, recipe.mixture, recipe.augmentation, recipe.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging), use_buffers=True
    )
    first = _resume(run, network, average, optimiser, source)
    _drop_lines_after(run / "metrics.jsonl", first)
    boundaries = _mining_steps(recipe)
    with (
        tqdm(total=recipe.steps, initial=first, desc=run.name, mininterval=5) as progress,
        (run / "metrics.jsonl").open("a") as log,
    ):
        step = first
        while step < recipe.steps:
            if recipe.hard_negatives and step in boundaries:
                source.hard = _hardest(_averaged(average), samples, recipe.hard_negatives)
            following = [s for s in (*boundaries, recipe.steps) if s > step]
            started = time.perf_counter()
            for batch in source.steps(step, min(following)):
                losses = _step(network, optimiser, batch, recipe, step)
                average.update_parameters(network)
                step += 1
                progress.update()
                if step % LOG_EVERY == 0:
                    rate = LOG_EVERY * recipe.mixture.size / (time.perf_counter() - started)
                    started = time.perf_counter()
                    log.write(json.dumps({"step": step, **losses, "patches_per_s": rate}) + "\n")
                    log.flush()
                    progress.set_postfix({k: f"{v:.3f}" for k, v in losses.items()})
                if step % CHECKPOINT_EVERY == 0 or step == recipe.steps:
                    _checkpoint(run, network, average, optimiser, source, step)
    return _averaged(average).eval()


def _averaged(average: AveragedModel) -> MitosisNetwork:
    assert isinstance(average.module, MitosisNetwork)
    return average.module


def _step(
    network: MitosisNetwork,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    recipe: Recipe,
    step: int,
) -> dict[str, float]:
    """One step of the optimiser; the losses and accuracies of its batch."""
    for group in optimiser.param_groups:
        group["lr"] = recipe.learning_rate * _schedule(step, recipe)
    patches = normalise(batch.patches).contiguous(memory_format=torch.channels_last)
    cut = recipe.frozen_below
    weight = recipe.reversal_weight * _reversal_schedule(step / recipe.steps)
    network.eval()
    for module in network.modules_above(cut):
        module.train()
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            activations = network.below(patches, cut)
        mitosis, scanner = network(activations, cut, weight)
    inside = batch.domain != NO_DOMAIN
    # The target's logit has no examples before adaptation: it takes no part here.
    scanner = scanner[inside, : network.source_domains].float()
    mitosis_loss = cross_entropy(mitosis.float(), batch.mitotic)
    scanner_loss = cross_entropy(scanner, batch.domain[inside])
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    return {
        "mitosis_loss": mitosis_loss.item(),
        "scanner_loss": scanner_loss.item(),
        "mitosis_accuracy": (mitosis.argmax(1) == batch.mitotic).float().mean().item(),
        "scanner_accuracy": (scanner.argmax(1) == batch.domain[inside]).float().mean().item(),
    }


def _schedule(step: int, recipe: Recipe) -> float:
    """Linear rise, then a cosine to zero."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.5 * (1 + math.cos(math.pi * done))


def _reversal_schedule(done: float) -> float:
    """0 to 1 along the training (Ganin et al. 2016, section 5.2.2, gamma = 10)."""
    return 2 / (1 + math.exp(-10 * done)) - 1


def _mining_steps(recipe: Recipe) -> list[int]:
    return [round(recipe.steps * i / recipe.mining_rounds) for i in range(recipe.mining_rounds)]


def _hardest(network: MitosisNetwork, samples: Samples, count: int) -> np.ndarray:
    """The negatives with the highest scores."""
    negatives = np.flatnonzero(~samples.mitotic)
    scores = score_samples(network, samples, negatives)
    return negatives[np.argsort(-scores, kind="stable")[:count]]


def score_samples(
    network: MitosisNetwork, samples: Samples, index: np.ndarray, batch_size: int = 512
) -> np.ndarray:
    """(len(index),) float32 log odds of the mitotic class, without augmentation."""
    network.eval()
    scores = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in tqdm(range(0, len(index), batch_size), desc="negatives", mininterval=5):
            cut = np.stack([samples.patch(int(i)) for i in index[start : start + batch_size]])
            patches = normalise(torch.from_numpy(cut)).contiguous(memory_format=torch.channels_last)
            logits = network(patches).mitosis.float()
            scores.append((logits[:, MITOTIC] - logits[:, 1 - MITOTIC]).numpy())
    return np.concatenate(scores)


def _checkpoint(
    run: Path,
    network: MitosisNetwork,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
    source: BatchSource,
    step: int,
) -> None:
    state = {
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
) -> int:
    path = run / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
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

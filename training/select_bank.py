"""Select the source bank: patches that the trained network is sure of (paper, section 2.2).

Each domain gives as many entries. Their mitotic share is that of real candidates; a reserve of
further mitotic entries, marked as such, is for the class loss alone. A share of each kind is held
back as the split `check`. `--preset paper` takes 10,000 patches of each domain, 10 of them mitotic.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from model.activations import activations_below
from model.network import CUTS, MitosisNetwork
from model.precision import choose_device, choose_precision
from model.source_bank import BANK_FILE, SourceBank, quantise, save_bank
from model.weights import file_sha256, load_weights
from training.bank_report import write_report
from training.compute import Compute
from training.data_folder import FolderChoice
from training.midog_data import MidogChoice
from training.patch_scores import score_samples
from training.runs import load_run
from training.samples import Samples, match_borders

MIN_BORDER = 12.0  # px: negatives nearer to a crop's border are mostly mirror image


@dataclass(frozen=True)
class Selection:
    """How many entries a domain gives.

    Attributes:
        negatives: confident negatives.
        mitotic_share: of the entries outside the reserve. Of the candidates of fields_a A00-A02
            0.2 % are mitotic (102 of 55,200); the paper takes 10 of 10,000.
        reserve: further mitotic entries.
        check: share of each kind that is held back.
        confidence: least probability of the entry's own class.
    """

    negatives: int = 600
    mitotic_share: float = 0.002
    reserve: int = 80
    check: float = 0.2
    confidence: float = 0.9


# Paper, section 3: 10,000 patches a scanner, ten of them mitotic, all adapted with.
PAPER = Selection(negatives=9990, mitotic_share=0.001, reserve=0, check=0.0)
SELECTIONS = {"default": Selection(), "paper": PAPER}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if bool(options.run) == bool(options.data):
        parser.error("either DATA or --run RUN")
    network, card = load_weights(options.weights)
    samples = (
        MidogChoice.of_run(load_run(options.run)[1]).load().training_samples()
        if options.run
        else FolderChoice.of_card(card.values).load(options.data)
    )
    if samples.domains != card.domains:
        print(
            f"error: the weights know {card.domains}, the data {samples.domains}", file=sys.stderr
        )
        return 2
    asked = {name: getattr(options, name) for name in asdict(PAPER)}
    given = {name: value for name, value in asked.items() if value is not None}
    selection = replace(SELECTIONS[options.preset], **given)
    bank, entries = select(network, samples, selection, options.cut, card.sha256, options.seed)
    save_bank(options.out, bank, entries)
    size = (options.out / BANK_FILE).stat().st_size / 2**20
    write_report(options.report, samples, entries, asdict(selection) | {
        "cut": bank.cut, "weights_sha256": card.sha256,
        "bank_sha256": file_sha256(options.out / BANK_FILE),
    })  # fmt: skip
    print(report(bank))
    print(f"wrote {options.out / BANK_FILE}: {len(bank)} entries at cut {bank.cut}, {size:.1f} MiB")
    return 0


def select(
    network: MitosisNetwork,
    samples: Samples,
    selection: Selection,
    cut: int,
    weights_sha256: str,
    seed: int = 0,
) -> tuple[SourceBank, list[dict[str, object]]]:
    """The bank and the rows of its `entries.csv`.

    Raises:
        ValueError: a domain has too few confident patches of a class.
    """
    random = np.random.default_rng(seed)
    match_borders(samples, random)
    far = samples.mitotic | (samples.borders.min(axis=1) >= MIN_BORDER)
    usable = np.flatnonzero(far & samples.labelled & (samples.domain >= 0))
    device = choose_device("auto")
    compute = Compute(device, choose_precision("auto", device))
    log_odds = score_samples(network.to(device), samples, usable, compute=compute)
    confidence = 1 / (1 + np.exp(-np.where(samples.mitotic[usable], log_odds, -log_odds)))
    chosen, check, reserve = _choose(samples, usable, confidence, selection, random)
    sure = dict(zip(usable.tolist(), confidence.tolist(), strict=True))
    values, scales = _values(network, samples, chosen, cut)
    bank = SourceBank(
        cut=cut,
        values=values,
        scales=scales,
        domain=torch.from_numpy(samples.domain[chosen].astype(np.int64)),
        mitotic=torch.from_numpy(samples.mitotic[chosen].astype(np.int64)),
        check=torch.from_numpy(check),
        reserve=torch.from_numpy(reserve),
        domains=samples.domains,
        weights_sha256=weights_sha256,
    )
    rows = [
        _row(samples, int(index), sure[int(index)], bool(held), bool(extra))
        for index, held, extra in zip(chosen, check, reserve, strict=True)
    ]
    return bank, rows


def report(bank: SourceBank) -> str:
    """A line a domain: entries by class and split."""
    lines = []
    for index, name in enumerate(bank.domains):
        here = bank.domain == index
        mitotic = here & (bank.mitotic == 1)
        lines.append(
            f"{name}: {int((here & ~mitotic).sum())} negatives, "
            f"{int((mitotic & ~bank.reserve).sum())} mitotic, "
            f"{int((mitotic & bank.reserve).sum())} mitotic in reserve, "
            f"{int((here & bank.check).sum())} of all held back"
        )
    return "\n".join(lines)


def _choose(
    samples: Samples,
    usable: np.ndarray,
    confidence: np.ndarray,
    selection: Selection,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the samples chosen, whether each is held back, whether each is of the reserve."""
    share = selection.mitotic_share
    prior = max(round(selection.negatives * share / (1 - share)), 1)
    confident = usable[confidence >= selection.confidence]
    chosen: list[np.ndarray] = []
    check: list[np.ndarray] = []
    reserve: list[np.ndarray] = []
    for domain, name in enumerate(samples.domains):
        here = confident[samples.domain[confident] == domain]
        for mitotic, extra, count in (
            (False, False, selection.negatives),
            (True, False, prior),
            (True, True, selection.reserve),
        ):
            taken = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
            pool = np.setdiff1d(here[samples.mitotic[here] == mitotic], taken)
            # A domain with few mitotic figures gives what it has to the reserve.
            count = min(count, len(pool)) if extra else count
            if len(pool) < count:
                raise ValueError(
                    f"{name} has {len(pool)} confident {'mitotic' if mitotic else 'negative'} "
                    f"patches, {count} are asked for: lower --negatives or --confidence"
                )
            chosen.append(random.choice(pool, count, replace=False))
            # Of the few at the prior none is held back: the reserve's stand in for them.
            held = round(count * selection.check) if extra or not mitotic else 0
            check.append(np.arange(count) < held)
            reserve.append(np.full(count, extra))
    return np.concatenate(chosen), np.concatenate(check), np.concatenate(reserve)


def _values(
    network: MitosisNetwork, samples: Samples, index: np.ndarray, cut: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the bank stores of the samples: pixels at cut 0, else int8 activations and scales."""
    patches = torch.from_numpy(np.stack([samples.patch(int(i)) for i in index]))
    if cut == 0:
        return patches, torch.zeros(0)
    network.to(choose_device("auto"))
    return quantise(activations_below(network, patches, cut, "fp32").cpu())


def _row(
    samples: Samples, index: int, confidence: float, check: bool, reserve: bool
) -> dict[str, object]:
    image = samples.images[samples.image[index]]
    scanner, _, lab = (
        image.domain.rpartition("_") if "_" in image.domain else (image.domain, "", "")
    )
    x, y = samples.centres[index]
    return {
        "scanner": scanner,
        "lab": lab,
        "slide": image.slide,
        "file": image.file,
        "x": round(float(x), 1),
        "y": round(float(y), 1),
        "mitotic": int(samples.mitotic[index]),
        "confidence": round(confidence, 5),
        "split": "check" if check else "adapt",
        "reserve": int(reserve),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.select_bank", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="folder with crops/ and fields_a/")
    parser.add_argument("--run", type=Path, help="instead: a run of training.train --midog")
    parser.add_argument(
        "--preset",
        choices=sorted(SELECTIONS),
        default="default",
        help="numbers that the options below replace [%(default)s]",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("runs/bank_report"),
        help="folder for report.json and contact_sheet.png, which shows the images: not for "
        "publication [%(default)s]",
    )
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="[%(default)s]")
    parser.add_argument("--out", type=Path, default=Path("source_bank"), help="[%(default)s]")
    parser.add_argument(
        "--cut",
        type=int,
        choices=CUTS,
        default=3,
        help="layers up to it stay as they are; 0 stores pixels, which the "
        "licence of the images must allow [%(default)s]",
    )
    for field, kind in (
        ("negatives", int), ("mitotic-share", float), ("reserve", int), ("check", float),
        ("confidence", float),
    ):  # fmt: skip
        values = [f"{n}: {getattr(s, field.replace('-', '_'))}" for n, s in SELECTIONS.items()]
        parser.add_argument(f"--{field}", type=kind, help=f"[{', '.join(values)}]")
    parser.add_argument("--seed", type=int, default=0, help="[%(default)s]")
    return parser


if __name__ == "__main__":
    sys.exit(main())

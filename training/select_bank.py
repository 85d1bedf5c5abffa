"""Select the source bank: patches that the trained network is sure of (paper, section 2.2).

Each domain has the same number of entries, at the mitotic share of real candidates, and a reserve
of further mitotic entries for the class loss alone. A share of each kind is held back as the split
`check`. `--preset paper` takes 10,000 patches of each domain, 10 of them mitotic.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path

from model.hashes import file_sha256
from model.network import CUTS, MitosisNetwork
from model.source_bank import BANK_FILE, SourceBank, save_bank
from model.weights import load_weights
from training.bank_report import write_report
from training.bank_selection import Selection, select
from training.data_folder import FolderChoice
from training.midog_data import MidogChoice
from training.runs import load_run
from training.samples import Samples

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
        known = f"the weights know {card.domains}, the data {samples.domains}"
        print(f"error: {known}", file=sys.stderr)
        return 2
    try:
        write_bank(options, network, samples, card.sha256)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write_bank(
    options: argparse.Namespace, network: MitosisNetwork, samples: Samples, weights_sha256: str
) -> None:
    """Select the bank, write it and its report.

    Raises:
        ValueError: a domain has too few confident patches of a class.
    """
    asked = {name: getattr(options, name) for name in asdict(PAPER)}
    given = {name: value for name, value in asked.items() if value is not None}
    selection = replace(SELECTIONS[options.preset], **given)
    bank, entries = select(network, samples, selection, options.cut, weights_sha256, options.seed)
    save_bank(options.out, bank, entries)
    size = (options.out / BANK_FILE).stat().st_size / 2**20
    write_report(options.report, samples, entries, asdict(selection) | {
        "cut": bank.cut, "weights_sha256": weights_sha256,
        "bank_sha256": file_sha256(options.out / BANK_FILE),
    })  # fmt: skip
    print(report(bank))
    print(f"wrote {options.out / BANK_FILE}: {len(bank)} entries at cut {bank.cut}, {size:.1f} MiB")


def report(bank: SourceBank) -> str:
    """A line for each domain: entries by class and split."""
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

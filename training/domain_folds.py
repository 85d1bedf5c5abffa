"""Train one network per domain of the crops, each without that domain: DATA RUNS.

RUNS gets a folder no_DOMAIN each; finished ones are kept. `training.threshold` and
`experiments.left_out_domains` score the domain that a network has not seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from model.hashes import file_sha256
from model.source_bank import BANK_FILE, SourceBank, load_bank, save_bank
from training import train
from training.bank_selection import Selection, select
from training.compute import add_compute_options
from training.crops import crop_domains
from training.data_folder import FolderChoice
from training.runs import NETWORK_FILE, RUN_FILE, load_run

RECIPE = Path(__file__).with_name("domain_fold.toml")
BANK_CUT = 3


class FoldError(ValueError):
    """A run is not a fold that leaves out the domain."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.domain_folds", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with crops/ and crops_md/")
    parser.add_argument("runs", type=Path, help="folder of the trained networks")
    add_fold_options(parser)
    add_compute_options(parser)
    options = parser.parse_args(arguments)
    for domain in options.domains:
        words = ["--seed", str(options.seed), "--device", options.device]
        words += ["--precision", options.precision]
        try:
            print(train_fold(options.data, options.runs, domain, options.preset, words))
        except FoldError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


def add_fold_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose domains and recipe."""
    parser.add_argument(
        "--domains",
        nargs="+",
        choices=crop_domains(),
        default=crop_domains(),
        metavar="DOMAIN",
        help="to be left out, one after the other [all seven]",
    )
    parser.add_argument(
        "--preset", default=str(RECIPE), help="of the networks [training/domain_fold.toml]"
    )


def train_fold(
    data: Path, runs: Path, domain: str, preset: str, options: list[str] | None = None
) -> Path:
    """The finished run without a domain, trained if it does not exist.

    Args:
        data: the data folder.
        runs: folder of the folds.
        domain: to leave out.
        preset: of the network.
        options: further words for `training.train`.

    Raises:
        FoldError: the training failed, or an existing run was trained on the domain.
    """
    folder = runs / f"no_{domain}"
    if not (folder / RUN_FILE).exists():
        words = [str(data), str(folder), "--preset", preset, "--leave-out-domain", domain]
        if train.main(words + (options or [])):
            raise FoldError(f"the training of {folder} failed")
    if left_out_domain(folder) != domain:
        raise FoldError(f"{folder} did not leave out {domain}")
    return folder


def left_out_domain(run: Path) -> str | None:
    """The domain that a run was trained without."""
    _, summary = load_run(run)
    domain = FolderChoice.of_run(summary).left_out_domain
    return None if domain in summary["domains"] else domain


def fold_bank(data: Path, fold: Path, selection: Selection) -> SourceBank:
    """The bank of a fold, selected and stored beside its network if it does not exist."""
    network, summary = load_run(fold)
    sha256 = file_sha256(fold / NETWORK_FILE)
    if not (fold / BANK_FILE).exists():
        samples = FolderChoice.of_run(summary).load(data)
        bank, entries = select(network, samples, selection, BANK_CUT, sha256)
        save_bank(fold, bank, entries)
    return load_bank(fold, sha256, summary["domains"])


if __name__ == "__main__":
    sys.exit(main())

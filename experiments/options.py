"""Options that several experiments share."""

from __future__ import annotations

import argparse
from pathlib import Path

from batch.options import shipped
from experiments.adaptations.registry import ARMS
from experiments.cases import SCANNERS
from experiments.schedules import SCHEDULES, SHIPPED


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Which images, which weights and bank, and where the results go."""
    add = parser.add_argument
    add("fields", type=Path, help="folder of images and ground_truth.json")
    add("out", type=Path, help="folder for the results; an interrupted run continues from it")
    add_weight_options(parser)
    add("--only", default="*", metavar="PATTERN", help="stems of images [%(default)s]")
    add("--scanners", choices=SCANNERS, default="none", help="virtual scanners [%(default)s]")


def add_weight_options(parser: argparse.ArgumentParser) -> None:
    """Which weights and bank."""
    add = parser.add_argument
    add("--weights", type=Path, default=shipped("weights"), metavar="DIR", help="[the shipped]")
    add(
        "--source-bank",
        type=Path,
        default=shipped("source_bank"),
        metavar="DIR",
        help="made with these weights [the shipped]",
    )


def add_arm_options(parser: argparse.ArgumentParser) -> None:
    """Which arms, and how often each."""
    add = parser.add_argument
    add("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM", help="[all]")
    add(
        "--schedule",
        nargs="+",
        choices=SCHEDULES,
        default=[SHIPPED],
        help="paper: the published one; short: a tenth of its steps at ten times its rate; several "
        f"are compared [{SHIPPED}]",
    )
    add(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="with several the table has their standard deviation [0]",
    )
    add("--unguarded", action="store_true", help="use every adaptation, whatever the guard decides")

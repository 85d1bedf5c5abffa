"""Turns the options of the command line into a detector and the settings of a folder."""

from __future__ import annotations

import argparse
import platform
from typing import Any

import torch

from batch.documents import Hash, Record, Settings
from batch.folder import FolderSettings
from batch.options import shipped
from batch.reading import memory_limit
from batch.terminal import Terminal
from model import __version__
from model.detector import Detector
from slide.memory import MemoryBudget

OF_DETECTOR = (
    "weights", "source_bank", "adaptation", "device", "precision", "reversal_weight", "threshold",
    "candidates", "time_budget", "diagnostics", "epochs", "learning_rate", "batch_size",
    "max_steps", "seed",
)  # fmt: skip


def load_detector(options: argparse.Namespace) -> Detector:
    """The detector of these options: weights and bank verified and loaded, once.

    Raises:
        ValueError: weights, bank or device cannot be used; the message says why.
    """
    return Detector.load(**{name: getattr(options, name) for name in OF_DETECTOR})


def folder_settings(
    options: argparse.Namespace, detector: Detector, terminal: Terminal | None = None
) -> FolderSettings:
    """What these options say about the folder, its results and its terminal."""
    terminal = terminal or Terminal(options.quiet, options.verbose)
    if detector.bank is None and options.source_bank != shipped("source_bank"):
        terminal.warn(f"--source-bank is not used: --adaptation {options.adaptation} needs none")
    budget = detector.memory_budget(memory_limit(options.max_memory))
    return settings_without_detector(options, _record(options, detector), terminal, budget)


def settings_without_detector(
    options: argparse.Namespace,
    record: Record,
    terminal: Terminal,
    budget: MemoryBudget | None = None,
) -> FolderSettings:
    """The settings of a folder whose images other processes may detect in."""
    return FolderSettings(
        input=options.input,
        output=options.output,
        record=record,
        output_format=options.output_format,
        mpp=options.mpp,
        budget=budget,
        resume=options.resume,
        terminal=terminal,
        manifest=options.manifest,
        roi=options.roi,
    )


def _record(options: argparse.Namespace, detector: Detector) -> Record:
    """How the results are made, for `result.json`."""
    return Record(
        settings=Settings(**_settings(options, detector)),
        versions={"python": platform.python_version(), "torch": str(torch.__version__)},
        weights=Hash(sha256=detector.weights_sha256),
        source_bank=Hash(sha256=detector.bank_sha256),
    )


def _settings(options: argparse.Namespace, detector: Detector) -> dict[str, Any]:
    """The settings that decide on the result, as they were chosen in the end."""
    schedule = detector.settings.schedule
    return {
        "version": __version__,
        "adaptation": options.adaptation,
        "candidates": detector.settings.candidates,
        "threshold": detector.settings.threshold,
        "mpp": options.mpp,
        "output_format": options.output_format,
        "epochs": schedule.epochs,
        "learning_rate": schedule.learning_rate,
        "batch_size": schedule.batch_size,
        "max_steps": schedule.max_steps,
        "reversal_weight": schedule.reversal_weight,
        "seed": options.seed,
        "device": detector.device.type,
        "precision": schedule.precision,
        "time_budget": options.time_budget,
        "diagnostics": options.diagnostics,
        "hpf_area": options.hpf_area,
    }

"""What is released: a share of the last stage, the rest of the stage before."""

from __future__ import annotations

from pathlib import Path

import torch

from training.averaging import SHARE, released_network
from training.runs import load_run


def test_trunk_and_mitosis_branch_are_averaged(runs: dict[str, Path]) -> None:
    before, after = (load_run(runs[name])[0].state_dict() for name in ("crops", "fields"))
    released = released_network(runs["fields"]).state_dict()
    assert not torch.equal(after["mitosis.0.weight"], before["mitosis.0.weight"])
    for name, value in released.items():
        if name.startswith("scanner") or not value.is_floating_point():
            assert torch.equal(value, after[name]), name
        else:
            expected = SHARE * after[name] + (1 - SHARE) * before[name]
            torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-7)


def test_a_first_stage_is_released_as_it_is(runs: dict[str, Path]) -> None:
    stage = load_run(runs["crops"])[0].state_dict()
    released = released_network(runs["crops"]).state_dict()
    assert all(torch.equal(value, stage[name]) for name, value in released.items())

"""The reader and inputs.json on mutated files: a short run of what `python -m test.fuzz` does.

A finding of the long runs is kept in FINDINGS, as the bytes themselves or as code that makes them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import slide.checks
from batch.inputs import Inputs
from test.fuzz.__main__ import main, summary
from test.fuzz.seeds import SEEDS, inputs_seeds, reader_seeds
from test.fuzz.tags import changed_tags
from test.fuzz.targets import KINDS, MAX_PIXELS, TARGETS, Target

# target, what it was, bytes
FINDINGS = [
    pytest.param("inputs", b"[" * 2000, id="nested too deep: RecursionError of the decoder"),
    pytest.param("inputs", b'{"a":' * 2000, id="objects nested too deep"),
    pytest.param("inputs", b'[{"socket": {"slug": "%s"}}]' % (b"a" * 300), id="name too long"),
    pytest.param("inputs", b'[{"socket": {"slug": "\\ud800"}}]', id="a lone surrogate"),
    pytest.param("inputs", b" " * (2 << 20) + b"[]", id="too large a file"),
]


@pytest.fixture(scope="module", params=sorted(TARGETS))
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Target, Path, list[bytes]]]:
    """A target, its folder, and its seeds."""
    folder = tmp_path_factory.mktemp(request.param)
    seeds = list(SEEDS[request.param](tmp_path_factory.mktemp("seeds")))
    limit = slide.checks.MAX_PIXELS
    TARGETS[request.param].prepare(folder)
    yield TARGETS[request.param], folder, seeds
    slide.checks.MAX_PIXELS = limit


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """Some bytes overwritten, put in, left out or repeated, mostly near the start."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        last = len(data) if draw(st.booleans()) else min(len(data), 300)
        place = draw(st.integers(0, last))
        length = draw(st.sampled_from((0, 1, 1, 2, 4, 8)))
        new = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from((0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF)).map(lambda b: bytes([b]) * 4),
                st.just(bytes(data[place : place + 200])),
            )
        )
        data[place : place + length] = new
    if draw(st.integers(0, 5)) == 0:
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@settings(
    max_examples=400, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_mutated_seeds(target: tuple[Target, Path, list[bytes]], data: st.DataObject) -> None:
    check, folder, seeds = target[0].check, target[1], target[2]
    check(data.draw(st.sampled_from(seeds).flatmap(mutated)), folder)


def test_seeds_themselves(target: tuple[Target, Path, list[bytes]]) -> None:
    for seed in target[2]:
        target[0].check(seed, target[1])


@pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.slow)])
def test_every_tag_of_every_tiff_at_its_extremes(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64,000 files, of which the default run takes one in 41."""
    monkeypatch.setattr(slide.checks, "MAX_PIXELS", MAX_PIXELS)
    (tmp_path / "seeds").mkdir()
    tried = 0
    for seed in reader_seeds(tmp_path / "seeds"):
        for data in islice(changed_tags(seed[1:]), 0, None, step):
            TARGETS["reader"].check(seed[:1] + data, tmp_path)
            tried += 1
    assert tried > 50_000 / step


@pytest.mark.parametrize(("name", "data"), FINDINGS)
def test_findings(name: str, data: bytes, tmp_path: Path) -> None:
    TARGETS[name].prepare(tmp_path)
    TARGETS[name].check(data, tmp_path)


def test_a_broken_promise_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks can fail: a reader that lets a decoder's error through, a list of other files."""
    seed = next(iter(reader_seeds(tmp_path)))
    monkeypatch.setattr("test.fuzz.targets.read_image", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        TARGETS["reader"].check(seed, tmp_path)
    TARGETS["inputs"].prepare(tmp_path)
    outside = Inputs(tmp_path / "input", [tmp_path / "outside.tif"], [])
    monkeypatch.setattr("test.fuzz.targets.find_images", lambda _: outside)
    with pytest.raises(AssertionError):
        TARGETS["inputs"].check(b"[]", tmp_path)


def test_seeds_of_every_kind(tmp_path: Path) -> None:
    kinds = {seed[0] for seed in reader_seeds(tmp_path)}
    assert kinds >= {index for index, (suffix, mpp) in enumerate(KINDS) if mpp is None}
    assert len(list(inputs_seeds(tmp_path))) >= 20


# -------------------------------------------------------------------------------------- the command


def test_without_atheris_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("test.fuzz.__main__.find_spec", lambda _: None)
    assert main(["reader"]) == 2
    assert "pip install -r requirements-fuzz.txt" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seconds", "1", "--corpus", str(tmp_path), "--json", str(tmp_path / "figures")]
    assert main(["inputs", *options]) == 0
    assert '"findings": []' in capsys.readouterr().out
    assert (tmp_path / "figures").is_file()


def test_summary_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "crash-1").touch()
    log = "stat::number_of_executed_units: 20\nstat::peak_rss_mb:              783\n"
    assert summary("inputs", 77, log, tmp_path) == {
        "target": "inputs", "inputs_tried": 20, "inputs_kept": None, "peak_rss_mib": 783,
        "status": 77, "findings": [str(tmp_path / "crash-1")],
    }  # fmt: skip

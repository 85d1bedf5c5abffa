"""Networks that have not seen a domain, and their banks."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import domain_folds, train
from training.bank_selection import Selection
from training.crops import crop_domains
from training.domain_folds import FoldError, fold_bank, left_out_domain, main, train_fold
from training.preset import read_preset
from training.recipe import Recipe
from training.runs import load_run

XR, VIENNA = "hamamatsu_xr_utrecht", "pannoramic_scan_ii_vienna"
TINY = """
whole_fields = false
crop_sets = ["crops", "crops_md"]
[recipe]
steps = 2
warm_up = 1
averaging = 0.5
[recipe.mixture]
size = 28
"""


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preset") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def folds(data: Path, preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("folds")
    assert main([str(data), str(runs), "--domains", XR, VIENNA, "--preset", str(preset)]) == 0
    return runs


def test_the_recipe_is_one_of_twenty_minutes() -> None:
    recipe = Recipe.from_dict(read_preset(str(domain_folds.RECIPE))["recipe"])
    patches = recipe.steps * recipe.mixture.size
    assert patches / (20 * 60) < 145, "patches/s of two cores in full precision"


@pytest.mark.parametrize("domain", [XR, VIENNA])
def test_a_fold_is_trained_on_the_other_domains(folds: Path, domain: str) -> None:
    _, summary = load_run(folds / f"no_{domain}")
    assert left_out_domain(folds / f"no_{domain}") == domain
    assert summary["domains"] == [name for name in crop_domains() if name != domain]
    assert summary["mitotic"] == (32 - 8 if domain == XR else 32 - 4)


def test_a_finished_fold_is_kept(
    data: Path, preset: Path, folds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "main", lambda _: pytest.fail("trained again"))
    assert train_fold(data, folds, XR, str(preset)) == folds / f"no_{XR}"


def test_a_run_that_has_seen_the_domain_is_not_its_fold(
    data: Path, preset: Path, runs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / f"no_{XR}").symlink_to(runs["crops"])
    with pytest.raises(FoldError, match="did not leave out"):
        train_fold(data, tmp_path, XR, str(preset))


def test_the_bank_of_a_fold_has_its_domains_and_is_selected_once(data: Path, folds: Path) -> None:
    small = Selection(negatives=3, reserve=2, check=0.5, confidence=0.0)
    bank = fold_bank(data, folds / f"no_{XR}", small)
    assert XR not in bank.domains and len(bank.domains) == 6
    again = fold_bank(data, folds / f"no_{XR}", Selection(negatives=10**6))
    assert again.sha256 == bank.sha256

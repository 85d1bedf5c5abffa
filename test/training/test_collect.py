"""From a clone of the public repository to a data folder."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from training.collect import CLASSES, FOLDERS, MANIFESTS, CloneError, collect, find_crops, main
from training.crops import AMI_BR, ATNORM_MD, CROP_SETS, SCANNERS
from training.samples import read_rgb
from training.tables import read_table

HEADER = "file,scanner,dataset,slide,atypical\n"
ROWS = {
    AMI_BR: ["MIDOG21_1.png,hamamatsu_xr,MIDOG21,1.tiff,0", "TUPAC16_2.png,aperio_xt,TUPAC16,2,1"],
    ATNORM_MD: ["7.png,3dhistech,MIDOG++,248.tiff,1"],
}


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    folder = tmp_path / "manifests"
    folder.mkdir()
    for crop_set, rows in ROWS.items():
        (folder / f"{crop_set}.csv").write_text(HEADER + "\n".join(rows) + "\n")
        (folder / f"{crop_set}_other_annotations.csv").write_text("file,px,py,label\n")
    return folder


@pytest.fixture
def clone(tmp_path: Path, manifests: Path) -> Path:
    """A clone with the crops of the manifests, and one more that no manifest lists."""
    folder = tmp_path / "clone"
    for name in FOLDERS.values():
        for kind in CLASSES:
            (folder / name / kind).mkdir(parents=True)
    paths = [path for crop_set in FOLDERS for path in find_crops(folder, crop_set, manifests)]
    for number, path in enumerate([*paths, folder / "AtNorM-MD" / "Normal" / "8.png"]):
        Picture.new("RGB", (128, 128), (number, 0, 0)).save(path)
    return folder


def test_the_crops_of_the_manifests_are_copied(
    clone: Path, manifests: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert collect(clone, data, manifests) == {AMI_BR: 2, ATNORM_MD: 1}
    assert read_rgb(data / "crops" / "patches" / "TUPAC16_2.png")[0, 0].tolist() == [1, 0, 0]
    assert [path.name for path in (data / "crops_md" / "patches").iterdir()] == ["7.png"]
    for crop_set in CROP_SETS:
        table = (data / crop_set / "manifest.csv").read_text()
        assert table == (manifests / f"{crop_set}.csv").read_text()
        assert (data / crop_set / "other_annotations.csv").read_text() == "file,px,py,label\n"


def test_a_partial_clone_names_what_is_missing_and_writes_nothing(
    clone: Path, manifests: Path, tmp_path: Path
) -> None:
    (clone / "AMi-Br" / "Normal" / "MIDOG21_1.png").unlink()
    (clone / "AtNorM-MD" / "Atypical" / "7.png").write_bytes(b"version https://git-lfs")
    with pytest.raises(CloneError) as error:
        collect(clone, tmp_path / "data", manifests)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"{clone / 'AMi-Br'}: 1 of 2 crops are missing or damaged")
    assert lines[1].strip() == "AMi-Br/Normal/MIDOG21_1.png: missing"
    assert lines[2].endswith(f"git -C {clone} restore .")
    assert "7.png: not a readable image" in lines[3]
    assert not (tmp_path / "data").exists()


def test_crops_of_another_size_are_refused(clone: Path, manifests: Path, tmp_path: Path) -> None:
    Picture.new("RGB", (64, 64)).save(clone / "AMi-Br" / "Atypical" / "TUPAC16_2.png")
    with pytest.raises(CloneError, match="64x64 px, RGB: 128x128 px in colour are expected"):
        collect(clone, tmp_path / "data", manifests)


def test_something_else_than_the_clone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "data")]) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path / 'AMi-Br' / 'Normal'} is missing" in message
    assert "git clone https://github.com/DeepMicroscopy/AMi-Br_Benchmark" in message


def test_shipped_manifests() -> None:
    """Counts of README and issue: 3,720 crops of five domains, 1,507 of three."""
    for crop_set, expected in ((AMI_BR, 3720), (ATNORM_MD, 1507)):
        rows = read_table(MANIFESTS / f"{crop_set}.csv")
        assert len({row["file"] for row in rows}) == len(rows) == expected
        assert {row["scanner"] for row in rows} == set(SCANNERS[crop_set])
        others = read_table(MANIFESTS / f"{crop_set}_other_annotations.csv")
        assert {row["file"] for row in others} <= {row["file"] for row in rows}
        assert {row["label"] for row in others} == {"mitosis", "hard_negative"}
        assert all(0 <= float(row[name]) < 128 for row in others for name in ("px", "py"))


# ------------------------------------------------------------------------------------ the real data


def test_a_clone_rebuilt_from_real_data(real_data: Path, tmp_path: Path) -> None:
    """The clone's tree, out of a data folder; what is collected from it are the same crops."""
    clone, data = tmp_path / "clone", tmp_path / "data"
    _rebuild_clone(real_data, clone)
    assert main([str(clone), str(data)]) == 0
    for crop_set in CROP_SETS:
        given = read_table(real_data / crop_set / "manifest.csv")
        made = read_table(data / crop_set / "manifest.csv")
        facts = ("scanner", "dataset", "slide", "x", "y")
        assert [[r[f] for f in facts] for r in made] == [[r[f] for f in facts] for r in given]
        assert len(list((data / crop_set / "patches").iterdir())) == len(given)
        for old, new in random.Random(0).sample(list(zip(given, made, strict=True)), 50):
            pixels = read_rgb(data / crop_set / "patches" / new["file"])
            expected = read_rgb(real_data / crop_set / "patches" / old["file"])
            np.testing.assert_array_equal(pixels, expected)
        labels = [
            Counter(row["label"] for row in read_table(folder / crop_set / "other_annotations.csv"))
            for folder in (real_data, data)
        ]
        assert labels[0] == labels[1]


def _rebuild_clone(data: Path, clone: Path) -> None:
    for crop_set, name in FOLDERS.items():
        for kind in CLASSES:
            (clone / name / kind).mkdir(parents=True)
        for row in read_table(data / crop_set / "manifest.csv"):
            crop = data / crop_set / "patches" / row["file"]
            kind = CLASSES[row["majority_atypical"] == "True"]
            path = (clone / name / kind / row["file"]).with_suffix(".png")
            if crop.suffix == ".png":
                os.symlink(crop, path)
            else:
                with Picture.open(crop) as picture:
                    picture.save(path, compress_level=0)

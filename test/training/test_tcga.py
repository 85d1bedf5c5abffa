"""Unlabelled fields of hospitals: their domains and candidates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from test.rendering import render_tissue
from training.crops import AMI_BR
from training.data_folder import FolderChoice
from training.samples import Samples
from training.tcga import add_unlabelled_fields, field_paths, unlabelled_domains

FILES = ("TCGA-18-5592-01Z.jpg", "TCGA-2Z-A9J9-01A.jpg", "TCGA-18-0001-01Z.jpg")


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    folder = data / "fields_tcga" / "images"
    folder.mkdir(parents=True)
    for number, file in enumerate(FILES):
        pixels, _ = render_tissue((250, 250), 0, seed=number)
        Picture.fromarray(pixels).save(folder / file, quality=95)
    return data


def test_a_domain_for_each_hospital_or_one_for_all(fields: Path, tmp_path: Path) -> None:
    assert unlabelled_domains(fields, "each") == ["tcga_18", "tcga_2z"]
    assert unlabelled_domains(fields, "grouped") == ["tcga"]
    assert unlabelled_domains(tmp_path, "none") == []
    with pytest.raises(ValueError, match="has no fields"):
        unlabelled_domains(tmp_path, "each")


@pytest.mark.parametrize("unlabelled", ["grouped", "each"])
def test_candidates_have_the_hospital_s_domain_and_no_label(fields: Path, unlabelled: str) -> None:
    samples = Samples(["a"], unlabelled_domains(fields, unlabelled))  # type: ignore[arg-type]
    add_unlabelled_fields(samples, fields)
    assert not samples.labelled.any() and not samples.mitotic.any() and len(samples) > 20
    names = [samples.scanner_classes[d] for d in samples.domain]
    slides = [samples.images[i].slide for i in samples.image]
    assert names == (slides if unlabelled == "each" else ["tcga"] * len(names))
    assert set(slides) == {"tcga_18", "tcga_2z"} and np.isinf(samples.borders).all()


def test_crops_keep_their_classes_beside_them(data: Path, fields: Path, tmp_path: Path) -> None:
    (tmp_path / "fields_tcga").symlink_to(fields / "fields_tcga")
    (tmp_path / "crops").symlink_to(data / "crops")
    samples = FolderChoice((AMI_BR,), unlabelled="grouped").load(tmp_path)
    assert samples.labelled[samples.domain < 5].all()
    assert not samples.labelled[samples.domain == 5].any()
    assert "unlabelled candidates" in samples.describe()


def test_real_hospitals(real_data: Path) -> None:
    assert len(field_paths(real_data)) == len(unlabelled_domains(real_data, "each")) == 26

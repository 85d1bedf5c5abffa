from pathlib import Path

import pytest

from evaluation import ScoringError
from evaluation.ground_truth import check_ground_truth, read_ground_truth
from test.evaluation.annotations import document, image, write

LEICA = {
    "info": {"description": "MItosis DOmain Generalization Challenge (MIDOG) 2021 - Training set"},
    "images": [image(id=151, file_name="151.tiff", width=6218, height=4620)],
    "annotations": [],
}


def test_images_are_found_by_their_stem(tmp_path: Path) -> None:
    images = [image(id=2, file_name="z/b.tif"), image(id=1, file_name="a.ome.tiff")]
    truth = read_ground_truth(write(tmp_path / "truth.json", document(images=images)))
    assert list(truth) == ["b", "a.ome"], "in the order of the file"
    assert len(truth["a.ome"].figures) == 2


def test_notes_are_handed_on(tmp_path: Path) -> None:
    content = document()
    content["annotations"] *= 2
    notes: list[str] = []
    read_ground_truth(write(tmp_path / "truth.json", content), notes)
    assert notes == ["3 annotations repeat another one and count once"]


def test_images_that_nobody_labelled_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "MIDOG.json", LEICA)
    with pytest.raises(ScoringError, match="no labelled image in it"):
        read_ground_truth(path)
    more = {**LEICA, "images": [*LEICA["images"], image(file_name="mine.tif")]}
    assert list(read_ground_truth(write(path, more))) == ["mine"]


def test_two_images_of_one_stem(tmp_path: Path) -> None:
    content = document(images=[image(), image(id=2, file_name="A03_02.mha")])
    with pytest.raises(ScoringError, match="two images have the stem 'A03_02'"):
        read_ground_truth(write(tmp_path / "truth.json", content))


def test_a_file_is_checked_before_the_first_image(tmp_path: Path) -> None:
    path = write(tmp_path / "truth.json", document())
    images = tmp_path / "images"
    images.mkdir()
    check_ground_truth(path)
    check_ground_truth(path, images)
    for name in ("x.tif", "y.tif", "A03_02.png"):
        (images / name).write_bytes(b"pixels")
    with pytest.raises(ScoringError, match=r"none of the images is in it \(x\.tif, y\.tif\)"):
        check_ground_truth(path, images)
    check_ground_truth(path, images, with_mpp=True)
    with pytest.raises(ScoringError, match="not readable"):
        check_ground_truth(tmp_path / "missing.json", images)
    with pytest.raises(OSError, match="No such file"):
        check_ground_truth(path, tmp_path / "missing")


def test_images_of_one_stem_are_reported_before_they_are_processed(tmp_path: Path) -> None:
    path = write(tmp_path / "truth.json", document(images=[image(id=1, file_name="a.tif")]))
    images = tmp_path / "in"
    for name in ("one/a.tif", "two/a.tiff", "two/a.png"):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(b"pixels")
    manifest = images / "list.csv"
    manifest.write_text("path\none/a.tif\ntwo/a.tiff\n")
    message = "2 images have the name 'a' without the suffix, by which they are found in "
    with pytest.raises(ScoringError, match=f"^{manifest}: {message}{path}: score them apart"):
        check_ground_truth(path, manifest=manifest)
    check_ground_truth(path, images / "two")
    with pytest.raises(ScoringError, match=f"^{images / 'two'}: {message}{path}: "):
        check_ground_truth(path, images / "two", with_mpp=True)

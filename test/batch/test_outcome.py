import pytest

from batch.documents import Detection, SourceFile
from batch.outcome import Outcome
from test.batch.builders import failed, processed

PLACES = ((3.0, 4.5), (10.125, 20.0), (30.0, 7.25))


def identities(
    *places: tuple[float, float], sha256: str = "0" * 64, size: tuple[int, int] = (40, 30)
) -> tuple[str, ...]:
    """Of a result with detections there, of falling probability."""
    detections = [
        Detection(x=x, y=y, probability=p, probability_without_adaptation=p)
        for (x, y), p in zip(places, (0.9, 0.5, 0.1), strict=False)
    ]
    file = SourceFile(path="a.tif", bytes=1, sha256=sha256)
    result = processed("a.tif", image=file, detections=detections, size_px=size)
    return Outcome.of(result, "a.tif").identities


def test_the_file_identifies_an_image() -> None:
    assert identities() == identities(*PLACES[:2]) == ("0" * 64,)
    assert "1" * 64 in identities(*PLACES, sha256="1" * 64)
    assert Outcome.of(failed("a.tif"), "a.tif").identities == ()


def test_size_and_places_of_detections_identify_an_image() -> None:
    """Whatever the probabilities."""
    _, expected = identities(*PLACES)
    moved = [(x + 0.0004, y) for x, y in PLACES[::-1]]
    assert identities(*moved, sha256="1" * 64) == ("1" * 64, expected)


@pytest.mark.parametrize("other", [
    identities((3.002, 4.5), *PLACES[1:]), identities(*PLACES, size=(30, 40)),
    identities(*PLACES[:2], (30.0, 7.5)),
])  # fmt: skip
def test_other_places_or_another_size(other: tuple[str, ...]) -> None:
    assert other[1] != identities(*PLACES)[1]

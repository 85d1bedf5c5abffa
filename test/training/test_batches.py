import numpy as np
import pytest
import torch

from model.candidates import find_candidates
from model.patches import PATCH_SIZE
from test.builders import rendered_samples
from test.rendering import render_tissue
from training.augmentation import Augmentation
from training.batches import Batch, BatchSource
from training.mixture import Mixture
from training.samples import NO_CLASS, NO_DOMAIN, Samples, SourceImage


@pytest.fixture(scope="module")
def samples() -> Samples:
    return rendered_samples()


def source(samples: Samples, seed: int = 0, **mixture: float) -> BatchSource:
    shares = Mixture(**({"size": 32} | mixture))  # type: ignore[arg-type]
    return BatchSource(samples, shares, Augmentation(jpeg=0.1), seed)


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_batch_follows_from_seed_and_step_alone(samples: Samples) -> None:
    one = source(samples)
    batch = one.draw(7)
    one.draw(8)
    assert equal(batch, one.draw(7)), "an earlier draw left something behind"
    assert equal(batch, source(samples).draw(7))
    assert not torch.equal(batch.patches, one.draw(8).patches)
    assert not torch.equal(batch.patches, source(samples, seed=1).draw(7).patches)


def test_steps_are_the_draws_in_order(samples: Samples) -> None:
    one = source(samples)
    batches = list(one.steps(3, 6))
    assert len(batches) == 3
    assert all(equal(batch, one.draw(step)) for step, batch in enumerate(batches, start=3))
    assert next(iter(one.steps(4, 4 + 1))).patches.shape[0] == 32


def test_a_batch_has_its_shapes_and_types(samples: Samples) -> None:
    batch = source(samples).draw(0)
    assert batch.patches.shape == (32, PATCH_SIZE, PATCH_SIZE, 3)
    assert batch.patches.dtype == torch.uint8
    assert batch.mitotic.dtype == batch.domain.dtype == torch.int64
    assert batch.mitotic.shape == batch.domain.shape == (32,)


def test_each_domain_gives_the_same_share_of_figures(samples: Samples) -> None:
    counts = np.zeros((2, 2), int)
    one = source(samples, mitotic=0.25)
    for step in range(20):
        batch = one.draw(step)
        assert int(batch.mitotic.sum()) == 8
        for domain in range(2):
            here = batch.mitotic[batch.domain == domain]
            counts[domain] += [int((here == 0).sum()), int((here == 1).sum())]
    assert counts.tolist() == [[240, 80], [240, 80]]


def test_a_remainder_goes_to_a_domain_that_is_drawn(samples: Samples) -> None:
    one = source(samples, size=31, mitotic=0.3)  # 9 figures and 22 others over two domains
    extra = [int(b.mitotic[b.domain == 0].sum()) for b in (one.draw(step) for step in range(20))]
    assert set(extra) == {4, 5}


def test_hard_negatives_stay_out_of_the_scanner_loss(samples: Samples) -> None:
    one = source(samples, hard=0.25)
    assert (one.draw(0).domain != NO_DOMAIN).all(), "there are none yet"
    one.hard = np.flatnonzero(~samples.mitotic)[:3]
    batch = one.draw(0)
    outside = batch.domain == NO_DOMAIN
    assert int(outside.sum()) == 8
    assert (batch.mitotic[outside] == 0).all()
    assert len(batch.mitotic) == 32


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (True, r"^domain pink_lab has 0 mitotic figures and \d+ negatives: both are needed$"),
        (False, r"^domain pink_lab has 8 mitotic figures and 0 negatives: both are needed$"),
    ],
)
def test_a_domain_without_a_class_is_refused(missing: bool, message: str) -> None:
    samples = rendered_samples()
    samples.domain[(samples.domain == 1) & (samples.mitotic == missing)] = NO_DOMAIN
    with pytest.raises(ValueError, match=message):
        source(samples)


def test_figures_are_mirrored_as_negatives_are(samples: Samples) -> None:
    """With borders 5 px away a window repeats itself after 22 px in both directions."""
    bordered = rendered_samples()
    bordered.borders[:] = 64
    bordered.borders[~bordered.mitotic] = 5
    batch = BatchSource(bordered, Mixture(size=32), None, 0).draw(0)
    for patch in batch.patches[batch.mitotic == 1].numpy():
        np.testing.assert_array_equal(patch[:, :42], patch[:, 22:])
        np.testing.assert_array_equal(patch[:42], patch[22:])
    figure = int(np.flatnonzero(bordered.mitotic)[0])
    own = bordered.patch(figure)
    assert not np.array_equal(own[:, :42], own[:, 22:])


# ------------------------------------------------------------------------------- unlabelled domains


def with_unlabelled(samples: Samples, names: list[str]) -> Samples:
    """The samples and an image of candidates for each unlabelled domain."""
    samples.unlabelled_domains = names
    for number, name in enumerate(names):
        pixels, _ = render_tissue((300, 300), 0, seed=50 + number)
        image = SourceImage(pixels, f"{name}.jpg", name, name)
        samples.add(image, find_candidates(pixels), mitotic=False)
    return samples


def test_unlabelled_candidates_have_a_domain_and_no_class() -> None:
    samples = with_unlabelled(rendered_samples(), ["tcga_18", "tcga_21"])
    batch = source(samples, size=32, mitotic=0.25, unlabelled=0.25).draw(0)
    unlabelled = batch.domain >= 2
    assert torch.bincount(batch.domain[unlabelled]).tolist() == [0, 0, 4, 4]
    assert (batch.mitotic[unlabelled] == NO_CLASS).all()
    assert (batch.mitotic[~unlabelled] != NO_CLASS).all()
    assert batch.counts.tolist() == [24, 24], "with a class; with a domain"


def test_beside_unlabelled_candidates_only_negatives_have_a_domain() -> None:
    samples = with_unlabelled(rendered_samples(), ["tcga"])
    batch = source(samples, size=32, mitotic=0.25, unlabelled=0.25).draw(0)
    figures = batch.mitotic == 1
    assert int(figures.sum()) == 8 and (batch.domain[figures] == NO_DOMAIN).all()
    assert (batch.domain[~figures] != NO_DOMAIN).all()
    control = source(samples, size=32, mitotic=0.25, figures_in_scanner_loss=False).draw(0)
    figures = control.mitotic == 1
    assert (control.domain[figures] == NO_DOMAIN).all() and (control.domain < 2).all()


def test_unlabelled_candidates_that_are_not_there(samples: Samples) -> None:
    with pytest.raises(ValueError, match="unlabelled candidates, but a domain of them is empty"):
        source(samples, unlabelled=0.25)

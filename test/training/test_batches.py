import numpy as np
import pytest
import torch

from model.patches import PATCH_SIZE
from test.builders import rendered_samples
from training.augmentation import Augmentation
from training.batches import Batch, BatchSource, Mixture
from training.samples import NO_DOMAIN, Samples


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
    one = source(bordered)
    figure = int(np.flatnonzero(bordered.mitotic)[0])
    window = one._window(figure, np.random.default_rng(0))
    np.testing.assert_array_equal(window[:, :100], window[:, 22:122])
    np.testing.assert_array_equal(window[:100], window[22:122])
    own = bordered.window(figure)
    assert not np.array_equal(own[:, :100], own[:, 22:122])

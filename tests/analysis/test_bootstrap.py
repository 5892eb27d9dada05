"""Intervals of differences in mIoU against draws made one by one, and how often they are wrong."""

import numpy as np
import pytest
from scipy import stats

from cirkd.analysis.paired import difference_interval, miou


def _confusions(right: float, seeds: int, images: int = 30, seed: int = 0) -> dict[int, np.ndarray]:
    """Of networks that are right for about a share of the pixels of 3 classes."""
    draw = np.random.default_rng(seed)
    found = {}
    for number in range(seeds):
        rows = np.stack([np.full(3, (1 - right) / 2) for _ in range(3)]) + np.eye(3) * (right - (1 - right) / 2)
        found[number] = np.stack([draw.poisson(1000 * rows) for _ in range(images)])
    return found


def test_miou_is_the_mean_over_classes_that_occur() -> None:
    confusion = np.array([[5.0, 1.0, 0.0], [2.0, 6.0, 0.0], [0.0, 0.0, 0.0]])
    assert float(miou(confusion)) == pytest.approx(100 * (5 / 8 + 6 / 9) / 2)


def test_the_interval_is_what_a_plain_loop_gives() -> None:
    """Variance of the seeds by their sample and of the images by drawing them one by one, up to the draws' noise."""
    one, other = _confusions(0.8, 4, seed=1), _confusions(0.78, 4, seed=2)
    got = difference_interval(one, other, draws=4000)
    draw, means = np.random.default_rng(5), []
    for _ in range(1500):
        images = draw.integers(0, 30, 30)
        means.append(np.mean([miou(one[s][images].sum(0)) - miou(other[s][images].sum(0)) for s in range(4)]))
    differences = [miou(one[s].sum(0)) - miou(other[s].sum(0)) for s in range(4)]
    by_seed, by_image = np.var(differences, ddof=1) / 4, np.var(means, ddof=1)
    freedom = (by_seed + by_image) ** 2 / (by_seed**2 / 3 + by_image**2 / 29)
    low, high = stats.t.interval(0.95, freedom, np.mean(differences), np.sqrt(by_seed + by_image))
    assert got.difference == pytest.approx(np.mean(differences))
    assert (got.low, got.high) == (pytest.approx(low, abs=0.05), pytest.approx(high, abs=0.05))
    assert (got.seeds, got.images) == (4, 30)


@pytest.mark.parametrize("seeds", [3, 5])
def test_no_difference_is_found_where_there_is_none(seeds: int) -> None:
    """Of recipes that are equally good but for seed and image, one in twenty at most is called ahead or behind.

    The bar leaves room for the noise of 300 tries.
    """
    draw, wrong, tries = np.random.default_rng(3), 0, 300
    for _ in range(tries):
        # Right on 600 pixels of 1,000, more or less by seed, and by image alike for all seeds.
        of_image = draw.normal(0, 30, (2, 1, 40))
        right = 600 + draw.normal(0, 8, (2, seeds, 1)) + of_image + draw.normal(0, 10, (2, seeds, 40))
        found = np.zeros((2, seeds, 40, 2, 2))
        found[..., 0, 0] = found[..., 1, 1] = right.round()
        found[..., 0, 1] = found[..., 1, 0] = 1000 - right.round()
        one, other = ({s: of[s].astype(np.int64) for s in range(seeds)} for of in found)
        wrong += difference_interval(one, other, draws=200).excludes_zero
    assert wrong / tries < 0.07


def test_a_class_that_a_draw_leaves_out_counts_for_neither() -> None:
    """Two recipes that differ by one pixel of a class that one image shows differ by next to nothing."""
    one = np.tile(np.diag([1000, 1000, 0]), (20, 1, 1))
    one[0, 2, 2] = 50
    other = one.copy()
    other[5, 0, 0], other[5, 0, 2] = 999, 1
    found = difference_interval(dict.fromkeys(range(3), one), dict.fromkeys(range(3), other))
    assert -5 < found.low <= found.high < 5


def test_two_seeds_have_no_interval() -> None:
    found = difference_interval(_confusions(0.9, 2), _confusions(0.8, 2))
    assert found.difference > 5 and np.isnan(found.low) and np.isnan(found.high) and not found.excludes_zero


def test_the_same_networks_differ_by_nothing_and_far_ones_clearly() -> None:
    one = _confusions(0.8, 3)
    same = difference_interval(one, one)
    assert same.difference == same.low == same.high == 0 and not same.excludes_zero
    assert difference_interval(_confusions(0.9, 3), one).excludes_zero


def test_recipes_without_a_common_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="no seed in common; train both with the same seeds"):
        difference_interval({0: np.ones((2, 2, 2), int)}, {1: np.ones((2, 2, 2), int)})

"""Bootstrapped differences in mIoU against draws made one by one, and what an interval has to say."""

import numpy as np
import pytest

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


def test_a_draw_is_what_drawing_one_by_one_gives() -> None:
    """The spread equals that of a plain loop that draws seeds and images, up to the noise of the draws."""
    one, other = _confusions(0.8, 4, seed=1), _confusions(0.78, 4, seed=2)
    got = difference_interval(one, other, draws=4000)
    draw, means = np.random.default_rng(5), []
    for _ in range(1500):
        images = draw.integers(0, 30, 30)
        seeds = draw.integers(0, 4, 4)
        means.append(np.mean([miou(one[s][images].sum(0)) - miou(other[s][images].sum(0)) for s in seeds]))
    whole = np.mean([miou(one[s].sum(0)) - miou(other[s].sum(0)) for s in range(4)])
    assert got.difference == pytest.approx(whole)
    low, high = np.percentile(means, [2.5, 97.5])
    width = high - low
    assert got.low == pytest.approx(low, abs=0.1 * width) and got.high == pytest.approx(high, abs=0.1 * width)
    assert (got.seeds, got.images) == (4, 30)


def test_the_same_networks_differ_by_nothing_and_far_ones_clearly() -> None:
    one = _confusions(0.8, 3)
    same = difference_interval(one, one)
    assert same.difference == same.low == same.high == 0 and not same.excludes_zero
    assert difference_interval(_confusions(0.9, 3), one).excludes_zero


def test_recipes_without_a_common_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="no seed in common; train both with the same seeds"):
        difference_interval({0: np.ones((2, 2, 2), int)}, {1: np.ones((2, 2, 2), int)})

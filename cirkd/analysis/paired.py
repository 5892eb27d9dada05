"""Recipes with the same seeds: means, deviations, differences to a baseline, and the intervals of these."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
from jaxtyping import Float, Integer, Real

LEVEL = 0.95
"""Of the intervals."""
LEAST_SEEDS = 3
"""Fewer have no interval: of two, Student's t makes it 12.7 times as wide as they are apart, which says nothing."""


@dataclass(frozen=True)
class Paired:
    """One recipe's values of one measure, and how they differ from the baseline's with the same seeds.

    Attributes:
        name: of the recipe.
        values: seed -> value.
        mean: of the values; deviation: of the sample (n - 1); nan where there are too few.
        differences: seed, ascending -> value minus the baseline's with that seed; empty for the baseline itself.
        gain: mean of the differences; nan where there are none.
        low, high: the 95 % interval of the mean difference, by Student's t; nan with fewer than three seeds.
    """

    name: str
    values: Mapping[int, float]
    mean: float
    deviation: float
    differences: Mapping[int, float]
    gain: float
    low: float
    high: float


def compare(values: Mapping[str, Mapping[int, float]], baseline: str) -> list[Paired]:
    """Every recipe with the baseline, in the order given.

    Args:
        values: recipe -> seed -> value; nan = none. Seeds that only one side has don't enter the differences.
    """
    return [
        _paired(name, _known(by_seed), _known(values.get(baseline, {})), name == baseline)
        for name, by_seed in values.items()
    ]


def interval(differences: list[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of paired differences, by Student's t with n - 1 degrees of freedom.

    Source: Student (1908).
    """
    if len(differences) < LEAST_SEEDS:
        return math.nan, math.nan
    reach = _reach(stdev(differences) ** 2 / len(differences), len(differences) - 1)
    return mean(differences) - reach, mean(differences) + reach


def _reach(variance: float, freedom: float) -> float:
    """Half the width of the interval of a mean of this variance, which is known with so many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + LEVEL / 2)) * math.sqrt(variance)


def _paired(name: str, own: dict[int, float], other: dict[int, float], is_baseline: bool) -> Paired:
    differences = {} if is_baseline else {seed: own[seed] - other[seed] for seed in sorted(own) if seed in other}
    low, high = interval(list(differences.values()))
    return Paired(
        name=name,
        values=own,
        mean=mean(own.values()) if own else math.nan,
        deviation=stdev(own.values()) if len(own) > 1 else math.nan,
        differences=differences,
        gain=mean(differences.values()) if differences else math.nan,
        low=low,
        high=high,
    )


def _known(by_seed: Mapping[int, float]) -> dict[int, float]:
    return {seed: float(value) for seed, value in by_seed.items() if value is not None and value == value}


@dataclass(frozen=True)
class Interval:
    """A difference in mIoU, in points.

    Attributes:
        difference: on all images, mean over the seeds; low, high: its 95 % interval, nan with fewer than three seeds.
        seeds, images: how many.
    """

    difference: float
    low: float
    high: float
    seeds: int
    images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def miou(confusion: Real[np.ndarray, "*n c c"], labelled: bool = False) -> Float[np.ndarray, "*n"] | np.float64:
    """Mean IoU in percent over the classes that occur in labels or predictions, or in labels alone.

    Example:
        >>> float(miou(np.array([[3.0, 1.0], [0.0, 4.0]])))
        77.5
    """
    hits, labels = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1)
    union = labels + confusion.sum(-2) - hits
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = np.where((labels if labelled else union) > 0, hits / union, np.nan)
        return 100 * np.nanmean(iou, axis=-1)


def difference_interval(
    one: Mapping[int, Integer[np.ndarray, "n c c"]],
    other: Mapping[int, Integer[np.ndarray, "n c c"]],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """The mean difference in mIoU of two recipes over their common seeds, with its interval over seeds and images.

    Its variance is the seeds' by the sample of their differences, plus the images' by bootstrap: each draw takes as
    many images as there are, with replacement, the same for both recipes and every seed, and mIoU is that of the drawn
    images' summed confusion matrix over the classes labelled there. The interval is Student's with the degrees of
    freedom of such a sum. (To draw the seeds as well would be too narrow: of three, one is drawn three times in 4 % of
    all draws, so that what lies between the least and the greatest difference would pass for 95 %.)

    Args:
        one, other: seed -> the confusion matrix of each image.

    Raises:
        ValueError: no seed in common.

    Source: Efron and Tibshirani (1993), chapter 6, for the images; Satterthwaite (1946) for the degrees of freedom.
    """
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        raise ValueError("the two recipes have no seed in common; train both with the same seeds")
    count, images = len(seeds), len(one[seeds[0]])
    weights = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=draws)

    def scores(of: Mapping[int, np.ndarray]) -> np.ndarray:
        """mIoU [draws], mean over the seeds."""
        drawn = (np.tensordot(weights.astype(np.float64), of[s].astype(np.float64), axes=1) for s in seeds)
        return np.mean([miou(confusion, labelled=True) for confusion in drawn], axis=0)

    differences = [float(miou(one[s].sum(0)) - miou(other[s].sum(0))) for s in seeds]
    whole = mean(differences)
    if count < LEAST_SEEDS:
        return Interval(whole, math.nan, math.nan, count, images)
    by_seed = stdev(differences) ** 2 / count
    by_image = float(np.var(scores(one) - scores(other), ddof=1))
    total = by_seed + by_image
    if not total:
        return Interval(whole, whole, whole, count, images)
    freedom = total**2 / (by_seed**2 / (count - 1) + by_image**2 / max(images - 1, 1))
    reach = _reach(total, freedom)
    return Interval(whole, whole - reach, whole + reach, count, images)

"""Recipes with the same seeds: means, deviations, differences to a baseline, and how far mIoU's would scatter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np
from jaxtyping import Float, Integer, Real

LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True)
class Paired:
    """One recipe's values of one measure, and how they differ from the baseline's with the same seeds.

    Attributes:
        name: of the recipe.
        values: seed -> value.
        mean: of the values; deviation: of the sample (n - 1); nan where there are too few.
        differences: seed, ascending -> value minus the baseline's with that seed; empty for the baseline itself.
        gain: mean of the differences; nan where there are none.
        low, high: the 95 % interval of the mean difference, by Student's t; nan with fewer than two seeds.
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
    from scipy.special import stdtrit

    if len(differences) < 2:
        return math.nan, math.nan
    reach = float(stdtrit(len(differences) - 1, 0.5 + LEVEL / 2)) * stdev(differences) / math.sqrt(len(differences))
    return mean(differences) - reach, mean(differences) + reach


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
        difference: on all images, mean over the seeds; low, high: the middle 95 % of the draws.
        seeds, images, draws: how many.
    """

    difference: float
    low: float
    high: float
    seeds: int
    images: int
    draws: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def miou(confusion: Real[np.ndarray, "*n c c"]) -> Float[np.ndarray, "*n"] | np.float64:
    """Mean IoU in percent over the classes that occur in labels or predictions.

    Example:
        >>> float(miou(np.array([[3.0, 1.0], [0.0, 4.0]])))
        77.5
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    union = confusion.sum(-1) + confusion.sum(-2) - hits
    with np.errstate(invalid="ignore", divide="ignore"):
        return 100 * np.nanmean(np.where(union > 0, hits / union, np.nan), axis=-1)


def difference_interval(
    one: Mapping[int, Integer[np.ndarray, "n c c"]],
    other: Mapping[int, Integer[np.ndarray, "n c c"]],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Bootstrap the mean difference in mIoU of two recipes over their common seeds and over images.

    Each draw takes as many seeds and as many images as there are, with replacement; the images are the same for both
    recipes and every seed, and mIoU is that of the drawn images' summed confusion matrix.

    Args:
        one, other: seed -> the confusion matrix of each image.

    Raises:
        ValueError: no seed in common.

    Source: Efron and Tibshirani (1993), chapters 6 and 13.
    """
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        raise ValueError("the two recipes have no seed in common; train both with the same seeds")
    images = len(one[seeds[0]])
    draw = np.random.default_rng(seed)
    weights = draw.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.float64)

    def scores(of: Mapping[int, np.ndarray], weight: np.ndarray) -> np.ndarray:
        """mIoU [draws, seeds]."""
        return np.stack([miou(np.tensordot(weight, of[s].astype(np.float64), axes=1)) for s in seeds], axis=1)

    everything = np.ones((1, images))
    whole = float((scores(one, everything) - scores(other, everything)).mean())
    differences = scores(one, weights) - scores(other, weights)
    picked = draw.integers(0, len(seeds), (draws, len(seeds)))
    means = np.take_along_axis(differences, picked, axis=1).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(whole, float(low), float(high), len(seeds), images, draws)

"""Scores of several recipes with the same seeds: means, deviations, and differences to a baseline seed by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean, stdev

LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True)
class Paired:
    """One recipe's values of one measure, and how they differ from the baseline's with the same seeds.

    Attributes:
        name: of the recipe.
        values: seed -> value.
        mean: of the values; deviation: of the sample (n - 1); nan where there are too few.
        differences: seed -> value minus the baseline's with that seed; empty for the baseline itself.
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

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


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
    differences = {} if is_baseline else {seed: own[seed] - other[seed] for seed in own if seed in other}
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

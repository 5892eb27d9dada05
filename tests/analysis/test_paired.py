"""Paired differences against scipy's t test."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from cirkd.analysis.paired import compare, interval


def test_the_interval_is_that_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    for count in (3, 5, 12):
        one, other = rng.normal(25, 2, count), rng.normal(24, 2, count)
        wanted = ttest_rel(one, other).confidence_interval(0.95)
        assert interval(list(one - other)) == pytest.approx((wanted.low, wanted.high))


def test_differences_are_seed_by_seed() -> None:
    found = compare({"alone": {0: 20.0, 1: 30.0, 2: 25.0}, "taught": {1: 31.0, 0: 21.5, 7: 90.0}}, "alone")
    alone, taught = found
    assert (alone.mean, alone.deviation, dict(alone.differences)) == (25.0, 5.0, {})
    assert math.isnan(alone.gain) and math.isnan(alone.low) and math.isnan(alone.high)
    assert list(taught.differences.items()) == [(0, 1.5), (1, 1.0)], "by seed, in whatever order they ran"
    assert taught.gain == 1.25


def test_too_few_seeds_have_no_interval() -> None:
    found = compare({"alone": {0: 20.0}, "taught": {0: 22.0}, "never": {}, "broken": {0: math.nan}}, "alone")
    assert found[1].gain == 2.0 and math.isnan(found[1].low) and math.isnan(found[1].deviation)
    assert math.isnan(found[1].high)
    assert math.isnan(found[2].mean) and math.isnan(found[3].gain)
    two = compare({"alone": {0: 20.0, 1: 21.0}, "taught": {0: 22.0, 1: 23.01}}, "alone")[1]
    assert math.isnan(two.low) and math.isnan(two.high) and two.deviation > 0
    surer = compare({"alone": {0: 20.0, 1: 21.0, 2: 19.0}, "taught": {0: 22.0, 1: 23.01, 2: 21.0}}, "alone")[1]
    reach = 4.3026527 * 0.01 / 3  # t(0.975, 2) times a deviation of 0.01 / sqrt(3), over sqrt(3)
    assert 0 < surer.low == pytest.approx(surer.gain - reach, rel=1e-6)

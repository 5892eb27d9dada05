"""The class-balanced sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cirkd.features.sampling import balanced_sample


@given(st.lists(st.sampled_from([0, 1, 2, 5, 255]), min_size=1, max_size=200), st.integers(1, 250), st.integers(0, 9))
def test_uses_the_budget_fairly(labels, budget, seed):
    labels = np.array(labels, np.uint8)
    sample = balanced_sample(labels, budget, seed)
    usable = labels != 255 if (labels != 255).any() else np.ones_like(labels, bool)
    assert len(sample) == min(budget, usable.sum())
    assert len(np.unique(sample.index)) == len(sample)
    assert usable[sample.index].all()
    assert (np.diff(sample.index) > 0).all()
    for c, count in sample.counts.items():
        assert (labels[sample.index] == c).sum() == count
        # Nobody has two more than a class that still had pixels to give.
        assert all(count <= other + 1 for d, other in sample.counts.items() if other < sample.available[d])
    np.testing.assert_array_equal(sample.index, balanced_sample(labels, budget, seed).index)


def test_rare_classes_stay_whole():
    labels = np.repeat(np.array([0, 1, 2], np.uint8), [1000, 5, 300])
    assert balanced_sample(labels, 105).counts == {0: 50, 1: 5, 2: 50}


def test_seed_matters():
    labels = np.zeros(100, np.uint8)
    assert (balanced_sample(labels, 10, 0).index != balanced_sample(labels, 10, 1).index).any()


def test_no_budget():
    with pytest.raises(ValueError, match="budget 0"):
        balanced_sample(np.zeros(3, np.uint8), 0)

"""Maps of other pixels of the same images are not mirrored against each other."""

import numpy as np
import pytest
from scipy.stats import skew

from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.layout import principal_axes
from cirkd.analysis.projection import explorer_map, project
from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import balanced_sample
from tests.factories import make_features


def make_lopsided(seed: int) -> FeatureSet:
    """Features whose principal axes are well apart, and along which each class lies a little elsewhere."""
    features, generator = make_features(grid=(12, 16), seed=seed), np.random.default_rng(seed)
    shift = 0.3 * generator.normal(size=(256, 7))[features.pixels.label]
    rows = (generator.gamma(0.7, size=shift.shape) + shift) * 0.6 ** np.arange(7)
    for model in features.models.values():
        width = model.embedding.shape[1]
        turn, _ = np.linalg.qr(generator.normal(size=(width, width)))
        model.embedding[:] = 4 * turn[:1] + (rows + 0.05 * generator.normal(size=rows.shape)) @ turn[1:8]
    return features


@pytest.mark.parametrize("space", ["feature", "relation"])
def test_the_explorers_map_and_that_of_a_sample_are_alike(space):
    for seed in range(8):
        features = make_lopsided(seed)
        sample = balanced_sample(features.grouping().values, 120, seed)
        some = project(features, "pca", 2, sample, space=space)
        every = explorer_map(features, explorer_block(features), "pca" if space == "feature" else "relation")
        for name in features.models:
            one, other = some.coordinates[name], every.coordinates[name][sample.index]
            for axis in range(2):
                assert np.corrcoef(one[:, axis], other[:, axis])[0, 1] > 0.5, (seed, name, axis)


def test_axes_of_a_choice_point_along_those_of_all_rows():
    for seed in range(50):
        generator = np.random.default_rng(seed)
        rows = generator.gamma(0.7, size=(400, 12)) @ generator.normal(size=(12, 12))
        chosen = rows[lopsided(generator, rows)]
        axes, whole = principal_axes(chosen, 3, rows), principal_axes(rows, 3)
        assert ((axes.axes * whole.axes).sum(axis=1) > 0).all()
        np.testing.assert_allclose(np.abs(axes.axes), np.abs(principal_axes(chosen, 3).axes))


def test_the_longer_tail_of_all_rows_lies_on_the_positive_side():
    for seed in range(20):
        generator = np.random.default_rng(seed)
        rows = generator.gamma(0.7, size=(300, 6)) @ generator.normal(size=(6, 6))
        assert (skew(principal_axes(rows, 3).project(rows)) > 0).all()


def lopsided(generator: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Rows that are more often chosen the farther out they lie on one side."""
    weights = np.exp(rows[:, 0] / np.abs(rows[:, 0]).max())
    return generator.choice(len(rows), 100, replace=False, p=weights / weights.sum())

"""Projections against scikit-learn and scipy, and what must hold of any map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from cirkd.analysis.layout import lay_out, nearest, principal_axes
from cirkd.analysis.projection import procrustes, project
from cirkd.data.errors import StudyError
from cirkd.features.sampling import balanced_sample
from tests.factories import make_features


def test_pca_is_scikit_learns():
    features = make_features()
    index = np.arange(0, len(features.pixels), 2)
    result = project(features, "pca", 3, index, align=False)
    for name, points in result.coordinates.items():
        rows = features.models[name].unit_embedding()[index].astype(float)
        oracle = PCA(3, svd_solver="full").fit(rows)
        np.testing.assert_allclose(np.abs(points), np.abs(oracle.transform(rows)), atol=1e-5)
        np.testing.assert_allclose(result.explained[name], oracle.explained_variance_ratio_, atol=1e-6)
        assert points.dtype == np.float32
    assert result.residual == {} and not result.aligned


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(3, 30), st.integers(2, 3))
def test_procrustes_is_scipys_and_undoes_what_it_may(seed, n, k):
    generator = np.random.default_rng(seed)
    points, target = generator.normal(size=(n, k)), generator.normal(size=(n, k))
    moved, residual = procrustes(points, target)
    assert residual == pytest.approx(scipy_procrustes(target, points)[2], abs=1e-9)
    spread = ((target - target.mean(0)) ** 2).sum()
    assert ((moved - target) ** 2).sum() / spread == pytest.approx(residual, abs=1e-9)

    turn, _ = np.linalg.qr(generator.normal(size=(k, k)))
    moved, residual = procrustes(3 * points @ turn + generator.normal(size=k), points)
    np.testing.assert_allclose(moved, points, atol=1e-8)
    assert residual < 1e-12


def test_procrustes_of_points_that_coincide():
    same, spread = np.ones((5, 2)), np.eye(5)[:, :2]
    assert procrustes(same, same)[1] == 0
    moved, residual = procrustes(same, spread)
    assert residual == 1
    np.testing.assert_allclose(moved, np.tile(spread.mean(0), (5, 1)))


def test_maps_are_laid_on_the_teachers():
    features = make_features()
    free, laid = project(features, align=False), project(features)
    assert laid.aligned and laid.residual["teacher"] == 0
    np.testing.assert_array_equal(free.coordinates["teacher"], laid.coordinates["teacher"])
    assert 0 < laid.residual["after"] < laid.residual["before"] < 1
    assert laid.sample is not None and laid.sample.counts.keys() == {0, 1, 2, 3}


def test_relation_space_is_one_map_for_models_of_any_width():
    features = make_features()
    result = project(features, space="relation", anchors=40)
    anchors = balanced_sample(features.grouping().values, 40, 0).index
    unit = {name: model.unit_embedding() for name, model in features.models.items()}
    rows = {name: item[result.index] @ item[anchors].T for name, item in unit.items()}
    oracle = PCA(2, svd_solver="full").fit(rows["teacher"])
    for name, item in rows.items():
        np.testing.assert_allclose(np.abs(result.coordinates[name]), np.abs(oracle.transform(item)), atol=1e-4)
    assert not result.aligned and list(result.explained) == ["teacher"]


def test_relation_space_does_not_see_a_rotation():
    features = make_features(widths={"before": 16})
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))
    features.models["before"].embedding[:] = 5 * features.models["teacher"].embedding @ turn
    result = project(features, space="relation")
    np.testing.assert_allclose(result.coordinates["before"], result.coordinates["teacher"], atol=1e-5)


@pytest.mark.parametrize("space", ["feature", "relation"])
@pytest.mark.parametrize("count", [4, 60])
def test_tsne_of_few_pixels_and_again(space, count):
    features = make_features()
    index = np.arange(count)
    first, second = (project(features, "tsne", 2, index, seed=3, space=space) for _ in range(2))
    for name, points in first.coordinates.items():
        assert points.shape == (count, 2) and np.isfinite(points).all()
        np.testing.assert_array_equal(points, second.coordinates[name])
    assert first.provenance["parameters"]["perplexity"] < count


@pytest.mark.slow
@pytest.mark.parametrize(("count", "dimensions"), [(4, 3), (9, 2), (90, 3)])
def test_umap_of_few_pixels_and_again(count, dimensions):
    features = make_features(("teacher", "after"))
    index = np.arange(count)
    first, second = (project(features, "umap", dimensions, index, seed=3) for _ in range(2))
    for name, points in first.coordinates.items():
        assert points.shape == (count, dimensions) and np.isfinite(points).all()
        np.testing.assert_array_equal(points, second.coordinates[name])


@pytest.mark.slow
def test_umap_where_nothing_differs():
    line = np.arange(1, 31)[:, None] * np.array([[1.0, 0.0, 0.0]])
    for rows in (np.ones((30, 3)), np.zeros((30, 3)), line):
        assert np.isfinite(lay_out(rows, principal_axes(rows, 2).project(rows), "umap", 0, nearest(rows, 5))).all()


@given(st.integers(0, 10**6), st.integers(3, 20), st.integers(1, 5))
@settings(max_examples=30)
def test_nearest_rows_are_scipys(seed, n, count):
    rows = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    indices, distances = nearest(rows, min(count, n))
    apart = cdist(rows, rows, "cosine")
    np.fill_diagonal(apart, -1)  # itself first
    oracle = np.argsort(apart, axis=1)[:, : min(count, n)]
    np.testing.assert_array_equal(indices, oracle)
    np.testing.assert_allclose(distances, np.maximum(np.take_along_axis(apart, oracle, 1), 0), atol=1e-6)


def test_more_dimensions_than_there_are():
    features = make_features(("teacher",), widths={"teacher": 2})
    result = project(features, dimensions=3)
    assert (result.coordinates["teacher"][:, 2] == 0).all() and result.explained["teacher"][2] == 0
    assert principal_axes(np.ones((5, 3), np.float32), 2).explained == (0.0, 0.0)


def test_without_labels_the_teachers_predictions_group():
    result = project(make_features(labels=False))
    assert result.provenance["grouped_by"] == "prediction of teacher"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "isomap"}, "projection 'isomap'"),
        ({"space": "outer"}, "space 'outer'"),
        ({"dimensions": 4}, "4 dimensions"),
        ({"index": np.arange(3)}, "3 pixels are too few"),
        ({"index": np.arange(5) + 10**6}, "pixel 1000000"),
        ({"index": np.arange(5) - 1}, "pixel -1"),
    ],
)
def test_settings_that_do_not_exist(change, message):
    with pytest.raises(StudyError, match=message):
        project(make_features(), **change)


def test_tells_which_map_is_being_made():
    seen = []
    project(make_features(), progress=lambda fraction, text: seen.append((fraction, text)))
    assert [text.split()[2] for _, text in seen] == ["teacher,", "before,", "after,"]

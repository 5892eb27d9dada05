"""Centroids and their geometry against scikit-learn and slow, obvious versions."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from cirkd.analysis import geometry
from cirkd.analysis.centroids import centroids
from cirkd.analysis.geometry import cosine_silhouette, geometry_of
from cirkd.analysis.neighbours import pixel_relations
from cirkd.data.errors import StudyError
from tests.analysis import oracles
from tests.factories import make_features


def test_geometry_by_loops():
    features = make_features()
    result = centroids(features)
    label = features.pixels.label
    assert result.classes.tolist() == [0, 1, 2, 3] and result.counts.sum() == (label != 255).sum()
    for name, model in features.models.items():
        rows = oracles.unit(model.embedding)
        means = [rows[label == c].mean(axis=0) for c in range(4)]
        vectors = np.array([mean / np.linalg.norm(mean) for mean in means])
        np.testing.assert_allclose(result.vectors[name], vectors, atol=1e-5)
        np.testing.assert_allclose(result.cosine[name], vectors @ vectors.T, atol=1e-6)
        for c in range(4):
            members = rows[label == c]
            assert result.compactness[name][c] == pytest.approx(
                np.mean([row @ vectors[c] for row in members]), abs=1e-5
            )
            assert result.separation[name][c] == pytest.approx(
                1 - max(vectors[c] @ vectors[d] for d in range(4) if d != c), abs=1e-6
            )
            hits = [np.argmax(vectors @ row) == c for row in members]
            assert result.nearest_centroid_by_class[name][c] == pytest.approx(np.mean(hits))
        known = rows[label != 255]
        between = sum((label == c).sum() * ((means[c] - known.mean(0)) ** 2).sum() for c in range(4))
        within = sum(((rows[label == c] - means[c]) ** 2).sum() for c in range(4))
        assert result.fisher_ratio[name] == pytest.approx(between / within, rel=1e-5)
        assert result.silhouette[name] == pytest.approx(
            silhouette_score(known, label[label != 255], metric="cosine"), abs=1e-5
        )


def test_agreement_with_the_teacher():
    features = make_features()
    result = centroids(features)
    rows = {name: oracles.unit(model.embedding) for name, model in features.models.items()}
    known = np.flatnonzero(features.pixels.label != 255)
    for name, item in rows.items():
        assert result.cka_to_teacher[name] == pytest.approx(oracles.debiased_cka(item, rows["teacher"]), abs=1e-6)
        shared = [
            len(set(oracles.nearest(item[known], i, 10)) & set(oracles.nearest(rows["teacher"][known], i, 10)))
            for i in range(len(known))
        ]
        assert result.neighbour_overlap[name] == pytest.approx(np.mean(shared) / 10, abs=5e-3)
    assert result.cka_to_teacher["teacher"] == pytest.approx(1)
    assert result.neighbour_overlap["teacher"] == 1
    assert result.cka_to_teacher["before"] < result.cka_to_teacher["after"] < 1
    assert result.row_distance["before"].mean() > result.row_distance["after"].mean() > 0


def test_distances_are_of_relation_rows_and_see_neither_width_nor_rotation():
    features = make_features(widths={"before": 16})
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))
    features.models["before"].embedding[:] = 3 * features.models["teacher"].embedding @ turn
    result = centroids(features)
    np.testing.assert_allclose(result.row_distance["before"], 0, atol=1e-5)
    np.testing.assert_allclose(result.map["before"], result.map["teacher"], atol=1e-4)
    assert result.cka_to_teacher["before"] == pytest.approx(1, abs=1e-5)
    wanted = [
        np.mean([abs(result.cosine["after"][c, d] - result.cosine["teacher"][c, d]) for d in range(4) if d != c])
        for c in range(4)
    ]
    np.testing.assert_allclose(result.row_distance["after"], wanted)
    np.testing.assert_allclose(result.drift("before", "after"), wanted, atol=1e-5)
    np.testing.assert_allclose(
        result.approach("before", "after"), result.row_distance["before"] - result.row_distance["after"]
    )
    assert 0 < sum(result.map_explained) <= 1 + 1e-9


def test_one_class_and_no_class():
    features = make_features(classes=4)
    pixels = dataclasses.replace(features.pixels, label=np.where(features.pixels.label == 2, 2, 255).astype(np.uint8))
    result = centroids(dataclasses.replace(features, pixels=pixels))
    assert result.classes.tolist() == [2] and np.isnan(result.separation["teacher"]).all()
    assert np.isnan(result.row_distance["before"]).all() and np.isnan(result.silhouette["teacher"])
    assert result.nearest_centroid_accuracy["teacher"] == 1
    empty = dataclasses.replace(features.models["teacher"], prediction=np.full(192, 255, np.uint8))
    with pytest.raises(StudyError, match="no pixel in view belongs to a class"):
        centroids(dataclasses.replace(features, labels=None, models={"teacher": empty}))


def test_without_labels_or_teacher():
    assert centroids(make_features(labels=False)).provenance["grouped_by"] == "prediction of teacher"
    assert centroids(make_features(("before", "after"))).reference == "before"


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(4, 20), st.integers(1, 6), st.integers(1, 6))
def test_debiased_cka(seed, n, d, e):
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(n, d)) + 3, generator.normal(size=(n, e))
    spread = oracles.debiased_hsic(x @ x.T, x @ x.T) * oracles.debiased_hsic(y @ y.T, y @ y.T)
    if spread > 1e-3:
        assert geometry.debiased_cka(x, y) == pytest.approx(oracles.debiased_cka(x, y), abs=1e-5)


def test_debiased_cka_of_noise_is_about_zero_where_the_plain_one_is_not():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(400, 100)), generator.normal(size=(400, 100))
    assert abs(geometry.debiased_cka(x, y)) < 0.02
    assert np.isnan(geometry.debiased_cka(x[:3], y[:3]))
    assert np.isnan(geometry.debiased_cka(np.ones((9, 2)), y[:9]))


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 12))
def test_nearest_neighbours_are_scikit_learns(seed, n, count):
    rows = oracles.unit(np.random.default_rng(seed).normal(size=(n, 5)))
    found = geometry.nearest_neighbours(rows, count)
    count = min(count, n - 1)
    oracle = NearestNeighbors(n_neighbors=count, metric="cosine").fit(rows).kneighbors(return_distance=False)
    assert [set(row) for row in found] == [set(row) for row in oracle]
    other = np.sort(np.random.default_rng(seed + 1).permuted(np.tile(np.arange(n), (n, 1)), axis=1)[:, :count])
    shared = np.mean([len(set(a) & set(b)) / count for a, b in zip(found, other, strict=True)])
    assert geometry.overlap(found, other) == pytest.approx(shared)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_silhouette_is_scikit_learns(seed, kinds):
    generator = np.random.default_rng(seed)
    rows = oracles.unit(generator.normal(size=(30, 4)))
    groups = np.concatenate([np.arange(kinds), generator.integers(0, kinds, 30 - kinds)])
    assert cosine_silhouette(rows, groups) == pytest.approx(silhouette_score(rows, groups, metric="cosine"), abs=1e-9)


def test_classes_that_are_points():
    rows = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    found = geometry_of(rows, np.array([0, 0, 1, 1]), 2)
    assert found.fisher_ratio == np.inf and found.accuracy == 1
    np.testing.assert_allclose(found.compactness, 1)
    np.testing.assert_allclose(found.separation, 1)


def test_one_pixel_and_the_rest():
    features = make_features()
    result = pixel_relations(features, 17, 0.2, 7)
    teacher = set(oracles.nearest(oracles.unit(features.models["teacher"].embedding), 17, 7))
    for name, model in features.models.items():
        rows = oracles.unit(model.embedding)
        np.testing.assert_allclose(result.similarity[name], rows @ rows[17], atol=1e-5)
        np.testing.assert_allclose(result.distribution[name], oracles.softmax(rows @ rows[17], 0.2), atol=1e-5)
        assert result.neighbours[name].tolist() == oracles.nearest(rows, 17, 7)
        assert result.shared[name] == len(teacher & set(result.neighbours[name].tolist()))
    assert result.similarity["after"][17] == pytest.approx(1, abs=1e-5)
    with pytest.raises(StudyError, match="no pixel 192"):
        pixel_relations(features, 192)
    with pytest.raises(StudyError, match="temperature"):
        pixel_relations(features, 0, 0)


def test_a_shift_of_all_cosines_is_told_apart_from_other_differences() -> None:
    found = centroids(make_features())
    teacher, after = found.cosine["teacher"], found.cosine["after"]
    for a in range(len(teacher)):
        apart = [after[a, b] - teacher[a, b] for b in range(len(teacher)) if b != a]
        shift = sum(apart) / len(apart)
        assert found.shift("after")[a] == pytest.approx(shift)
        rest = sum(abs(value - shift) for value in apart) / len(apart)
        assert found.distance_beside_shift("after")[a] == pytest.approx(rest)

"""Relation matrices, divergences and means against loops, scikit-learn and the functions that training uses."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from cirkd.analysis.divergences import divergence
from cirkd.analysis.relations import class_means, region_relations, relation_pair, runs, spread
from cirkd.data.errors import StudyError
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.relations import normalize, region_embeddings, relation_divergence
from tests.analysis.oracles import mean_cosine, row_divergence, unit
from tests.factories import make_features


def maps(features, name):
    """Embeddings as a tensor [N, d, h, w]."""
    pixels = features.pixels
    return torch.from_numpy(
        np.stack([pixels.grid_map(features.models[name].embedding, i) for i in range(len(pixels.grid))])
    ).permute(0, 3, 1, 2)


@pytest.mark.parametrize("order", ["class", "position"])
@pytest.mark.parametrize("budget", [5, 20, 1000])
def test_relation_pair(order, budget):
    features = make_features()
    result = relation_pair(features, 1, 3, order, budget)
    for name, matrix in result.matrices.items():
        rows = features.models[name].embedding
        np.testing.assert_allclose(matrix, cosine_similarity(rows[result.rows], rows[result.columns]), atol=1e-5)
    assert 1 <= len(result.rows) <= min(budget, 48)
    assert (features.pixels.image[result.rows] == 1).all() and (features.pixels.image[result.columns] == 3).all()
    np.testing.assert_array_equal(result.row_labels, features.pixels.label[result.rows])
    if order == "class":
        assert (np.diff(result.row_labels.astype(int)) >= 0).all()
        assert [run.label for run in result.row_runs] == np.unique(result.row_labels).tolist()
    else:
        assert (np.diff(result.rows) > 0).all() and len(result.row_runs) == 1
    assert result.row_runs[-1].stop == len(result.rows)
    np.testing.assert_allclose(
        result.difference("after", "before"), result.matrices["after"] - result.matrices["before"]
    )


def test_relations_of_the_whole_batch_in_blocks():
    result = relation_pair(make_features(), None, None, "position", 80)
    assert [run.label for run in result.row_runs] == [0, 1, 2, 3]
    assert result.matrices["teacher"].shape == (72, 72)
    np.testing.assert_allclose(np.diag(result.matrices["before"]), 1, atol=1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 300))
def test_spread_stays_within_grid_and_budget(height, width, budget):
    found = spread(height, width, budget)
    assert 1 <= len(found) <= min(budget, height * width)
    assert (np.diff(found) > 0).all() and found.max() < height * width
    assert len(found) >= min(budget, height * width) / 4 or min(height, width) < 4


def test_runs():
    assert [(r.label, r.start, r.stop) for r in runs(np.array([3, 3, 0, 3], np.uint8))] == [
        (3, 0, 2),
        (0, 2, 3),
        (3, 3, 4),
    ]
    assert runs(np.zeros(0, np.uint8)) == ()


@pytest.mark.parametrize("arguments", [(9, 0), (0, -1), (0, 0, "colour"), (0, 0, "class", 0)])
def test_relation_pair_that_does_not_exist(arguments):
    with pytest.raises(StudyError):
        relation_pair(make_features(), *arguments)


@pytest.mark.parametrize("temperature", [0.005, 0.1, 1.0])
def test_divergence_by_a_loop(temperature):
    features = make_features(images=3, grid=(3, 4))
    result = divergence(features, temperature)
    units = {name: unit(model.embedding) for name, model in features.models.items()}
    teacher = units["teacher"]
    for name in ("before", "after"):
        images = [features.pixels.of_image(i) for i in range(3)]
        wanted = [
            np.mean(
                [row_divergence(units[name][i], units[name][k], teacher[i], teacher[k], temperature) for k in images]
            )
            for i in range(36)
        ]
        jointly = [row_divergence(units[name][i], units[name], teacher[i], teacher, temperature) for i in range(36)]
        assert result.jointly[name] == pytest.approx(np.mean(jointly), rel=1e-3)
        np.testing.assert_allclose(result.per_pixel[name], wanted, rtol=2e-3, atol=5e-5)
        assert result.mean[name] == pytest.approx(np.mean(wanted), rel=1e-3)
        for c in range(4):
            assert result.by_class[name][c] == pytest.approx(
                np.mean(np.array(wanted)[features.pixels.label == c]), rel=1e-3, nan_ok=True
            )
        for i in range(3):
            keys = features.pixels.of_image(2)
            pair = [
                row_divergence(units[name][p], units[name][keys], teacher[p], teacher[keys], temperature)
                for p in range(12 * i, 12 * i + 12)
            ]
            assert result.by_pair[name][i, 2] == pytest.approx(np.mean(pair), rel=2e-3)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.7])
def test_what_is_shown_is_what_is_trained(temperature):
    features = make_features()
    result = divergence(features, temperature)
    tensors = {name: torch.from_numpy(model.embedding) for name, model in features.models.items()}
    for name in ("before", "after"):
        student, teacher = tensors[name], tensors["teacher"]
        images = [features.pixels.of_image(i) for i in range(len(features.images))]
        by_image = [relation_divergence(student, student[k], teacher, teacher[k], temperature) for k in images]
        np.testing.assert_allclose(result.per_pixel[name], torch.stack(by_image).mean(dim=0), rtol=1e-3, atol=1e-5)
        jointly = relation_divergence(student, student, teacher, teacher, temperature)
        assert result.jointly[name] == pytest.approx(float(jointly.mean()), rel=1e-3)
        loss = minibatch_pixel_relation(maps(features, name), maps(features, "teacher"), temperature)
        assert result.batch_loss[name] == pytest.approx(float(loss), rel=1e-4)
        assert result.mean[name] == pytest.approx(float(loss), rel=1e-4)


def test_divergence_of_a_rotated_teacher_is_zero():
    features = make_features(widths={"after": 16})
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))
    features.models["after"].embedding[:] = 7 * features.models["teacher"].embedding @ turn
    result = divergence(features)
    assert result.per_pixel["after"].max() < 1e-4
    assert (result.per_pixel["after"] >= 0).all()
    assert result.mean["before"] > 0.01


def test_divergence_without_teacher_or_company():
    assert divergence(make_features(("before", "after"))).reference == "before"
    with pytest.raises(StudyError, match="only model"):
        divergence(make_features(("teacher",)))
    with pytest.raises(StudyError, match="temperature 0"):
        divergence(make_features(), 0)


def test_divergence_tells_how_far_it_is_and_can_be_cancelled():
    def cancel(fraction, text):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        divergence(make_features(), progress=cancel)


@pytest.mark.parametrize("across_images", [False, True])
def test_class_means_by_a_loop(across_images):
    features = make_features(images=3, grid=(3, 4))
    result = class_means(features, across_images)
    image, label = features.pixels.image, features.pixels.label
    for name, matrix in result.matrices.items():
        rows = unit(features.models[name].embedding)
        for i, a in enumerate(result.classes):
            for j, b in enumerate(result.classes):
                of_a, of_b = np.flatnonzero(label == a), np.flatnonzero(label == b)

                def out(x, y, of_a=of_a, of_b=of_b):
                    return image[of_a[x]] == image[of_b[y]] if across_images else of_a[x] == of_b[y]

                assert matrix[i, j] == pytest.approx(mean_cosine(rows[of_a], rows[of_b], out), abs=1e-5, nan_ok=True)
    assert result.counts.sum() == (label != 255).sum()


def test_region_relations():
    features = make_features()
    result = region_relations(features, 2, 30)
    labels = torch.from_numpy(features.pixels.label.reshape(4, 6, 8).astype(np.int64))
    for name, matrix in result.matrices.items():
        regions = region_embeddings(normalize(maps(features, name), dim=1), labels, num_classes=4)
        rows = unit(features.models[name].embedding)[result.rows]
        np.testing.assert_allclose(matrix, rows @ regions.embedding.numpy().T, atol=1e-5)
        np.testing.assert_array_equal(result.region_image, regions.image)
        np.testing.assert_array_equal(result.region_label, regions.label)
    assert region_relations(features, None, 40).rows.max() > features.pixels.of_image(3).start


def test_nothing_belongs_to_a_class():
    features = make_features()
    empty = dataclasses.replace(features.models["teacher"], prediction=np.full(192, 255, np.uint8))
    features = dataclasses.replace(
        features, labels=None, pixels=make_features(labels=False).pixels, models={"teacher": empty}
    )
    for function in (class_means, region_relations):
        with pytest.raises(StudyError, match="no pixel in view belongs to a class"):
            function(features)


def test_without_labels_predictions_order_the_matrix():
    result = relation_pair(make_features(labels=False))
    assert result.provenance["grouped_by"] == "prediction of teacher"


def test_divergence_of_a_student_is_kept_when_another_comes(monkeypatch):
    from cirkd import relations
    from cirkd.cache import Cache

    features, kept, made = make_features(images=2, grid=(3, 4)), Cache(), []
    units = {name: features.models[name].unit_embedding() for name in ("before", "after")}
    whole = divergence(features)
    one = dataclasses.replace(features, models={n: features.models[n] for n in ("teacher", "before")})
    genuine = relations.divergence_maps

    def counted(students, *arguments):
        made.append([n for rows in students for n, unit in units.items() if np.allclose(rows, unit, atol=1e-6)])
        return genuine(students, *arguments)

    monkeypatch.setattr(relations, "divergence_maps", counted)
    divergence(one, kept=kept)
    result = divergence(features, kept=kept)
    assert made == [["before"], ["after"]]
    for name in ("before", "after"):
        np.testing.assert_allclose(result.per_pixel[name], whole.per_pixel[name], rtol=1e-6)
        np.testing.assert_allclose(result.by_pair[name], whole.by_pair[name], rtol=1e-6)
        assert result.jointly[name] == pytest.approx(whole.jointly[name], rel=1e-6)
    divergence(features, 0.2, kept=kept)
    assert made[2:] == [["before", "after"]]

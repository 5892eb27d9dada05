"""One pixel's story and the scores and table of some pixels, against the slow and obvious."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from cirkd.analysis.divergences import divergence
from cirkd.analysis.explorer_selection import as_csv, as_parquet, selection_scores, selection_table
from cirkd.analysis.neighbours import pixel_story
from cirkd.analysis.projection import project
from cirkd.data.errors import StudyError
from tests.analysis.oracles import nearest, row_divergence, softmax, unit
from tests.factories import make_features

PIXEL, TAU = 77, 0.15


def test_divergence_is_one_row_of_the_loss_split_by_image_and_class() -> None:
    features = make_features()
    story = pixel_story(features, PIXEL, TAU)
    groups = features.grouping().values
    rows = {name: unit(model.embedding) for name, model in features.models.items()}
    images = [features.pixels.of_image(i) for i in range(4)]
    for name in ("before", "after"):
        wanted = [
            row_divergence(rows[name][PIXEL], rows[name][image], rows["teacher"][PIXEL], rows["teacher"][image], TAU)
            for image in images
        ]
        np.testing.assert_allclose(story.by_image[name], wanted, rtol=1e-4)
        assert story.divergence[name] == pytest.approx(np.mean(wanted), rel=1e-4)
        assert story.divergence[name] == pytest.approx(divergence(features, TAU).per_pixel[name][PIXEL], rel=1e-3)
        parts = np.zeros(5)
        for image in images:
            q = softmax(rows["teacher"][image] @ rows["teacher"][PIXEL], TAU)
            p = softmax(rows[name][image] @ rows[name][PIXEL], TAU)
            for pixel, value in zip(range(image.start, image.stop), q * np.log(q / p), strict=True):
                parts[min(groups[pixel], 4)] += value / 4
        np.testing.assert_allclose(story.by_class[name], parts[:4], atol=1e-5)
        assert story.by_class[name].sum() + parts[4] == pytest.approx(story.divergence[name], abs=1e-5)
    assert "teacher" not in story.divergence


def test_relations_by_class_are_means_without_the_pixel_itself() -> None:
    features = make_features()
    story = pixel_story(features, PIXEL, TAU, neighbours=5)
    groups = features.grouping().values
    for name, model in features.models.items():
        rows = unit(model.embedding)
        for c in range(4):
            others = [rows[i] @ rows[PIXEL] for i in range(len(rows)) if groups[i] == c and i != PIXEL]
            assert story.cosine[name][c] == pytest.approx(np.mean(others), abs=1e-5)
        share = np.zeros(256)
        for i in range(4):
            image = features.pixels.of_image(i)
            for group, value in zip(groups[image], softmax(rows[image] @ rows[PIXEL], TAU), strict=True):
                share[group] += value / 4
        np.testing.assert_allclose(story.share[name], share[:4], atol=1e-5)
        assert story.relations.neighbours[name].tolist() == nearest(rows, PIXEL, 5)
    assert (story.image, story.row, story.column) == (1, 3, 5)


def test_a_class_that_is_nowhere_else_has_no_cosine() -> None:
    features = make_features(labels=False, models=("teacher",))
    features.models["teacher"].prediction[:] = 1
    features.models["teacher"].prediction[PIXEL] = 2
    story = pixel_story(features, PIXEL)
    assert np.isnan(story.cosine["teacher"][[0, 2, 3]]).all()
    assert story.divergence == {}
    with pytest.raises(StudyError, match="there is no pixel 192"):
        pixel_story(features, 192)


def test_selection_scores_count_the_chosen_pixels_alone() -> None:
    features = make_features()
    chosen = list(range(10, 90, 3))
    found = divergence(features, TAU)
    for name, score in selection_scores(features, chosen, found).items():
        model, ious = features.models[name], []
        pairs = [(int(features.pixels.label[p]), int(model.prediction[p])) for p in chosen]
        pairs = [(a, b) for a, b in pairs if a != 255]
        for c in sorted({a for a, _ in pairs}):
            right = sum(a == b == c for a, b in pairs)
            ious.append(right / sum(c in (a, b) for a, b in pairs))
        assert score.accuracy == pytest.approx(np.mean([a == b for a, b in pairs]))
        assert score.miou == pytest.approx(np.mean(ious))
        assert score.confidence == pytest.approx(np.mean([model.confidence[p] for p in chosen]))
        if name == "teacher":
            assert np.isnan(score.divergence)
        else:
            assert score.divergence == pytest.approx(np.mean([found.per_pixel[name][p] for p in chosen]), rel=1e-5)
    unlabelled = selection_scores(make_features(labels=False), chosen)["before"]
    assert np.isnan([unlabelled.accuracy, unlabelled.miou, unlabelled.divergence]).all()


def test_the_table_of_chosen_pixels_as_csv_and_parquet() -> None:
    features = make_features()
    chosen, item = [3, 40, 41, 150], project(features, "pca", 2, np.array([3, 41, 150, 151]))
    table = selection_table(features, chosen, {"pca": item}, divergence(features), embeddings=True)
    back = pq.read_table(BytesIO(as_parquet(table))).to_pydict()
    assert back["pixel"] == chosen
    assert back["image"] == [features.image_names[p // 48] for p in chosen]
    assert [48 * (p // 48) + 8 * r + c for p, r, c in zip(chosen, back["row"], back["column"], strict=True)] == chosen
    assert back["pca_x_teacher"][1] is None
    assert back["pca_x_teacher"][0] == pytest.approx(float(item.coordinates["teacher"][0, 0]))
    np.testing.assert_array_equal(back["embedding_after"], features.models["after"].embedding[chosen])
    names = features.classes.names
    assert back["prediction_before"] == [names[features.models["before"].prediction[p]] for p in chosen]
    assert "divergence_teacher" not in back
    text = csv.read_csv(BytesIO(as_csv(selection_table(features, chosen)))).to_pydict()
    assert text["pixel"] == chosen
    assert text["label"] == [names[v] if v < 4 else "" for v in features.pixels.label[chosen]]

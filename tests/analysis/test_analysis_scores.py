"""Scores against torchmetrics; changes against a loop over the pixels."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_jaccard_index,
)

from cirkd.analysis.scores import BROKEN, FIXED, SAME_CORRECT, SAME_WRONG, confusion, pixel_change, scores
from cirkd.charts import confusion as charts
from cirkd.data.errors import StudyError
from tests.factories import make_classes, make_features


def everything(maps):
    return torch.from_numpy(np.concatenate([item.reshape(-1) for item in maps]).astype(np.int64))


def test_agrees_with_torchmetrics():
    features = make_features(classes=4)
    result = scores(features)
    truth = everything(features.labels)
    for name, score in result.models.items():
        prediction = everything(features.models[name].prediction_maps)
        common = {"num_classes": 4, "ignore_index": 255}
        np.testing.assert_array_equal(score.confusion, multiclass_confusion_matrix(prediction, truth, **common))
        np.testing.assert_allclose(
            score.iou, multiclass_jaccard_index(prediction, truth, average="none", **common), atol=1e-6
        )
        assert score.miou == pytest.approx(float(multiclass_jaccard_index(prediction, truth, **common)), abs=1e-6)
        assert score.pixel_accuracy == pytest.approx(
            float(multiclass_accuracy(prediction, truth, average="micro", **common)), abs=1e-6
        )
        np.testing.assert_allclose(
            score.class_accuracy, multiclass_accuracy(prediction, truth, average="none", **common), atol=1e-6
        )
        assert score.image_miou.shape == (4,) and not score.note
    assert result.pixels == int((truth != 255).sum())
    np.testing.assert_allclose(
        result.iou_change("before", "after"), result.models["after"].iou - result.models["before"].iou
    )


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_confusion_counts_every_pair(seed, count):
    generator = np.random.default_rng(seed)
    label = np.where(generator.random((3, 5)) < 0.2, 255, generator.integers(0, count, (3, 5))).astype(np.uint8)
    prediction = generator.integers(0, count + 1, (3, 5)).astype(np.uint8)
    prediction[prediction == count] = 255
    wanted = np.zeros((count, count + 1), np.int64)
    for y in range(3):
        for x in range(5):
            if label[y, x] != 255:
                wanted[label[y, x], min(prediction[y, x], count)] += 1
    np.testing.assert_array_equal(confusion(label, prediction, count), wanted)


def test_a_class_that_no_image_shows_is_nan_for_every_model():
    features = make_features(classes=3)
    wider = dataclasses.replace(features, classes=make_classes(5))
    result = scores(wider)
    assert result.present.tolist() == [True] * 3 + [False] * 2
    for name, score in result.models.items():
        assert np.isnan(score.iou[3:]).all()
        assert score.miou == pytest.approx(scores(features).models[name].miou)


def test_pixels_taken_for_a_class_that_the_labels_lack_count_as_labelled():
    features = make_features(("before", "after"), images=1)
    label = features.labels[0]
    counted = np.bincount(label.reshape(-1), minlength=256)[:4]
    other = np.where(label == 1, 255, label).astype(np.uint8)
    model = dataclasses.replace(features.models["before"], prediction_maps=(other,))
    found = scores(dataclasses.replace(features, models={**features.models, "before": model}))
    np.testing.assert_array_equal(found.labelled, counted)
    assert found.pixels == counted.sum() == (label != 255).sum()
    np.testing.assert_allclose(charts.shares(found, "before"), np.diag([1.0, 0, 1, 1]))


def test_without_labels_everything_is_nan_and_says_why():
    result = scores(make_features(labels=False))
    for score in result.models.values():
        assert np.isnan(score.miou) and np.isnan(score.iou).all() and score.confusion.sum() == 0
        assert score.note == "no image in view is labelled"


def test_a_model_of_other_classes_is_not_scored():
    features = make_features()
    other = dataclasses.replace(features.models["before"], comparable=False)
    features = dataclasses.replace(features, models={**features.models, "before": other})
    result = scores(features)
    assert np.isnan(result.models["before"].miou) and "other classes" in result.models["before"].note
    assert not np.isnan(result.models["after"].miou)
    assert "other classes" in pixel_change(features).note


def test_pixel_change_by_a_loop():
    features = make_features()
    change = pixel_change(features)
    totals = {0: 0, 1: 0, 2: 0, 3: 0, 255: 0}
    by_class = np.zeros((4, 4), int)
    for i, label in enumerate(features.labels):
        for y, x in np.ndindex(label.shape):
            was = features.models["before"].prediction_maps[i][y, x] == label[y, x]
            now = features.models["after"].prediction_maps[i][y, x] == label[y, x]
            wanted = {
                (True, True): SAME_CORRECT,
                (False, False): SAME_WRONG,
                (False, True): FIXED,
                (True, False): BROKEN,
            }[bool(was), bool(now)]
            wanted = 255 if label[y, x] == 255 else wanted
            assert change.maps[i][y, x] == wanted
            totals[wanted] += 1
            if wanted != 255:
                by_class[label[y, x], wanted] += 1
    assert list(change.counts.values()) == list(totals.values())
    np.testing.assert_array_equal(change.by_class, by_class)
    np.testing.assert_array_equal(change.by_image.sum(0), by_class.sum(0))
    assert change.grid.shape == (len(features.pixels),) and (change.grid == FIXED).any()


def test_pixel_change_without_labels_or_models():
    change = pixel_change(make_features(labels=False))
    assert all((item == 255).all() for item in change.maps) and change.note
    assert change.counts["fixed"] == 0
    with pytest.raises(StudyError, match=r"no model 'after'.*teacher, before"):
        pixel_change(make_features(("teacher", "before")))

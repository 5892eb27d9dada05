"""The drift map holds the result's coordinates, its arrows lead from before to after."""

import numpy as np
import pytest

from cirkd.analysis.scores import scores
from cirkd.charts import centroids as charts
from tests.charts.results import make_centroids
from tests.factories import make_features


def test_marks_are_the_centroids_and_arrows_lead_from_before_to_after():
    features = make_features()
    result = make_centroids(features)
    figure = charts.drift_map(result, features.classes, ("before", "after"))
    wanted = ["rgb({},{},{})".format(*features.classes.colors[c]) for c in result.classes]
    for name, trace in zip(result.map, figure.data, strict=False):
        np.testing.assert_array_equal(np.column_stack([trace.x, trace.y]), result.map[name])
        assert list(trace.marker.color) == wanted
    symbols = [trace.marker.symbol for trace in figure.data[: len(result.map)]]
    assert len(set(symbols)) == 3
    arrows = figure.layout.annotations
    assert len(arrows) == len(result.classes)
    np.testing.assert_allclose([(a.ax, a.ay) for a in arrows], result.map["before"])
    np.testing.assert_allclose([(a.x, a.y) for a in arrows], result.map["after"])


@pytest.mark.parametrize("models", [("teacher",), ("after",), ("teacher", "after")])
def test_without_two_students_there_are_marks_and_no_arrows(models):
    features = make_features(models)
    figure = charts.drift_map(make_centroids(features), features.classes, None)
    assert len(figure.data) == len(models)
    assert not figure.layout.annotations


def test_gain_sets_approach_against_the_change_of_iou():
    features = make_features()
    result, scored = make_centroids(features), scores(features)
    (trace,) = charts.gain(result, scored, features.classes, ("before", "after")).data
    np.testing.assert_allclose(trace.x, result.approach("before", "after"))
    change = scored.iou_change("before", "after")
    np.testing.assert_allclose(trace.y, [100 * change[c] for c in result.classes])

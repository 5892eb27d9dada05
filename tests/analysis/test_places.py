"""The places shown are those where most changed, by counting every window the slow way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cirkd.analysis.places import CODES, LEAST, Kind, changed_places, window_sums
from cirkd.analysis.scores import pixel_change
from cirkd.data.errors import StudyError
from tests.factories import make_features


def test_sums_of_windows_are_sums_of_windows() -> None:
    values = np.random.default_rng(0).normal(size=(9, 13))
    found = window_sums(values, 4, 5)
    assert found.shape == (6, 9)
    for y in range(6):
        for x in range(9):
            assert found[y, x] == pytest.approx(values[y : y + 4, x : x + 5].sum())


@pytest.mark.parametrize("kind", ["fixed", "broken"])
def test_the_first_place_of_a_kind_is_the_one_where_most_changed(kind: Kind) -> None:
    features = make_features()
    pair = ("before", "after") if kind == "fixed" else ("after", "before")  # `after` is the better one
    change = pixel_change(features, *pair)
    first = changed_places(features, change, 4)[0]
    assert first.kind == kind
    code, other = CODES[kind], CODES["broken" if kind == "fixed" else "fixed"]
    best = -1.0
    for values in change.maps:
        for top in range(values.shape[0] - first.height + 1):
            for left in range(values.shape[1] - first.width + 1):
                window = values[top : top + first.height, left : left + first.width]
                best = max(best, float((window == code).sum() - (window == other).sum()))
    window = first.cut(change.maps[first.image])
    assert (window == code).sum() - (window == other).sum() == best
    assert best / window.size >= LEAST
    assert first.share == pytest.approx((window == code).mean())


def test_a_place_says_what_was_taken_for_what_and_none_overlap() -> None:
    features = make_features()
    change = pixel_change(features)
    places = changed_places(features, change, 4)
    assert features.labels is not None
    drawn = [np.zeros(values.shape, int) for values in change.maps]
    for place in places:
        place.cut(drawn[place.image])[...] += 1
        assert change.maps[place.image][place.middle] == CODES[place.kind]
        mask = place.cut(change.maps[place.image]) == CODES[place.kind]
        labels = place.cut(features.labels[place.image])[mask]
        label = np.bincount(labels).argmax()
        wrong = features.models["before" if place.kind == "fixed" else "after"].prediction_maps[place.image]
        assert place.label == features.classes.names[label]
        assert place.other == features.classes.names[np.bincount(place.cut(wrong)[mask][labels == label]).argmax()]
    assert max(item.max() for item in drawn) == 1


def test_where_nothing_changed_there_is_no_place_and_without_labels_a_line_says_so() -> None:
    features = make_features()
    same = dataclasses.replace(features, models={**features.models, "after": features.models["before"]})
    assert changed_places(same, pixel_change(same)) == []
    bare = make_features(labels=False)
    with pytest.raises(StudyError, match="label"):
        changed_places(bare, pixel_change(bare))

"""Names of marks lie apart; where there is no room a name is left to hovering."""

import itertools

import numpy as np

from cirkd.charts import labels


def boxes(points, places, texts, size):
    at = labels._pixels(points, size)
    return [labels._box(x, y, labels.PLACES[p], t) for (x, y), p, t in zip(at, places, texts, strict=True) if t]


def test_names_of_spread_marks_all_stand_and_lie_apart():
    points = np.array([[i % 5, i // 5] for i in range(15)], float)
    texts = [f"class {i}" for i in range(15)]
    places, shown = labels.positions(points, texts)
    assert shown == texts
    for a, b in itertools.combinations(boxes(points, places, shown, (520, 460)), 2):
        assert labels._overlap(a, b) == 0


def test_names_of_crowded_marks_never_cover_each_other():
    points = [*np.random.default_rng(0).normal(scale=0.01, size=(12, 2)).tolist(), [5.0, 5.0]]
    texts = [f"a long name {i}" for i in range(13)]
    places, shown = labels.positions(points, texts)
    assert 1 < sum(map(bool, shown)) < 13
    found = boxes(points, places, shown, (520, 460))
    for a, b in itertools.combinations(found, 2):
        assert labels._overlap(a, b) <= 0.12 * 14 * labels.LETTER * labels.LINE


def test_two_marks_at_one_place_take_different_sides():
    places, shown = labels.positions([[0, 0], [0.001, 0], [9, 9]], ["left", "right", "far"])
    assert all(shown)
    assert places[0] != places[1]

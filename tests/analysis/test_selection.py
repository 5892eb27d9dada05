"""The make-up of chosen pixels, counted the slow way."""

import math

from cirkd.analysis.selection import composition
from tests.factories import make_features


def test_counts_and_shares_match_a_plain_loop():
    features = make_features()
    pixels = list(range(5, len(features.pixels), 7))
    found = composition(features, pixels)
    labels = [int(features.pixels.label[p]) for p in pixels]
    assert dict(found.classes) == {c: labels.count(c) for c in set(labels)}
    assert [n for _, n in found.classes] == sorted((n for _, n in found.classes), reverse=True)
    images = [int(features.pixels.image[p]) for p in pixels]
    assert dict(found.images) == {i: images.count(i) for i in set(images)}
    known = [p for p in pixels if features.pixels.label[p] != 255]
    for name, model in features.models.items():
        right = sum(model.prediction[p] == features.pixels.label[p] for p in known)
        assert found.right[name] == right / len(known)
    assert found.pixels == len(pixels)
    assert found.grouped_by == "label"


def test_without_labels_nothing_is_right_or_wrong():
    found = composition(make_features(labels=False), [0, 1, 2])
    assert all(math.isnan(share) for share in found.right.values())
    assert found.grouped_by == "prediction of teacher"


def test_no_pixels_have_no_make_up():
    found = composition(make_features(), [])
    assert (found.pixels, found.classes, found.images) == (0, (), ())

"""The make-up of chosen pixels, counted the slow way."""

from cirkd.analysis.explorer_selection import composition
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
    assert found.pixels == len(pixels)
    assert found.grouped_by == "label"


def test_without_labels_pixels_count_as_what_the_teacher_predicts():
    features = make_features(labels=False)
    found = composition(features, [0, 1, 2])
    predicted = features.models["teacher"].prediction[:3].tolist()
    assert dict(found.classes) == {c: predicted.count(c) for c in set(predicted)}
    assert found.grouped_by == "prediction of teacher"


def test_no_pixels_have_no_make_up():
    found = composition(make_features(), [])
    assert (found.pixels, found.classes, found.images) == (0, (), ())

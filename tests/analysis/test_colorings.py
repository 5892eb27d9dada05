"""Colourings: every pixel is of the category, or at the number, that a plain loop finds."""

import dataclasses

import pytest

from cirkd.analysis.colorings import (
    COLORINGS,
    NO_CATEGORY,
    Kinds,
    Scale,
    all_colors,
    pixel_colors,
)
from cirkd.analysis.divergences import divergence
from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.explorer_encode import encode
from cirkd.data.errors import StudyError
from tests.analysis.test_explorer_block import read
from tests.factories import make_features


def plainly(features, by, model, found):
    """Name of each pixel's category, or its number, one pixel at a time."""
    own, label = features.models[model], features.pixels.label
    old, new = features.models["before"].prediction, features.models["after"].prediction
    kinds = ["right in both", "wrong in both", "fixed", "broken"]
    names = (*features.classes.names, *["unlabelled"] * 256)
    for p, truth in enumerate(label):
        right = (old[p] == truth, new[p] == truth)
        change = kinds[[(True, True), (False, False), (False, True), (True, False)].index(right)]
        yield {
            "class": names[truth],
            "prediction": own.classes.names[own.prediction[p]],
            "image": features.image_names[features.pixels.image[p]],
            "error": "unlabelled" if truth == 255 else "right" if own.prediction[p] == truth else "wrong",
            "change": "unlabelled" if truth == 255 else change,
            "confidence": own.confidence[p],
            "divergence": 0.0 if model == features.reference else found.per_pixel[model][p],
        }[by]


@pytest.mark.parametrize("model", ["teacher", "after"])
@pytest.mark.parametrize("by", COLORINGS)
def test_every_pixel_is_coloured_by_what_it_is(by, model):
    features = make_features()
    found = divergence(features)
    colors = pixel_colors(features, by, model, found)
    wanted = list(plainly(features, by, model, found))
    if isinstance(colors, Scale):
        assert colors.values.tolist() == pytest.approx(wanted)
        places = [int(min(max(value / colors.high, 0), 1) * 255) for value in colors.values.astype(float)]
        assert colors.codes.tolist() == places
    else:
        assert [colors.categories[code].name for code in colors.codes.tolist()] == wanted
        assert sorted({*wanted}) == sorted(kind.name for kind in colors.categories.values())


def test_every_colouring_is_sent_to_the_explorer_as_it_is_painted():
    features = make_features()
    block, found = explorer_block(features), divergence(features)
    header, open_ref = read(encode(block, {}, colors=all_colors(features, found)))
    assert [item["name"] for item in header["colorings"]] == list(COLORINGS)
    for item in header["colorings"]:
        assert item["label"] == COLORINGS[item["name"]].label and list(item["models"]) == list(features.models)
        for model, drawn in item["models"].items():
            painted = pixel_colors(features, item["name"], model, found)
            assert open_ref(drawn["codes"]).tolist() == painted.codes[block.index].tolist()
            if isinstance(painted, Kinds):
                kinds = painted.categories
                wanted = [[c, kind.name, kind.light, kind.dark or kind.light] for c, kind in kinds.items()]
                assert drawn["categories"] == wanted


def test_without_labels_only_what_can_be_told_is_offered():
    bare = make_features(labels=False)
    assert list(all_colors(bare)) == ["class", "prediction", "image", "confidence", "divergence"]
    assert list(all_colors(bare, wait=False)) == ["class", "prediction", "image", "confidence"]
    kinds = pixel_colors(bare, "class")
    assert isinstance(kinds, Kinds) and kinds.note == "prediction of teacher"
    assert (kinds.codes == bare.models["teacher"].prediction).all()


def test_a_divergence_that_is_to_come_is_drawn_as_none():
    colors = all_colors(make_features())["divergence"]["after"]
    assert isinstance(colors, Scale) and not colors.values.any() and colors.ends == ("0", "1.00")


def test_a_model_of_other_classes_is_neither_right_nor_wrong():
    features = make_features()
    models = {**features.models, "after": dataclasses.replace(features.models["after"], comparable=False)}
    colors = pixel_colors(dataclasses.replace(features, models=models), "error", "after")
    assert isinstance(colors, Kinds) and list(colors.categories.items()) == [(255, NO_CATEGORY)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mood",), "choose one of: class, prediction"),
        (("class", "nobody"), "this study has: teacher"),
        (("divergence",), "needs the relation divergence"),
    ],
)
def test_what_does_not_exist_is_said(arguments, words):
    with pytest.raises(StudyError, match=words):
        pixel_colors(make_features(), *arguments)


def test_what_a_study_does_not_tell_is_said():
    with pytest.raises(StudyError, match="choose one of: class, prediction, image, confidence, divergence"):
        pixel_colors(make_features(labels=False), "change")

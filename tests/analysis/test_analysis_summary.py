"""The sentences say what the numbers say."""

import dataclasses

import numpy as np
import pytest

from cirkd.analysis.centroids import centroids, row_differences
from cirkd.analysis.divergences import divergence
from cirkd.analysis.scores import scores
from cirkd.analysis.stored_scores import StoredScore, few_labels, seed_gain, whole_split_change
from cirkd.analysis.summary import sentences
from tests.factories import make_features


def summarise(features):
    compared = divergence(features) if len(features.models) > 1 else None
    return sentences(features, scores(features), compared, centroids(features))


def swapped(features):
    """The same with the roles of before and after exchanged."""
    models = features.models
    return dataclasses.replace(
        features, models={"teacher": models["teacher"], "before": models["after"], "after": models["before"]}
    )


def test_better_and_worse_are_said_as_plainly():
    features = make_features()
    better, worse = summarise(features), summarise(swapped(features))
    score = scores(features)
    points = 100 * (score.models["after"].miou - score.models["before"].miou)
    assert points > 0.1
    assert f"raised the mIoU on these images by {points:.1f} points" in better[0]
    assert f"is worse on these images: its mIoU fell by {points:.1f} points" in worse[0]
    assert "came closer to the teacher's" in better[1] and "lower" in better[1]
    assert "moved away from the teacher's" in worse[1] and "higher" in worse[1]
    assert "gained most" in better[2] and "lost most" in worse[2]
    assert len(better) == len(worse) == 3


def test_the_class_named_is_the_one_that_gained_most():
    features = make_features()
    change = scores(features).iou_change("before", "after")
    sentence = summarise(features)[2]
    assert sentence.startswith(f"`{features.classes.names[change.argmax()]}` gained most, {100 * change.max():.1f}")
    moved = centroids(features).approach("before", "after")[change.argmax()]
    assert f"{abs(moved):.2g} {'closer to' if moved > 0 else 'farther from'} the teacher's" in sentence


def test_no_change():
    features = make_features()
    models = {**features.models, "before": features.models["after"]}
    found = summarise(dataclasses.replace(features, models=models))
    assert "left the mIoU on these images where it was" in found[0]
    assert "as far from the teacher's as before" in found[1]
    assert found[2] == "No class changed by as much as 0.1 IoU points."


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize(
    "models", [("teacher",), ("before",), ("after",), ("teacher", "after"), ("before", "after"), ("teacher", "mine")]
)
def test_whatever_is_missing(models, labels):
    found = summarise(make_features(models, labels=labels))
    assert 1 <= len(found) <= 3 and all(sentence.endswith((".", ")")) for sentence in found)
    assert not any("nan" in sentence for sentence in found)


def test_without_labels_the_embeddings_are_compared():
    found = summarise(make_features(labels=False))
    assert found[0].startswith("Without labels")
    assert "classes came closer to the teacher's" in found[2]


def test_only_some_results():
    features = make_features()
    assert sentences(features) == []
    assert len(sentences(features, divergence=divergence(features))) == 1


def stored(split: str, miou: float, images: int = 60) -> StoredScore:
    return StoredScore("streets", split, images, miou, 0.5, {})


def test_whole_splits_are_told_apart_from_the_images_in_view() -> None:
    val = {"before": stored("val", 0.26), "after": stored("val", 0.264)}
    test = {"before": stored("test", 0.26), "after": stored("test", 0.245)}
    text = whole_split_change([val, test], "before", "after")
    assert text == (
        "On all of streets, the distilled student scores higher on one split and lower on the other: mIoU rose by 0.4 "
        "points on val, from 26.0 to 26.4 % (60 images), and fell by 1.5 points on test, from 26.0 to 24.5 % (60 "
        "images). This is one pair of runs with one seed, so it cannot tell a gain from the noise of training."
    )
    elsewhere = whole_split_change([val], "before", "after", data="folder")
    assert elsewhere.startswith("On all of streets, which they were trained for, not here, the")
    same = dict.fromkeys(val, stored("val", 0.26))
    more = {**same, "after": stored("val", 0.265)}
    for one, verdict in (
        (val, "much the same: mIoU rose by 0.4"),
        (more, "higher: mIoU rose by 0.5"),
        (test, "lower: mIoU fell"),
        (same, "the same: mIoU stayed at 26.0 %"),
    ):
        assert f"the distilled student scores {verdict}" in whole_split_change([one], "before", "after")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.2, 0.9, "within the noise"), (0.1, 0.9, "a gain beyond the noise"), (-2.0, -0.1, "a loss beyond the noise")],
)
def test_a_gain_within_noise_is_called_that(low: float, high: float, said: str) -> None:
    entry = {"over": "alone", "split": "val", "difference": (low + high) / 2, "low": low, "high": high, "seeds": 8}
    alone, taught = {"recipe": {"name": "alone"}}, {"gain": entry}
    val = {"before": stored("val", 0.26), "after": stored("val", 0.264)}
    text = whole_split_change([val], "before", "after", seed_gain(alone, taught))
    assert "Over 8 seeds the mean change on val is" in text and said in text
    assert seed_gain({"recipe": {"name": "kd"}}, taught) is None, "another one before: not what was gained over it"
    assert seed_gain(alone, {}) is None and seed_gain(alone, {"gain": {"low": 1}}) is None


def test_few_labels_are_said_and_unlike_ones_warned_of() -> None:
    alone, few = {"recipe": {"labelled_share": 0.125}}, {"recipe": {"labelled_share": 0.125, "teacher": "t"}}
    whole = {"recipe": {"labelled_share": 1.0, "teacher": "t"}}
    assert few_labels(whole, whole) == few_labels({}, whole) == few_labels({"recipe": None}, {}) == ""
    assert few_labels(alone, few).startswith("Both had the labels of 12.5 % of the training images; the distilled one")
    assert "12.5 % of the training images, the one after of 100 %, so the two differ in their labels" in few_labels(
        alone, whole
    )
    val = {"before": stored("val", 0.26), "after": stored("val", 0.3)}
    said = few_labels(alone, few)
    assert f"(60 images). {said} This is one pair" in whole_split_change([val], "before", "after", taught=said)


def test_whole_splits_are_compared_only_where_both_were_measured_on_the_same() -> None:
    other = {"before": stored("val", 0.2), "after": stored("val", 0.3, images=5)}
    assert (
        whole_split_change([{"after": stored("val", 0.2)}, {"before": None, "after": None}, other], "before", "after")
        == ""
    )


def test_a_student_of_other_classes_is_named_and_not_said_to_lack_labels() -> None:
    features = make_features()
    other = dataclasses.replace(features.models["after"], comparable=False, note="other classes")
    features = dataclasses.replace(features, models={**features.models, "after": other})
    found = summarise(features)
    assert found[0].startswith("After knows other classes than these labels")
    assert "there are no scores" not in " ".join(found)


def test_relations_and_centroids_that_went_different_ways_are_told_in_one_sentence() -> None:
    features = make_features()
    compared, found = divergence(features), centroids(features)
    apart = {**found.row_distance, "before": found.row_distance["after"] - 0.1}
    text = sentences(features, None, compared, dataclasses.replace(found, row_distance=apart))[0]
    count = len(found.classes)
    assert f"The centroids of {count} of {count} classes moved away from the teacher's all the same" in text
    assert "all the same" not in " ".join(sentences(features, None, compared, found))


def test_cosines_that_all_rose_alike_are_said_to_be_why_centroids_moved() -> None:
    features = make_features()
    compared, found = divergence(features), centroids(features)
    teacher, count = found.cosine["teacher"], len(found.classes)
    others = 1 - np.eye(count)
    level = found.cosine["before"] - (np.nanmean(found.shift("before")) + 0.002) * others
    cosine = {**found.cosine, "before": level, "after": teacher + 0.3 * others}
    apart = {name: row_differences(matrix, teacher) for name, matrix in cosine.items()}
    apart["before"] = apart["after"] - 0.1
    text = sentences(features, None, compared, dataclasses.replace(found, cosine=cosine, row_distance=apart))[0]
    assert "cosines between classes are 0.30 higher than the teacher's on the whole (+0.00 before)" in text
    assert f"Without that shift {count} of {count} came closer." in text


def test_classes_that_neither_student_knows_are_named() -> None:
    features = make_features()
    found = scores(features)
    lost = {
        name: dataclasses.replace(score, iou=np.where(np.arange(4) == 2, 0.0, score.iou))
        if name != "teacher"
        else score
        for name, score in found.models.items()
    }
    text = " ".join(sentences(features, dataclasses.replace(found, models=lost)))
    assert "Neither student knows `pole`: IoU below 1 % before and after." in text
    assert "Neither student" not in " ".join(sentences(features, found))

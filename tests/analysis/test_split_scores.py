"""A whole split, image by image: against the study of each image by itself; what is kept on disk and when it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cirkd.analysis.places import confused_images
from cirkd.analysis.split_scores import SplitScores, split_scores
from cirkd.data.errors import StudyError
from cirkd.data.sample import Classes, Sample
from cirkd.export.tables import split_images
from cirkd.study import Study
from tests.factories import FakeSegmenter, make_classes, make_samples


class Split:
    """Five images whose stamps can be changed; counts how often one is read."""

    name, split, classes = "some", "val", make_classes(4)

    def __init__(self, labels: bool = True) -> None:
        self.samples = make_samples(5, labels=labels)
        self.names = tuple(sample.name for sample in self.samples)
        self.stamps = [0] * 5
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        self.read.append(index)
        return self.samples[index]

    def stamp(self, index: int) -> tuple[int, ...]:
        return (self.stamps[index],)


def make_models() -> dict[str, Any]:
    return {"teacher": FakeSegmenter(width=12), "before": FakeSegmenter(seed=1), "after": FakeSegmenter(seed=2)}


def assert_same(first: SplitScores, second: SplitScores) -> None:
    for name in first.scores.models:
        np.testing.assert_array_equal(first.scores.models[name].confusion, second.scores.models[name].confusion)
        np.testing.assert_array_equal(first.divergence[name], second.divergence[name])


def test_every_image_is_as_in_a_study_of_it_alone() -> None:
    data, models = Split(), make_models()
    found = split_scores(models, data, device="cpu")
    for index, sample in enumerate(data.samples):
        alone = Study.open(**models, images=[sample], classes=data.classes, device="cpu")
        for name, score in alone.scores().models.items():
            assert found.scores.models[name].image_miou[index] == pytest.approx(score.miou)
            assert found.scores.models[name].image_accuracy[index] == pytest.approx(score.pixel_accuracy)
        for name, mean in alone.divergence().mean.items():
            assert found.divergence[name][index] == pytest.approx(mean)
    together = Study.open(**models, images=data.samples, classes=data.classes, device="cpu").scores()
    for name, score in together.models.items():
        np.testing.assert_array_equal(found.scores.models[name].confusion, score.confusion)
        assert found.scores.models[name].miou == pytest.approx(score.miou)
    assert found.scores.pixels == together.pixels
    np.testing.assert_array_equal(found.scores.present, together.present)
    assert not found.divergence["teacher"].any()


def test_what_is_on_disk_is_not_measured_again(tmp_path: Path) -> None:
    data, models = Split(), make_models()
    first = split_scores(models, data, device="cpu", kept=tmp_path)
    data.read.clear()
    second = split_scores(make_models(), data, device="cpu", kept=tmp_path)
    assert data.read == [] and second.provenance["measured"] == 0
    assert_same(first, second)


def test_a_changed_file_a_changed_network_and_a_new_student_are_measured(tmp_path: Path) -> None:
    data, models = Split(), make_models()
    split_scores(models, data, device="cpu", kept=tmp_path)
    data.read.clear()
    data.samples[3] = replace(data.samples[3], image=255 - data.samples[3].image)
    data.stamps[3] = 1
    found = split_scores(models, data, device="cpu", kept=tmp_path)
    assert data.read == [3]
    assert_same(found, split_scores(models, data, device="cpu"))
    with torch.no_grad():
        models["after"].classifier.weight += 1
    data.read.clear()
    before = len(models["before"].batches)
    with_third: dict[str, Any] = {**models, "third": FakeSegmenter(seed=5)}
    found = split_scores(with_third, data, device="cpu", kept=tmp_path)
    assert data.read == [0, 1, 2, 3, 4] and len(models["before"].batches) == before
    assert_same(found, split_scores(with_third, data, device="cpu"))


def test_cancelled_work_is_gone_on_with(tmp_path: Path) -> None:
    data, models = Split(), make_models()

    def cancel(share: float, text: str) -> None:
        if "image 4" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_scores(models, data, device="cpu", kept=tmp_path, progress=cancel)
    data.read.clear()
    told: list[float] = []
    found = split_scores(models, data, device="cpu", kept=tmp_path, progress=lambda share, _: told.append(share))
    assert data.read == [3, 4] and told == [0, 0.2, 0.4, 0.6, 0.8]
    assert_same(found, split_scores(models, data, device="cpu"))


def test_a_damaged_record_and_a_folder_that_cannot_be_written_cost_only_time(tmp_path: Path) -> None:
    data, models = Split(), make_models()
    first = split_scores(models, data, device="cpu", kept=tmp_path)
    for file in tmp_path.glob("*.parquet"):
        file.write_bytes(b"PAR1 and no more")
    assert_same(first, split_scores(models, data, device="cpu", kept=tmp_path))
    (tmp_path / "taken").write_text("a file")
    assert_same(first, split_scores(models, data, device="cpu", kept=tmp_path / "taken"))


def test_images_without_labels_have_their_divergence_and_others_classes_no_score() -> None:
    models = make_models()
    found = split_scores(models, Split(labels=False), device="cpu")
    assert np.isnan(found.miou_change("before", "after")).all() and found.divergence["after"].all()
    assert "labelled" in found.scores.models["after"].note
    ordered = split_images(found, "before", "after").columns["divergence_change"]
    assert list(ordered) == sorted(found.divergence_change("before", "after"), reverse=True)
    other = FakeSegmenter(Classes(("tram", "tree"), ((1, 2, 3), (4, 5, 6))), seed=2)
    models["after"] = other
    found = split_scores(models, Split(), device="cpu")
    assert "other classes" in found.scores.models["after"].note and not found.scores.models["before"].note
    found = split_scores({"after": other}, Split(), device="cpu")
    assert "other classes" in found.scores.models["after"].note, "labels there are, though nothing was counted"


def test_the_table_begins_with_the_image_that_lost_most() -> None:
    data = Split()
    found = split_scores(make_models(), data, device="cpu")
    table = split_images(found, "after", "before").columns
    assert list(table["miou_change"]) == sorted(found.miou_change("after", "before"))
    worst = int(np.argmin(found.miou_change("after", "before")))
    assert table["image"][0] == data.names[worst]
    with pytest.raises(StudyError, match="no model 'nobody'"):
        found.miou_change("before", "nobody")


@pytest.mark.parametrize("whole", [False, True])
def test_the_pixels_of_a_cell_are_those_with_that_label_and_prediction(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRKD_CACHE", str(tmp_path))
    data = Split()
    study = Study.open(**make_models(), images=data, indices=(1, 2), device="cpu")
    label, predicted = np.unravel_index(int(study.scores().models["after"].confusion.argmax()), (4, 4))
    found = study.confused_images("after", int(label), int(predicted), 3, whole=whole)
    every = Study.open(**make_models(), images=data, indices=range(5), device="cpu").features()
    features = every if whole else study.features()
    expected = {
        name: (truth == label) & (guess == predicted)
        for name, truth, guess in zip(
            features.image_names, features.labels or (), features.models["after"].prediction_maps, strict=True
        )
    }
    sizes = sorted((int(mask.sum()) for mask in expected.values() if mask.any()), reverse=True)[:3]
    assert [item.pixels for item in found] == sizes and sizes
    for item in found:
        np.testing.assert_array_equal(item.mask, expected[item.name])
        y, x = item.middle
        assert item.mask[int(y * item.mask.shape[0]), int(x * item.mask.shape[1])]
    with pytest.raises(StudyError, match="numbers below 4"):
        confused_images(features, "after", 0, 9)

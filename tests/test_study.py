"""The study: opening it from anything, keeping what was computed, and every result through it."""

import inspect
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import cirkd.results
from cirkd.analysis.colorings import COLORINGS
from cirkd.cache import Cache, size
from cirkd.data.errors import CheckpointError, DataError, StudyError
from cirkd.data.sample import Sample
from cirkd.declaration import NEEDS
from cirkd.features.sources import open_images
from cirkd.results import Results
from cirkd.study import Study
from tests.factories import FakeSegmenter, declarations, make_classes, make_samples, make_study


class Data:
    name, split, classes = "some", "val", make_classes(4)
    names = tuple(f"sample-{i}" for i in range(9))

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        sample = make_samples(9)[index]
        return Sample(self.names[index], sample.image, sample.label)


def test_everything_once():
    study = make_study()
    assert study.names == ("teacher", "before", "after")
    calls = [
        study.features,
        study.scores,
        study.pixel_change,
        study.projection,
        study.relations,
        study.region_relations,
        study.class_relations,
        study.divergence,
        study.centroids,
        *(lambda by=by: study.pixel_colors(by, "before") for by in COLORINGS),
    ]
    for call in calls:
        assert call() is call()
    assert study.relations(0, 2).image_b == 2
    assert len(study.projection(budget=20).index) == 20
    assert study.divergence(0.2) is not study.divergence(0.1)
    assert study.pixel_relations(5).pixel == 5
    assert 2 <= len(study.summary()) <= 3
    assert [len(model.batches) for model in study.models.values()] == [3, 3, 3]


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("after",), ("teacher", "before"), ("before", "after")])
@pytest.mark.parametrize("labels", [True, False])
def test_what_is_missing_stops_only_what_needs_it(missing, labels):
    study = make_study(**dict.fromkeys(missing), images=make_samples(2, labels=labels))
    for call in (
        study.scores,
        study.projection,
        study.relations,
        study.region_relations,
        study.class_relations,
        study.centroids,
        study.summary,
    ):
        call()
    if len(study.names) > 1:
        assert study.divergence().mean
    else:
        with pytest.raises(StudyError, match="only one"):
            study.divergence()


def test_more_students_and_one_image():
    study = make_study(students={"mine": FakeSegmenter(seed=5)}, images=make_samples(1))
    assert study.names[-1] == "mine"
    assert study.relations().image_b == 0
    assert "mine" in study.divergence().per_pixel


def test_a_cancelled_extraction_is_started_anew():
    study = make_study()

    def cancel(fraction, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.features(cancel)
    assert len(study.features().models) == 3


def test_threads_share_one_extraction():
    study = make_study()
    found = []
    threads = [threading.Thread(target=lambda: found.append(study.centroids())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(item is found[0] for item in found)
    assert len(study.models["teacher"].batches) == 3


def test_the_oldest_results_go_when_all_are_too_large():
    study = make_study(cache=Cache(budget=10**9))
    one = size(study.divergence(0.3))
    study.cache.budget = size(study.features()) + 8 * one  # with what it is made of, a divergence takes 5
    first = study.divergence(0.1)
    assert study.divergence(0.1) is first
    for temperature in (0.2, 0.25, 0.4, 0.5):
        study.divergence(temperature)
    assert study.divergence(0.1) is not first
    assert study.cache.used() <= study.cache.budget


def test_a_result_never_waits_for_another(monkeypatch):
    study = make_study()
    study.features()
    begun, release = threading.Event(), threading.Event()

    def slow(features):
        begun.set()
        assert release.wait(20)
        return genuine(features)

    genuine = cirkd.results.centroids
    monkeypatch.setattr("cirkd.results.centroids", slow)
    thread = threading.Thread(target=study.centroids, daemon=True)
    thread.start()
    assert begun.wait(20)
    assert study.scores() is study.scores()  # while centroids are held up
    release.set()
    thread.join(20)


def test_every_result_says_what_it_is():
    for name, declared in declarations(Results).items():
        method = getattr(Study, name)
        assert declared.name == name == method.__name__ and declared.label and method.__doc__
        assert set(declared.needs) <= NEEDS.keys()
        assert "return" in inspect.get_annotations(method)


@pytest.mark.parametrize(
    ("need", "study", "says"),
    [
        (
            "labels",
            lambda: make_study(images=make_samples(3, labels=False)),
            "needs labels, and no image has any: choose labelled images",
        ),
        ("teacher", lambda: Study({"after": FakeSegmenter()}, make_study().source), "add a second one"),
    ],
)
def test_a_study_that_lacks_what_a_result_needs_refuses_it(need, study, says):
    asked = [declared for declared in declarations(Results).values() if need in declared.needs]
    assert len(asked) >= 2
    lacking = study()
    for declared in asked:
        with pytest.raises(StudyError, match=says):
            lacking.serve(declared, {})


def test_what_takes_long_reports_and_can_be_called_off():
    class OffError(Exception):
        pass

    def call_off(share, text):
        assert 0 <= share <= 1
        raise OffError

    study = make_study()
    study.features()
    reporting = [name for name, declared in declarations(Results).items() if declared.reports and name != "features"]
    assert {"projection", "divergence", "explorer_map", "bank_map"} <= set(reporting)
    with pytest.raises(OffError):
        study.projection("tsne", progress=call_off)
    with pytest.raises(OffError):
        study.divergence(progress=call_off)
    assert study.divergence().mean


def test_images_from_anything(tmp_path):
    samples = make_samples(3)
    for sample in samples:
        Image.fromarray(sample.image).save(tmp_path / f"{sample.name}.png")
    files = sorted(tmp_path.iterdir())
    picture = Image.fromarray(samples[0].image)
    for source in (tmp_path, str(tmp_path), files, [sample.image for sample in samples]):
        found = open_images(source)
        assert len(found.samples) == 3
        np.testing.assert_array_equal(found.samples[1].image, samples[1].image)
    for source in (files[0], str(files[0]), picture, samples[0].image, [picture]):
        found = open_images(source)
        np.testing.assert_array_equal(found.samples[0].image, samples[0].image)
    assert open_images(files).samples[2].name == "sample-2"
    assert open_images(samples, indices=[2, 0]).samples == (samples[2], samples[0])


def test_images_from_a_data_set():
    found = open_images(Data())
    assert [sample.name for sample in found.samples] == [f"sample-{i}" for i in range(6)]
    assert found.classes is Data.classes and found.text == "some val"
    assert [sample.name for sample in open_images(Data(), indices=[8]).samples] == ["sample-8"]


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (Data(), {"indices": [9]}, StudyError, "no image 9"),
        ([], {}, StudyError, "without an image"),
        (Data(), {"indices": []}, StudyError, "without an image"),
        ("no/such/folder", {}, DataError, "folder: there is no such file"),
        ([np.zeros((4, 4), np.float32)], {}, DataError, "float32"),
    ],
)
def test_images_that_cannot_be_opened(source, options, error, message):
    with pytest.raises(error, match=message):
        open_images(source, **options)


def test_models_that_cannot_be_opened():
    with pytest.raises(StudyError, match="without a model"):
        Study.open(images=make_samples(1))
    with pytest.raises(CheckpointError, match="nowhere"):
        Study.open(teacher="nowhere.safetensors", images=make_samples(1))


def test_stored_scores():
    stored = {
        "data": "streets",
        "split": "val",
        "images": 40,
        "miou": 61.5,
        "pixel_accuracy": 90.0,
        "iou": {"road": 98.0, "pole": None},
    }
    study = make_study(after=FakeSegmenter(provenance={"scores": {"val": stored}}))
    found = study.evaluate("val")
    assert found["teacher"] is None and study.evaluate("test")["after"] is None
    assert found["after"].miou == pytest.approx(0.615) and found["after"].iou["road"] == pytest.approx(0.98)
    assert np.isnan(found["after"].iou["pole"])


def test_importing_a_study_costs_little():
    code = (
        "import sys, cirkd.study; heavy = {'torch', 'sklearn', 'umap', 'streamlit', 'pandas'} & set(sys.modules);"
        "print(heavy); sys.exit(bool(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Outputs that are kept: nothing runs twice, and nothing is mistaken for something else."""

import gc

import numpy as np

from cirkd.features.extract import extract
from cirkd.features.kept import KeptOutputs
from tests.factories import FakeSegmenter, make_samples


def test_only_what_changed_runs_again():
    teacher, student, kept = FakeSegmenter().eval(), FakeSegmenter(seed=1).eval(), KeptOutputs()
    samples = make_samples(3)
    first = extract({"teacher": teacher}, samples[:2], device="cpu", kept=kept)
    second = extract({"teacher": teacher, "before": student}, samples, device="cpu", kept=kept)
    assert sum(teacher.batches) == 3
    assert sum(student.batches) == 3
    fresh = extract({"teacher": teacher, "before": student}, samples, device="cpu")
    for name in ("teacher", "before"):
        np.testing.assert_array_equal(second.models[name].embedding, fresh.models[name].embedding)
        np.testing.assert_array_equal(second.models[name].prediction, fresh.models[name].prediction)
    np.testing.assert_array_equal(
        first.models["teacher"].prediction_maps[1], second.models["teacher"].prediction_maps[1]
    )


def test_another_layer_is_another_output():
    model, kept, samples = FakeSegmenter(projection=5).eval(), KeptOutputs(), make_samples(1)
    decoder = extract({"after": model}, samples, device="cpu", kept=kept)
    projected = extract({"after": model}, samples, layer="projected", device="cpu", kept=kept)
    assert decoder.models["after"].embedding.shape[1] == 8
    assert projected.models["after"].embedding.shape[1] == 5


def test_the_oldest_go_and_a_model_takes_its_outputs_along():
    model, kept, samples = FakeSegmenter().eval(), KeptOutputs(per_model=2), make_samples(3)
    extract({"teacher": model}, samples, device="cpu", kept=kept)
    settings = ("decoder", "cpu", "float32")
    assert [kept.find(model, sample, settings) is None for sample in samples] == [True, False, False]
    del model
    gc.collect()
    assert len(kept._outputs) == 0

"""Outputs that are kept: nothing runs twice, and nothing is mistaken for something else."""

import gc
import weakref

import numpy as np

from cirkd.cache import Cache
from cirkd.features.extract import extract
from cirkd.features.forward import output_key
from tests.factories import FakeSegmenter, make_samples


def test_only_what_changed_runs_again():
    teacher, student, kept = FakeSegmenter().eval(), FakeSegmenter(seed=1).eval(), Cache()
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
    model, kept, samples = FakeSegmenter(projection=5).eval(), Cache(), make_samples(1)
    decoder = extract({"after": model}, samples, device="cpu", kept=kept)
    projected = extract({"after": model}, samples, layer="projected", device="cpu", kept=kept)
    assert decoder.models["after"].embedding.shape[1] == 8
    assert projected.models["after"].embedding.shape[1] == 5


def test_an_output_is_the_models_own_as_long_as_it_lives():
    model, kept, samples = FakeSegmenter().eval(), Cache(), make_samples(3)
    extract({"teacher": model}, samples, device="cpu", kept=kept)
    settings = ("decoder", "cpu", "float32")
    keys = [output_key(model, sample, settings) for sample in samples]
    assert all(kept.find(key) is not None for key in keys)
    assert kept.find(output_key(FakeSegmenter().eval(), samples[0], settings)) is None
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    others = [FakeSegmenter().eval() for _ in range(20)]  # one of them may lie where the model that is gone lay
    assert all(kept.find(output_key(other, samples[0], settings)) is None for other in others)

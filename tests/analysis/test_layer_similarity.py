"""CKA of all layers with all: equal to that of full Gram matrices, on the positions that were drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cirkd.analysis.layer_similarity import cka_of_all, layer_similarity
from cirkd.data.errors import StudyError
from cirkd.study import Study
from tests.analysis.oracles import debiased_cka
from tests.factories import FakeSegmenter, make_samples


def test_all_with_all_equals_full_gram_matrices():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(300, 5))
    layers = [first, first @ rng.normal(size=(5, 9)) + 3, rng.normal(size=(300, 12)) * 1e-4, np.ones((300, 2))]
    found = cka_of_all([layer.astype(np.float32) for layer in layers])
    for i in range(3):
        for j in range(3):
            wanted = debiased_cka(*(layers[k].astype(np.float32).astype(np.float64) for k in (i, j)))
            assert found[i, j] == pytest.approx(wanted, abs=1e-6)
    assert np.isnan(found[3]).all()
    assert abs(found[0, 2]) < 0.1


def make_models():
    return {
        "teacher": FakeSegmenter(width=12),
        "before": FakeSegmenter(seed=1, stride=8),
        "after": FakeSegmenter(seed=2, projection=12),
    }


def slow(models, samples, layer_of):
    """CKA over all positions of the common grid, layer by layer."""
    held = {}
    for name, model in models.items():
        rows = []
        for sample in samples:
            with torch.no_grad():
                values = layer_of(model, model(model.preprocess(sample.image)[None]).embedding)
            rows.append(F.adaptive_avg_pool2d(values, (3, 4))[0].flatten(1).T.double().numpy())
        held[name] = np.concatenate(rows)
    return {name: debiased_cka(rows, held["teacher"]) for name, rows in held.items()}


def test_layers_of_networks_equal_those_taken_by_hand():
    models, samples = make_models(), make_samples(3)
    found = layer_similarity(models, samples, "teacher")
    assert found.grids == ((3, 4),) * 3
    assert found.positions == 36
    assert found.layers["after"] == ("features", "decoder", "projected")
    wanted = slow(models, samples, lambda _, embedding: embedding)
    for name in ("before", "after"):
        ours = found.cka[name][found.layers[name].index("decoder"), found.layers["teacher"].index("decoder")]
        assert ours == pytest.approx(wanted[name], abs=1e-6)
    projected = slow(
        models, samples, lambda model, embedding: model.memory.projection(embedding) if model.memory else embedding
    )
    ours = found.cka["after"][2, found.layers["teacher"].index("decoder")]
    assert ours == pytest.approx(projected["after"], abs=1e-6)


def test_the_change_is_that_of_the_layers_that_both_have():
    found = layer_similarity(make_models(), make_samples(3), "teacher")
    layers, change = found.change("before", "after")
    assert layers == ("features", "decoder")
    np.testing.assert_allclose(change, found.cka["after"][:2] - found.cka["before"])


def test_positions_are_bounded_and_drawn_by_a_seed():
    models, samples = make_models(), make_samples(5)
    few = layer_similarity(models, samples, "teacher", budget=20, seed=1)
    assert (few.positions, few.images) == (20, 5)
    again, other = (layer_similarity(models, samples, "teacher", budget=20, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(few.cka["after"], again.cka["after"])
    assert (few.cka["after"] != other.cka["after"]).any()
    four = layer_similarity(models, samples, "teacher", budget=4)
    assert (four.positions, four.images) == (4, 4)


def test_too_little_to_compare_is_one_line():
    with pytest.raises(StudyError, match="budget 3: CKA needs at least 4 positions"):
        layer_similarity(make_models(), make_samples(3), "teacher", budget=3)
    with pytest.raises(StudyError, match="2 positions in all: CKA needs 4; choose more or larger images"):
        layer_similarity(make_models(), make_samples(1, (8, 16)), "teacher")
    layer_similarity(make_models(), make_samples(2, (8, 16)), "teacher")


def test_a_study_keeps_it_and_gives_it_up_when_cancelled():
    study = Study.open(**make_models(), images=make_samples(3), device="cpu", layer={"teacher": "features"})

    def cancel(fraction, text):
        if text.startswith("every layer: image 2"):
            raise KeyboardInterrupt

    study.features()
    with pytest.raises(KeyboardInterrupt):
        study.layer_similarity(progress=cancel)
    seen = []
    found = study.layer_similarity(progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert study.layer_similarity() is found
    assert not any(part._forward_hooks for model in study.models.values() for part in model.modules())


def test_one_model_alone_has_nothing_to_compare():
    with pytest.raises(StudyError, match="layer similarity compares models, and there is only one"):
        Study.open(before=FakeSegmenter(), images=make_samples(1), device="cpu").layer_similarity()

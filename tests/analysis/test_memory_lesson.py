"""Memory losses, their ceilings and the relations with the bank's regions, by the formulas."""

import numpy as np
import pytest
import torch

from cirkd.analysis.memory_lesson import memory_lesson
from tests import oracles
from tests.analysis.oracles import unit
from tests.analysis.test_memory_bank import Distilled
from tests.factories import make_classes, make_features


@pytest.fixture
def features():
    return make_features()


def test_memory_losses_and_their_ceilings_by_the_formulas(features):
    model = Distilled(features)
    found = memory_lesson(features, "after", model, 0.2)
    assert [loss.keys for loss in found.losses] == ["pixel bank", "region bank", "own", "published", "noise"]
    known = features.pixels.label < 4
    teacher = torch.from_numpy(unit(features.models["teacher"].embedding)[known])
    embedding = torch.from_numpy(features.models["after"].embedding)[None].permute(0, 2, 1)[..., None]
    student = model.memory.projection(embedding).detach()[0, :, :, 0].T.double()[torch.from_numpy(known)]
    keys = model.memory.sample_pixels(torch.Generator().manual_seed(0)).keys.double()
    loss = found.losses[0]
    assert loss.count == len(keys)
    assert loss.loss == pytest.approx(float(oracles.memory_relation(student, teacher, keys, 0.2)), rel=1e-4)
    keys = torch.from_numpy(unit(keys.numpy()))
    flat = torch.zeros(len(teacher), len(keys), dtype=torch.float64).log_softmax(1)
    q = (teacher @ keys.T / 0.2).softmax(1)
    assert loss.ceiling == pytest.approx(float((q * (q.log() - flat)).sum(1).mean()), rel=1e-4)
    regions = model.memory.region_queue
    held = [c for c in range(4) if bool((regions.step[c] >= 0).any())]
    assert found.classes.names == tuple(model.info.classes.names[c] for c in held)
    for k, c in enumerate(held):
        mean = unit(regions.keys[c][regions.step[c] >= 0].double().numpy()).mean(0)
        wanted = unit(features.models["teacher"].embedding) @ mean / np.linalg.norm(mean)
        np.testing.assert_allclose(found.relations["teacher"][:, k], wanted, atol=1e-5)
    assert found.relations["after"].shape == (len(features.pixels), len(held))


def test_regions_have_the_names_of_the_banks_classes():
    features = make_features(classes=3)
    model = Distilled(features, make_classes(4))
    model.memory.region_queue.enqueue(torch.randn(1, 16), torch.tensor([3]), 29)
    assert memory_lesson(features, "after", model).classes == make_classes(4)

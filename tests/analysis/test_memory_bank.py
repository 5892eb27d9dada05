"""Fill, age, purity and map of a memory bank, by loops; and what the published indexing stores."""

import dataclasses

import numpy as np
import pytest
import torch

from cirkd.analysis.bank_map import bank_map, projected_rows
from cirkd.analysis.memory_bank import BY_BANK, BY_VIEW, banks, memory_bank, sample_bank, view_centroids
from cirkd.analysis.memory_lesson import stored_pixels
from cirkd.data.errors import StudyError
from cirkd.losses.memory import RelationMemory
from cirkd.losses.pixel_choice import choose_pixels
from cirkd.study import Study
from tests.analysis.oracles import unit
from tests.factories import FakeInfo, FakeSegmenter, make_classes, make_features, make_samples


class Distilled:
    """What `memory_bank` reads of a loaded model."""

    def __init__(self, features, classes=None, teacher="teacher.safetensors"):
        torch.manual_seed(0)
        widths = {name: model.embedding.shape[1] for name, model in features.models.items()}
        self.memory = RelationMemory(
            4, widths["after"], widths.get("teacher", 16), pixel_queue_size=6, region_queue_size=3, pixels_per_class=2
        ).eval()
        self.info = FakeInfo(classes or make_classes(), provenance={"steps": 30, "recipe": {"teacher": teacher}})
        generator = torch.Generator().manual_seed(1)
        for step in (10, 20, 29):
            labels = torch.randint(0, 3, (2, 5, 5), generator=generator)  # class 3 never comes
            self.memory.update(torch.randn(2, widths.get("teacher", 16), 5, 5, generator=generator), labels, step)


@pytest.fixture
def features():
    return make_features()


def test_fill_and_age_are_the_queues(features):
    model = Distilled(features)
    found = memory_bank(features, "after", model)
    assert (found.steps, found.teacher, found.measured_by, found.note) == (30, "teacher.safetensors", BY_VIEW, "")
    for kind, queue in (("pixel", model.memory.pixel_queue), ("region", model.memory.region_queue)):
        state = found.queues[kind]
        np.testing.assert_allclose(state.fill, queue.fill().numpy(), atol=1e-6)
        for c in range(4):
            ages = [30 - 1 - int(step) for step in queue.step[c] if step >= 0]
            wanted = [min(ages), sorted(ages)[len(ages) // 2], max(ages)] if ages else [np.nan] * 3
            assert state.held[c] == len(ages)
            np.testing.assert_allclose(state.age[c][[0, 2]], [wanted[0], wanted[2]])
            assert not ages or state.age[c][1] == np.median(ages)


@pytest.mark.parametrize("with_teacher", [True, False])
def test_purity_by_a_loop(with_teacher):
    features = make_features() if with_teacher else make_features(("before", "after"))
    model = Distilled(features)
    found = memory_bank(features, "after", model)
    assert found.measured_by == (BY_VIEW if with_teacher else BY_BANK)
    assert bool(found.note) is not with_teacher
    label = features.pixels.label
    for kind, queue in (("pixel", model.memory.pixel_queue), ("region", model.memory.region_queue)):
        rows = [unit(queue.keys[c][queue.step[c] >= 0].numpy()) for c in range(4)]
        if with_teacher:
            of_teacher = unit(features.models["teacher"].embedding)
            means = [of_teacher[label == c].mean(0) for c in range(4)]
        else:
            means = [part.mean(0) if len(part) else None for part in rows]
        for c, part in enumerate(rows):
            if not len(part):
                assert np.isnan(found.queues[kind].purity[c])
                continue
            right = 0
            for row in part:
                cosines = [-9 if m is None else row @ m / np.linalg.norm(m) for m in means]
                right += int(np.argmax(cosines) == c)
            assert found.queues[kind].purity[c] == pytest.approx(right / len(part))


def test_keys_that_are_the_classes_are_pure(features):
    model = Distilled(features)
    teacher, label = features.models["teacher"].unit_embedding(), features.pixels.label
    queue = model.memory.pixel_queue
    for c in range(4):
        queue.enqueue(torch.from_numpy(np.repeat(teacher[label == c].mean(0)[None], 6, 0)), torch.full((6,), c), 29)
    state = memory_bank(features, "after", model).queues["pixel"]
    np.testing.assert_array_equal(state.purity, 1)
    assert state.mean_purity == 1
    np.testing.assert_allclose(state.nearest, np.eye(4))


def test_a_bank_of_other_classes_or_width_is_measured_with_itself(features):
    model = Distilled(features, classes=dataclasses.replace(make_classes(), names=("a", "b", "c", "d")))
    assert "classes" in memory_bank(features, "after", model).note
    model = Distilled(make_features(widths={"teacher": 12}))
    assert "16 wide" in memory_bank(features, "after", model).note


def test_a_bank_keeps_its_own_classes_in_the_studys_colours(features):
    known = features.classes
    own = dataclasses.replace(known, names=known.names[::-1], colors=((1, 1, 1),) * 4)
    found = memory_bank(features, "after", Distilled(features, own))
    assert (found.classes.names, found.classes.colors) == (known.names[::-1], known.colors[::-1])


def test_a_class_that_the_images_do_not_know_has_no_centroid_of_their_unlabelled_pixels():
    features = make_features(classes=3)
    features.pixels.label[:5] = 255
    model = Distilled(features, make_classes(4))
    found = memory_bank(features, "after", model)
    assert found.classes == make_classes(4) and not found.note
    assert np.isnan(view_centroids(features, model)[0][3]).all()


def test_who_has_none_says_so(features):
    plain = type("Plain", (), {"memory": None, "info": FakeInfo(make_classes())})()
    assert banks({"before": plain, "after": Distilled(features)}) == ("after",)
    with pytest.raises(StudyError, match="before: its checkpoint holds no memory bank"):
        memory_bank(features, "before", plain)
    study = Study.open(teacher=None, images=make_samples(1), students={"mine": FakeSegmenter()})
    assert study.memory_banks() == ()
    with pytest.raises(StudyError, match="no model 'after'"):
        study.memory_bank()


def test_the_map_lays_keys_and_pixels_out_together(features):
    model = Distilled(features)
    found = bank_map(features, "after", model, key_budget=12, region_budget=6, pixel_budget=20)
    assert list(found.points) == ["teacher", "after"]
    student = torch.from_numpy(features.models["after"].embedding)[None].permute(0, 2, 1)[..., None]
    through = unit(model.memory.projection(student).detach()[0, :, :, 0].T.numpy())
    np.testing.assert_allclose(projected_rows(features, "after", model.memory), through, atol=1e-6)
    rows = np.concatenate(
        [found.keys.keys, unit(features.models["teacher"].embedding)[found.pixels], through[found.pixels]]
    )
    _, _, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    wanted = (rows - rows.mean(0)) @ axes[:2].T
    got = np.concatenate([found.key_points, *found.points.values()])
    np.testing.assert_allclose(np.abs(got), np.abs(wanted), atol=1e-4)
    for axis in (0, 1):
        for name, at in ((None, found.key_points), *found.points.items()):
            low, high = found.frames[name][axis]
            assert low < min(at[:, axis].min(), found.key_points[:, axis].min())
            assert high > max(at[:, axis].max(), found.key_points[:, axis].max())
    assert found.frames[None] == found.frames["teacher"]
    alone = make_features(("before", "after"))
    assert list(bank_map(alone, "after", Distilled(alone), pixel_budget=20).points) == ["after"]
    with pytest.raises(StudyError, match="projection 'x'"):
        bank_map(features, "after", model, "x")


def test_other_layers_than_the_distilled_are_not_laid_among_the_keys(features):
    model = Distilled(features)
    others = {name: dataclasses.replace(found, layer="stage3") for name, found in features.models.items()}
    teacher = dataclasses.replace(features, models={**features.models, "teacher": others["teacher"]})
    found = memory_bank(teacher, "after", model)
    assert found.measured_by == BY_BANK
    assert "shows its layer stage3" in found.note
    student = dataclasses.replace(features, models={**features.models, "after": others["after"]})
    with pytest.raises(StudyError, match=r"shows its layer stage3.*choose the layer decoder or projected"):
        bank_map(student, "after", model)


def test_an_empty_bank_cannot_be_drawn():
    memory = RelationMemory(4, 8, 16, pixel_queue_size=2, region_queue_size=2)
    with pytest.raises(StudyError, match="empty"):
        sample_bank(memory, {"pixel": 5, "region": 5})


def test_what_the_published_indexing_stores_by_a_loop(features):
    found = stored_pixels(features, per_class=3, seed=5)
    label = features.pixels.label
    wanted = np.zeros((4, 5))
    for image in range(4):
        of_image = label[features.pixels.of_image(image)]
        for c in range(4):
            m = int((of_image == c).sum())
            for position in range(m):
                kind = min(int(of_image[position]), 4)
                wanted[c, kind] += min(3, m) / m
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.holds["published"], wanted)
    np.testing.assert_allclose(found.purity["published"], np.diag(wanted[:, :4]))
    np.testing.assert_array_equal(found.purity["own"], 1)
    assert (label[found.pixels["own"]] == found.stored_as["own"]).all()


def test_the_published_draw_approaches_its_expectation(features):
    found = [stored_pixels(features, per_class=8, seed=seed) for seed in range(60)]
    label = features.pixels.label
    for k in range(4):
        kinds = np.concatenate([label[f.pixels["published"][f.stored_as["published"] == k]] for f in found])
        assert (kinds == k).mean() == pytest.approx(found[0].purity["published"][k], abs=0.06)


def test_the_published_draw_stays_among_the_first_positions():
    labels = torch.tensor([[[2, 2, 0, 0, 0, 1, 255, -1]], [[1, 1, 1, 1, 1, 1, 1, 1]]])
    positions, classes = choose_pixels(labels, 3, 2, torch.Generator().manual_seed(0), "published")
    assert classes.tolist() == [[0, 0, 1, -1, 2, 2], [-1, -1, 1, 1, -1, -1]]
    first, second = positions[classes[:, 0] == 0][0], positions[1]
    assert all(p < 3 for p in first[:2]) and first[2] == 0
    assert sorted(first[4:].tolist()) == [0, 1]
    assert len(set(second[2:4].tolist())) == 2
    _, nothing = choose_pixels(torch.full((1, 2, 2), 255), 3, 2, indexing="published")
    assert (nothing == -1).all()

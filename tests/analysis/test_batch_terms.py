"""The loss term by term is the objective's on the same images; bank relations are plain cosines."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkd.analysis.bank_map import OF_BANK, bank_relations
from cirkd.analysis.batch_terms import batch_terms
from cirkd.data.errors import StudyError
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective
from cirkd.study import Study
from tests import oracles
from tests.analysis.oracles import unit
from tests.analysis.test_memory_bank import Distilled
from tests.factories import FakeSegmenter, make_features, make_samples


def distilled(**changes):
    student = FakeSegmenter(
        seed=2,
        provenance={
            "recipe": {
                "objective": {
                    "task": 1.0,
                    "auxiliary": 0.0,
                    "kd": 0.5,
                    "minibatch_pixel": 2.0,
                    "memory_pixel": 0.1,
                    "memory_region": 0.1,
                    "temperature": 0.2,
                    "kd_temperature": 1.0,
                }
            }
        },
    )
    student.memory = RelationMemory(4, 8, 12, pixel_queue_size=5, region_queue_size=3, pixel_contrast=8).eval()
    student.memory.update(torch.rand(2, 12, 6, 8), torch.randint(0, 4, (2, 6, 8)), 0)
    models = {"teacher": FakeSegmenter(width=12), "before": FakeSegmenter(seed=1), "after": student, **changes}
    return Study.open(models["teacher"], models["before"], student, images=make_samples(3), device="cpu")


def test_terms_are_those_that_training_reports():
    study = distilled()
    found = study.batch_terms("after")
    assert found.recipe == "after" and not found.note
    batch = torch.stack([study.models["after"].preprocess(sample.image) for sample in study.source.samples])
    labels = torch.from_numpy(np.stack([sample.label for sample in study.source.samples]).astype(np.int64))
    student, teacher = study.models["after"](batch), study.models["teacher"](batch)
    wanted = float(oracles.minibatch_pixel_relation(student.embedding, teacher.embedding, 0.2).detach())
    assert found.raw["minibatch_pixel"] == pytest.approx(wanted, rel=1e-4)
    upsampled = torch.nn.functional.interpolate(student.logits, (24, 32), mode="bilinear", align_corners=True)
    assert found.raw["task"] == pytest.approx(
        torch.nn.functional.cross_entropy(upsampled, labels, ignore_index=255).item(), rel=1e-4
    )
    assert found.weighted["kd"] == pytest.approx(0.5 * found.raw["kd"])
    assert found.total == pytest.approx(sum(found.weighted.values()))
    assert set(found.raw) == {"task", "kd", "minibatch_pixel", "memory_pixel", "memory_region"}
    written = study.models["after"].memory.pixel_queue.written.clone()
    study.batch_terms("after")
    assert torch.equal(written, study.models["after"].memory.pixel_queue.written)


def test_networks_given_in_training_mode_are_evaluated_and_given_back_so():
    study = distilled()
    wanted = study.batch_terms("after").raw
    again = distilled()
    student = again.models["after"].train()
    written = student.memory.pixel_queue.written.clone()
    assert again.batch_terms("after").raw == wanted
    assert torch.equal(written, student.memory.pixel_queue.written) and student.training


def test_without_a_memory_the_rest_is_reported():
    found = distilled().batch_terms("before")
    assert set(found.raw) == {"task", "kd", "minibatch_pixel"}
    assert "no memory" in found.note


def test_all_students_are_measured_by_the_objective_that_after_was_distilled_with():
    study = distilled()
    provenance = study.models["after"].info.provenance
    provenance["recipe"]["objective"] |= {"relation_stride": 8, "minibatch_projected": True}
    study.models["before"].info.provenance["recipe"] = {"objective": {"task": 1.0, "relation_stride": 0}}
    study.models["after"].load_state_dict(study.models["before"].state_dict(), strict=False)
    before, after = study.batch_terms("before"), study.batch_terms("after")
    assert before.recipe == after.recipe == "after"
    assert before.weights.items() <= after.weights.items() and before.weights["minibatch_pixel"] == 2.0
    assert before.raw["kd"] == after.raw["kd"] and "before any projection head" in before.note
    provenance["recipe"]["objective"]["minibatch_projected"] = False
    study = Study.open(*study.models.values(), images=make_samples(3), device="cpu")
    assert study.batch_terms("before").raw["minibatch_pixel"] == study.batch_terms("after").raw["minibatch_pixel"]


def test_where_no_student_was_distilled_the_objective_is_the_papers():
    study = distilled()
    study.models["after"].info.provenance.clear()
    found = study.batch_terms("before")
    assert not found.recipe and found.weights["minibatch_pixel"] == Objective().minibatch_pixel


def test_terms_whose_heads_stay_in_training_are_left_out_and_named():
    student = FakeSegmenter(seed=2, provenance={"recipe": {"objective": {"kd": 1.0, "hint": 10.0, "attention": 5.0}}})
    student.memory = RelationMemory(4, 8, 12, pixel_queue_size=5, region_queue_size=3, pixel_contrast=8).eval()
    study = Study.open(FakeSegmenter(width=12), FakeSegmenter(seed=1), student, images=make_samples(2), device="cpu")
    found = study.batch_terms("after")
    assert found.recipe and {"kd", "attention"} < found.raw.keys() and "hint" not in found.raw
    assert "without hint" in found.note


def test_an_image_without_labels_among_labelled_ones_counts_no_pixel():
    models, samples = distilled().models, make_samples(2)
    bare, void = make_samples(2, labels=False)[1], np.full(samples[1].image.shape[:2], 255, np.uint8)
    by_lack = batch_terms(models, "after", [samples[0], replace(bare, image=samples[1].image)], None)
    by_void = batch_terms(models, "after", [samples[0], replace(samples[1], label=void)], None)
    assert by_lack.raw == by_void.raw and by_lack.raw["task"] > 0


def test_what_has_no_loss_says_why():
    study = distilled()
    models, samples = study.models, list(study.source.samples)
    with pytest.raises(StudyError, match="open both"):
        batch_terms({"after": models["after"]}, "after", samples, None)
    with pytest.raises(StudyError, match="differ in size"):
        batch_terms(models, "after", [samples[0], *make_samples(1, (32, 32))], None)


def test_bank_relations_are_cosines_with_the_newest_regions():
    features = make_features()
    model = Distilled(features)
    found = bank_relations(features, "after", model, 1, 20, per_class=2)
    queue = model.memory.region_queue
    assert (found.region_image == OF_BANK).all()
    assert list(found.region_label) == [0, 0, 1, 1, 2, 2]
    newest = []
    for c in range(3):
        slots = [s for s in range(3) if queue.step[c, s] >= 0]
        newest += [queue.keys[c, s].numpy() for s in sorted(sorted(slots, key=lambda s: -int(queue.step[c, s]))[:2])]
    rows = unit(features.models["teacher"].embedding)[found.rows]
    np.testing.assert_allclose(found.matrices["teacher"], rows @ unit(np.array(newest)).T, atol=1e-5)
    assert list(found.matrices) == ["teacher", "after"]

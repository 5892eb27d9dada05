from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from cirkd import losses
from cirkd.losses import Objective, RelationMemory


@dataclass(frozen=True)
class Maps:
    logits: Tensor
    embedding: Tensor
    auxiliary: Tensor | None = None
    encoded: Tensor | None = None


def make_student() -> Maps:
    logits, embedding, auxiliary = (torch.randn(2, width, 4, 6, requires_grad=True) for width in (3, 4, 3))
    return Maps(logits, embedding, auxiliary)


def make_teacher(h: int = 4, w: int = 6) -> Maps:
    return Maps(torch.randn(2, 3, h, w), torch.randn(2, 5, h, w))


def make_labels() -> Tensor:
    labels = torch.randint(0, 3, (2, 16, 24))
    labels[:, :4] = 255
    return labels


@pytest.fixture
def memory() -> RelationMemory:
    return RelationMemory(3, 4, 5, pixel_queue_size=20, region_queue_size=5)


def test_terms_are_the_losses(memory: RelationMemory) -> None:
    student, teacher, labels, objective = make_student(), make_teacher(), make_labels(), Objective()
    first = objective.terms(student, teacher, labels, memory, generator=torch.Generator().manual_seed(0), step=0)
    terms = objective.terms(student, teacher, labels, memory, generator=torch.Generator().manual_seed(1), step=1)
    assert list(terms) == ["task", "auxiliary", "kd", "minibatch_pixel", "memory_pixel", "memory_region"]
    assert first["memory_pixel"] == 0 and first["memory_region"] == 0  # nothing in memory yet
    assert terms["memory_pixel"] > 0 and terms["memory_region"] > 0
    assert terms["task"] == losses.segmentation_cross_entropy(student.logits, labels, 255)
    assert terms["kd"] == losses.logit_distillation(student.logits, teacher.logits)
    assert terms["minibatch_pixel"] == losses.minibatch_pixel_relation(student.embedding, teacher.embedding)
    assert memory.pixel_queue.step.max() == 1


def test_total_is_the_weighted_sum(memory: RelationMemory) -> None:
    objective = Objective(task=1.5, kd=0.25)
    terms = objective.terms(make_student(), make_teacher(), make_labels(), memory)
    wanted = sum(float(getattr(objective, name)) * value.item() for name, value in terms.items())
    assert objective.total(terms).item() == pytest.approx(wanted)
    assert objective.weighted(terms)["kd"] == terms["kd"] * 0.25


def test_weights_of_relations_may_fade(memory: RelationMemory) -> None:
    plain, objective = Objective(), Objective(relations_fade=True)
    terms = objective.terms(make_student(), make_teacher(), make_labels(), memory)
    assert objective.at(0.0).total(terms) == plain.total(terms) == plain.at(0.9).total(terms)
    late = objective.at(0.75)
    assert (late.minibatch_pixel, late.memory_pixel, late.memory_region) == (0.25, 0.025, 0.025)
    assert (late.task, late.kd, late.auxiliary) == (1.0, 1.0, 0.4)
    without = sum(terms[name].item() for name in ("task", "kd")) + 0.4 * terms["auxiliary"].item()
    assert objective.at(1.0).total(terms).item() == pytest.approx(without)


def test_minibatch_relations_may_be_those_behind_the_projection_head(memory: RelationMemory) -> None:
    student, teacher = make_student(), make_teacher()
    objective = replace(Objective.task_only(), minibatch_pixel=1.0, minibatch_projected=True)
    assert objective.needs_memory and not replace(objective, minibatch_pixel=0.0).needs_memory
    with pytest.raises(ValueError, match="no memory"):
        objective.terms(student, teacher, make_labels())
    value = objective.terms(student, teacher, make_labels(), memory)["minibatch_pixel"]
    assert value == losses.minibatch_pixel_relation(memory.projection(student.embedding), teacher.embedding)
    value.backward()
    for weight in (*memory.projection.parameters(), student.embedding):
        assert weight.grad is not None and weight.grad.abs().sum() > 0


def test_all_that_is_trained_gets_a_gradient(memory: RelationMemory) -> None:
    student, teacher, objective = make_student(), make_teacher(), Objective()
    for step in range(2):
        objective.total(objective.terms(student, teacher, make_labels(), memory, step=step)).backward()
    assert student.auxiliary is not None
    for tensor in (student.logits, student.embedding, student.auxiliary, *memory.parameters()):
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0


def test_a_term_without_weight_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cirkd.losses.terms.minibatch_pixel_relation", lambda *_: pytest.fail("computed"))
    objective = Objective(minibatch_pixel=0, memory_pixel=0, memory_region=0)
    assert list(objective.terms(make_student(), make_teacher(), make_labels())) == ["task", "auxiliary", "kd"]
    student = replace(make_student(), auxiliary=None)
    assert list(Objective.task_only().terms(student, None, make_labels())) == ["task"]


def test_nothing_labelled_still_trains_on_the_teacher(memory: RelationMemory) -> None:
    student, objective = make_student(), Objective()
    memory.update(torch.randn(2, 5, 4, 6), make_labels(), 0)
    terms = objective.terms(student, make_teacher(), torch.full((2, 16, 24), 255), memory)
    objective.total(terms).backward()
    assert terms["task"] == 0 and terms["memory_pixel"] == 0 and terms["kd"] > 0
    assert student.embedding.grad is not None and torch.isfinite(student.embedding.grad).all()


def test_an_ignored_class_stays_out_of_the_memory(memory: RelationMemory) -> None:
    Objective().terms(make_student(), make_teacher(), make_labels() % 3, memory, ignore_index=1)
    assert memory.pixel_queue.written[1] == 0 and memory.pixel_queue.written[0] > 0


def test_a_memory_in_evaluation_is_not_filled(memory: RelationMemory) -> None:
    Objective().terms(make_student(), make_teacher(), make_labels(), memory.eval())
    assert not memory.pixel_queue.written.any()


def test_a_teacher_of_another_stride_comes_on_the_students_grid(memory: RelationMemory) -> None:
    objective = Objective()
    terms = objective.terms(make_student(), make_teacher(8, 12), make_labels(), memory)
    assert torch.isfinite(objective.total(terms))


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="no teacher output"):
        Objective().terms(make_student(), None, make_labels())
    with pytest.raises(ValueError, match="no memory"):
        Objective().terms(make_student(), make_teacher(), make_labels())
    with pytest.raises(ValueError, match="no term has weight"):
        Objective().total({})

"""What terms train beside the student: who gets a gradient, what is kept, and what is asked for by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cirkd import losses
from cirkd.losses import TERMS, Discriminator, Heads, Objective
from cirkd.losses.attention import PUBLISHED_POSITIONS, as_published
from cirkd.losses.terms import HEADS
from tests.losses.test_objective import Maps, make_labels, make_teacher

EVERYTHING = replace(
    Objective.task_only(),
    context=True,
    **{name: 1.0 for name, term in TERMS.items() if term.teacher and not term.memory and name != "minibatch_pixel"},
)


def make_maps(width: int) -> Maps:
    logits, embedding, encoded = (torch.randn(2, channels, 4, 6, requires_grad=True) for channels in (3, width, 7))
    return Maps(logits, embedding, encoded=encoded)


@pytest.fixture
def heads() -> Heads:
    return Heads(HEADS, 3, 4, 5, positions=2, channel_queue_size=12, channel_contrast=6, channels_enqueued=8)


def test_every_term_is_its_loss(heads: Heads) -> None:
    student, teacher, labels = make_maps(4), make_maps(5), make_labels()
    assert EVERYTHING.needed_heads == tuple(HEADS)
    terms = EVERYTHING.terms(student, teacher, labels, heads=heads.eval())
    assert terms["structured"] == losses.structured_pairwise(student.embedding, teacher.embedding)
    ignored = labels.masked_fill(labels == 255, -1)
    assert terms["variation"] == losses.intra_class_variation(student.embedding, teacher.embedding, ignored, 3)
    assert heads.channel_wise is not None and heads.hint is not None and heads.context is not None
    projected = heads.channel_wise(student.embedding)
    assert terms["channel_wise_embedding"] == losses.channel_wise(projected, teacher.embedding)
    assert terms["channel_wise_logits"] == losses.channel_wise(student.logits, teacher.logits)
    attention = losses.attention_transfer(student.embedding, teacher.embedding)
    assert terms["attention"] == attention * (24 / PUBLISHED_POSITIONS)  # maps of 4x6 positions
    seen = heads.hint(heads.context(student.embedding))
    assert terms["hint"] == losses.hint(seen, teacher.embedding)
    stages = [[one.encoded, one.embedding, one.logits] for one in (student, teacher)]
    torch.testing.assert_close(terms["pixel_similarity"], as_published(losses.pixel_similarity(*stages), 24))
    assert terms["category_similarity"] == losses.category_similarity(student.logits, teacher.logits)
    assert terms["memory_channel"] == 0  # nothing in memory yet
    assert list(EVERYTHING.weighted(terms)) == list(terms)


def test_all_heads_are_trained(heads: Heads) -> None:
    student, teacher = make_maps(4), make_maps(5)
    for step in range(2):
        EVERYTHING.total(EVERYTHING.terms(student, teacher, make_labels(), heads=heads, step=step)).backward()
    balanced = "discriminator.layers.7.bias"  # the hinge pulls it as far up for one as down for the other
    for name, parameter in heads.named_parameters():
        assert parameter.grad is not None and (name == balanced or parameter.grad.abs().sum() > 0), name
    for tensor in (student.logits, student.embedding, student.encoded):
        assert tensor is not None and tensor.grad is not None and tensor.grad.abs().sum() > 0
    assert teacher.embedding.grad is None and teacher.logits.grad is None and teacher.encoded.grad is None


def test_student_and_discriminator_do_not_train_each_other() -> None:
    discriminator, student, teacher = Discriminator(3, width=4), make_maps(4), make_teacher()
    losses.student_deception(discriminator, student.logits).backward()
    assert student.logits.grad is not None and student.logits.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    student.logits.grad = None
    losses.teacher_recognition(discriminator, student.logits, teacher.logits).backward()
    assert student.logits.grad is None
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_a_discriminator_learns_to_tell_them_apart() -> None:
    discriminator = Discriminator(3, width=8)
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    student, teacher = torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8) + 2
    values = []
    for _ in range(40):
        value = losses.teacher_recognition(discriminator, student, teacher)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]


def test_channels_are_enqueued_after_they_were_drawn_from(heads: Heads) -> None:
    objective = replace(Objective.task_only(), memory_channel=1.0)
    student, teacher = make_maps(4), make_maps(5)
    for step in range(3):
        terms = objective.terms(student, teacher, make_labels(), heads=heads, step=step)
        assert (terms["memory_channel"] > 0) == (step > 0)
    assert heads.channels is not None
    assert heads.channels.queue.written.item() == 3 * 8
    assert len(heads.channels.sample()) == 6
    rows = losses.channel_pool(teacher.embedding).flatten(2).flatten(0, 1)
    rows = torch.nn.functional.normalize(rows, dim=1)
    assert (torch.cdist(heads.channels.queue.keys[0], rows).amin(dim=1) < 1e-5).all()
    written = heads.channels.queue.written.clone()
    objective.terms(student, teacher, make_labels(), heads=heads.eval())
    assert torch.equal(heads.channels.queue.written, written)


def test_what_is_missing_is_named(heads: Heads) -> None:
    objective = replace(Objective.task_only(), hint=1.0, context=True)
    assert objective.needed_heads == ("hint", "context")
    with pytest.raises(ValueError, match="head hint have weight"):
        objective.terms(make_maps(4), make_maps(5), make_labels(), heads=Heads(["context"], 3, 4, 5))
    with pytest.raises(ValueError, match="no head 'tail'"):
        Heads(["tail"], 3, 4, 5)
    assert replace(Objective.task_only(), context=True).needed_heads == ()


def test_stages_that_one_side_lacks_are_left_out() -> None:
    objective = replace(Objective.task_only(), pixel_similarity=1.0)
    student, teacher = make_maps(4), replace(make_maps(5), encoded=None)
    found = objective.terms(student, teacher, make_labels())["pixel_similarity"]
    stages = [[one.embedding, one.logits] for one in (student, teacher)]
    torch.testing.assert_close(found, as_published(losses.pixel_similarity(*stages), 24))


@pytest.mark.parametrize("name", ["hint", "context"])
def test_a_head_of_ones_own_does_not_take_the_place_of_another(name: str) -> None:
    term = losses.Term("Own", "#000000", "Of a test.", lambda batch: None, head=losses.Head(name, lambda sizes: None))
    before = dict(TERMS), dict(HEADS)
    with pytest.raises(ValueError, match=f"there is a head '{name}' already"):
        losses.with_terms({"own": term})
    assert (dict(TERMS), dict(HEADS)) == before

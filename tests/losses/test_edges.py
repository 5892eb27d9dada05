"""What every loss must stand: half precision, zero embeddings, strides, one image, one position."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from cirkd import losses
from cirkd.losses import TERMS, Heads, Objective, RelationMemory
from cirkd.relations import precision

Loss = Callable[[Tensor, Tensor], Tensor]
LABELS = torch.tensor([[[0, 1], [255, 1]]])


@dataclass(frozen=True)
class Maps:
    logits: Tensor
    embedding: Tensor
    auxiliary: Tensor | None = None
    encoded: Tensor | None = None


def of_term(name: str) -> Loss:
    """A term of the objective, of maps [b, 6, h, w] that serve as embeddings, their first channels as logits."""
    objective = replace(Objective().without(*TERMS), **{name: 1.0})

    def loss(student: Tensor, teacher: Tensor) -> Tensor:
        torch.manual_seed(0)
        positions = math.ceil(student.shape[2] / 4) * math.ceil(student.shape[3] / 4)
        names = objective.needed_heads
        heads = Heads(names, 3, 6, 6, positions, channel_queue_size=4, channel_contrast=3, channels_enqueued=3)
        memory = RelationMemory(3, 6, 6, pixel_queue_size=8, region_queue_size=4)
        ours, theirs = (Maps(x[:, :3], x, x[:, 3:], x) for x in (student, teacher))
        labels = LABELS.expand(len(student), 2, 2)
        memory.update(theirs.embedding.detach().flip(0), labels.masked_fill(labels == 255, -1), 0)
        if "channels" in names:
            heads.get("channels").update(losses.channel_pool(teacher.detach().flip(0)).flatten(2), 0)
        terms = objective.terms(ours, theirs, labels, memory.eval(), heads=heads.eval(), generator=torch.Generator())
        return terms[name]

    return loss


# Losses of student and teacher maps [b, 6, h, w]: terms that train nothing beside the student, as the objective takes
# them, and the functions under the others.
BARE = {name: of_term(name) for name, term in TERMS.items() if not (term.head or term.memory)}
HEADED = {name: of_term(name) for name in TERMS if name not in BARE}
FUNCTIONS: dict[str, Loss] = {
    "memory_relation": lambda s, t: losses.memory_relation(_rows(s), _rows(t), _rows(t).flip(0)[:3]),
    "minibatch_channel_relation": lambda s, t: losses.minibatch_channel_relation(*_channels(s, t)),
    "channel_difference": lambda s, t: losses.channel_difference(*_channels(s, t)),
    "channel_wise": losses.channel_wise,
    "hint": losses.hint,
    "masked_generation": losses.masked_generation,
    "dense_contrast": losses.dense_contrast,
}
LOSSES = BARE | FUNCTIONS
RELATIONS = [LOSSES[name] for name in ("minibatch_pixel", "memory_relation", "minibatch_channel_relation")]
# What a student can still learn from where it is like its teacher.
NEVER_DONE = ("task", "auxiliary", "dense_contrast")


def _channels(*maps: Tensor) -> tuple[Tensor, ...]:
    return tuple(losses.channel_pool(x).flatten(2) for x in maps)


def _rows(embedding: Tensor) -> Tensor:
    return embedding.permute(0, 2, 3, 1).flatten(0, 2)


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> Loss:
    return LOSSES[request.param]


def value_and_gradient(loss: Loss, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    student = student.detach().requires_grad_()
    value = loss(student, teacher)
    (gradient,) = torch.autograd.grad(value, student, allow_unused=True)
    gradient = torch.zeros_like(student) if gradient is None else gradient  # of what trains a head alone
    assert value.shape == () and torch.isfinite(value) and torch.isfinite(gradient).all()
    return value.detach(), gradient


@pytest.fixture(params=LOSSES | HEADED)
def any_loss(request: pytest.FixtureRequest) -> Loss:
    return (LOSSES | HEADED)[request.param]


@pytest.mark.parametrize("shape", [(1, 6, 3, 4), (3, 6, 1, 1), (1, 6, 1, 1), (1, 6, 17, 19)])
def test_one_image_and_one_position(any_loss: Loss, shape: tuple[int, ...]) -> None:
    value_and_gradient(any_loss, torch.randn(shape), torch.randn(shape))


def test_zero_embeddings(any_loss: Loss) -> None:
    student, teacher = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    student[0, :, 1], teacher[1] = 0, 0
    _, gradient = value_and_gradient(any_loss, student, teacher)
    assert gradient.abs().max() < 10
    value_and_gradient(any_loss, torch.zeros_like(student), teacher)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(loss: Loss, dtype: torch.dtype) -> None:
    student, teacher = torch.randn(2, 6, 3, 4).to(dtype), torch.randn(2, 6, 3, 4).to(dtype)
    wanted, slope = value_and_gradient(loss, student.float(), teacher.float())
    value, gradient = value_and_gradient(loss, student, teacher)
    assert value.dtype == torch.float32 and gradient.dtype == dtype
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(gradient.float(), slope, rtol=0, atol=0.02 * slope.abs().max().item() + 1e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_autocast_changes_relations_within_their_stated_error_and_nothing_else(
    loss: Loss, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    student, teacher = torch.randn(2, 6, 9, 12).to(dtype).requires_grad_(), torch.randn(2, 6, 9, 12).to(dtype)
    wanted, slope = value_and_gradient(loss, student, teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(student, teacher)
    (gradient,) = torch.autograd.grad(value, student)
    assert value.dtype == torch.float32 and gradient.dtype == dtype
    if loss in RELATIONS:
        assert value != wanted
        torch.testing.assert_close(value, wanted, rtol=0.005, atol=2e-4)
        assert (gradient - slope).float().norm() <= 0.05 * slope.float().norm()
    else:
        torch.testing.assert_close(value, wanted)
        torch.testing.assert_close(gradient, slope)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 10.0])
def test_relations_stand_every_temperature(temperature: float) -> None:
    student, teacher = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    student[0, :, 1] = 0
    for shape in (slice(None), slice(0, 1)):
        rows = student[..., shape].requires_grad_(), teacher[..., shape]
        value_and_gradient(lambda s, t: losses.minibatch_pixel_relation(s, t, temperature), *rows)
        value_and_gradient(lambda s, t: losses.memory_relation(_rows(s), _rows(t), _rows(t)[:3], temperature), *rows)


def test_widths_may_differ() -> None:
    value_and_gradient(losses.minibatch_pixel_relation, torch.randn(2, 1, 3, 4), torch.randn(2, 9, 3, 4))


def test_strides_do_not_matter(loss: Loss) -> None:
    student, teacher = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    value, gradient = value_and_gradient(loss, student, teacher)
    strided = student.repeat_interleave(2, dim=3)[..., ::2], teacher.to(memory_format=torch.channels_last)
    other, slope = value_and_gradient(loss, *strided)
    torch.testing.assert_close(other, value)
    torch.testing.assert_close(slope, gradient)


def test_the_teacher_gets_no_gradient(any_loss: Loss) -> None:
    student, teacher = torch.randn(2, 6, 3, 4).requires_grad_(), torch.randn(2, 6, 3, 4).requires_grad_()
    any_loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in NEVER_DONE])
def test_a_student_like_its_teacher_has_nothing_to_learn(name: str) -> None:
    teacher = torch.randn(2, 6, 3, 4)
    value, gradient = value_and_gradient(LOSSES[name], teacher, teacher)
    assert abs(value) < 1e-6 and gradient.abs().max() < 1e-6

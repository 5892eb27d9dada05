"""What every loss must stand: half precision, zero embeddings, strides, one image, one position."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cirkd import losses
from cirkd.relations import precision

Loss = Callable[[Tensor, Tensor], Tensor]
LABELS = torch.tensor([[[0, 1], [255, 1]]])

# Student and teacher are [b, 6, h, w], of one width.
LOSSES: dict[str, Loss] = {
    "minibatch_pixel_relation": losses.minibatch_pixel_relation,
    "memory_relation": lambda s, t: losses.memory_relation(_rows(s), _rows(t), _rows(t).flip(0)[:3]),
    "logit_distillation": losses.logit_distillation,
    "minibatch_channel_relation": lambda s, t: losses.minibatch_channel_relation(
        losses.channel_pool(s).flatten(2), losses.channel_pool(t).flatten(2)
    ),
    "structured_pairwise": losses.structured_pairwise,
    "intra_class_variation": lambda s, t: losses.intra_class_variation(s, t, LABELS.expand(len(s), 2, 2), 3),
    "channel_wise": losses.channel_wise,
    "attention_transfer": losses.attention_transfer,
    "hint": losses.hint,
    "pixel_similarity": lambda s, t: losses.pixel_similarity(
        [s, s[:, :2], s[..., :1, :1]], [t, t[:, :2], t[..., :1, :1]]
    ),
    "category_similarity": losses.category_similarity,
    "segmentation_cross_entropy": lambda s, t: losses.segmentation_cross_entropy(s, LABELS.expand(len(s), 2, 2)),
}
RELATIONS = [LOSSES[name] for name in ("minibatch_pixel_relation", "memory_relation", "minibatch_channel_relation")]


def _rows(embedding: Tensor) -> Tensor:
    return embedding.permute(0, 2, 3, 1).flatten(0, 2)


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> Loss:
    return LOSSES[request.param]


def value_and_gradient(loss: Loss, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    student = student.detach().requires_grad_()
    value = loss(student, teacher)
    (gradient,) = torch.autograd.grad(value, student)
    assert value.shape == () and torch.isfinite(value) and torch.isfinite(gradient).all()
    return value.detach(), gradient


@pytest.mark.parametrize("shape", [(1, 6, 3, 4), (3, 6, 1, 1), (1, 6, 1, 1)])
def test_one_image_and_one_position(loss: Loss, shape: tuple[int, ...]) -> None:
    value_and_gradient(loss, torch.randn(shape), torch.randn(shape))


def test_zero_embeddings(loss: Loss) -> None:
    student, teacher = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    student[0, :, 1], teacher[1] = 0, 0
    _, gradient = value_and_gradient(loss, student, teacher)
    assert gradient.abs().max() < 10
    value_and_gradient(loss, torch.zeros_like(student), teacher)


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


def test_the_teacher_gets_no_gradient(loss: Loss) -> None:
    student, teacher = torch.randn(2, 6, 3, 4).requires_grad_(), torch.randn(2, 6, 3, 4).requires_grad_()
    loss(student, teacher).backward()
    assert teacher.grad is None


def test_a_student_like_its_teacher_has_nothing_to_learn(loss: Loss) -> None:
    if loss is LOSSES["segmentation_cross_entropy"]:
        return  # it learns from labels
    teacher = torch.randn(2, 6, 3, 4)
    value, gradient = value_and_gradient(loss, teacher, teacher)
    assert abs(value) < 1e-6 and gradient.abs().max() < 1e-6

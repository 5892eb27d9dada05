"""Relation distributions and how far a student's are from its teacher's.

The two differentiable means compute the student's gradient along with the value, tile by tile (see `tiles`): memory
grows with the embeddings, never with their relation matrices, in the backward pass neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from cirkd.relations.engine.cuda_graphs import Recorded
from cirkd.relations.engine.products import check_temperature
from cirkd.relations.engine.select import add_up_pairs, keyed_values, worth_recording
from cirkd.relations.gather import other_images
from cirkd.relations.precision import Precision, full_precision
from cirkd.relations.similarity import before_normalized, normalize, unit_and_norm


@full_precision
def relation_distribution(relation: Float[Tensor, "n k"], temperature: float) -> Float[Tensor, "n k"]:
    """Softmax of each relation row at `temperature`.

    Example:
        >>> relation_distribution(torch.tensor([[1.0, 1.0]]), temperature=0.1)
        tensor([[0.5000, 0.5000]])

    Raises:
        ValueError: the temperature is not positive.
    """
    check_temperature(temperature)
    return torch.softmax(relation / temperature, dim=1)


@torch.no_grad()
@full_precision
def relation_divergence(
    student: Float[Tensor, "n d"],
    student_keys: Float[Tensor, "k d"],
    teacher: Float[Tensor, "n e"],
    teacher_keys: Float[Tensor, "k e"],
    temperature: float = 0.1,
) -> Float[Tensor, " n"]:
    """KL(teacher || student) of each row's relation distribution over the keys, in nats; 0 without keys.

    All inputs are l2-normalised here. Goes tile by tile: memory grows with n and k, not with n * k. No gradient.

    Example:
        >>> pixels = torch.eye(3)
        >>> relation_divergence(pixels, pixels, pixels, pixels)
        tensor([0., 0., 0.])

    Raises:
        ValueError: the temperature is not positive, or student and teacher differ in rows or keys.

    Source: CIRKD (Yang et al., CVPR 2022), the summand of eq. 1 to 3.
    """
    check_temperature(temperature)
    _check_counts("rows", student, teacher)
    _check_counts("keys", student_keys, teacher_keys)
    if len(student) == 0 or len(student_keys) == 0:
        return student.new_zeros(len(student))
    pairs = (normalize(student), normalize(student_keys)), (normalize(teacher), normalize(teacher_keys))
    return keyed_values(*pairs, temperature, "float32")


@full_precision
def keyed_divergence(
    student: Float[Tensor, "n d"],
    teacher: Float[Tensor, "n d"],
    keys: Float[Tensor, "k d"],
    temperature: float,
    precision: Precision = "float32",
    unit_keys: bool = False,
) -> Float[Tensor, ""]:
    """Mean over rows of the divergence of their relations to shared `keys`.

    All are l2-normalised here, keys unless they are of length 1 already. Only the student receives a gradient; 0, with
    zero gradient, without rows or keys.

    Args:
        precision: of the products of matrices; bf16 for twice the speed, see `product_precision`.

    Raises:
        ValueError: the temperature is not positive.
        RuntimeError: a second derivative is asked for.

    Example:
        >>> import torch
        >>> rows, keys = normalize(torch.rand(4, 3)), normalize(torch.rand(5, 3))
        >>> keyed_divergence(rows, rows, keys, 0.1).item() < 1e-6
        True
    """
    check_temperature(temperature)
    given = student.detach(), teacher.detach(), keys.detach()
    constants = temperature, precision, _gets_gradient(student), unit_keys
    recorded = worth_recording(student, teacher, len(student) * len(keys), temperature, precision)
    with torch.no_grad():
        found = _KEYED(*given, constants=constants) if recorded else _to_keys(*given, *constants)
    return _with_gradient(student, found)


@full_precision
def pairwise_divergence(
    student: Float[Tensor, "b n d"],
    teacher: Float[Tensor, "b n e"],
    temperature: float,
    precision: Precision = "float32",
    across_processes: bool = False,
) -> Float[Tensor, ""]:
    """Mean over all b * b ordered pairs (i, j) and rows of i of the divergence of the relations from i to j.

    Rows are l2-normalised here. Only the student receives a gradient, through both sides of each pair.

    Args:
        precision: of the products of matrices; bf16 for twice the speed, see `product_precision`.
        across_processes: j runs over the images of all processes of torch.distributed. The mean of the value over
            processes is then that of one process with all images. The gradient is that of the sum over all
            processes by the images here, so that a mean of gradients over processes is right as well.

    Raises:
        ValueError: the temperature is not positive, or the processes' batches differ in shape.
        RuntimeError: a second derivative is asked for.

    Example:
        >>> import torch
        >>> rows = normalize(torch.rand(2, 4, 3))
        >>> pairwise_divergence(rows, rows, 0.1).item() < 1e-6
        True
    """
    check_temperature(temperature)
    others = other_images(student, teacher) if across_processes else None
    given = student.detach(), teacher.detach()
    constants = len(student), temperature, precision, _gets_gradient(student)
    entries = (len(student) * student.shape[1]) ** 2
    recorded = others is None and worth_recording(student, teacher, entries, temperature, precision)
    if others is not None:
        given = torch.cat([given[0], others[0]]), torch.cat([given[1], others[1]])
    with torch.no_grad():
        found = _PAIRWISE(*given, constants=constants) if recorded else _among_images(*given, *constants)
    return _with_gradient(student, found)


def _to_keys(
    student: Tensor,
    teacher: Tensor,
    keys: Tensor,
    temperature: float,
    precision: Precision,
    derived: bool,
    unit_keys: bool,
) -> tuple[Tensor, ...]:
    """Mean divergence, and where it is `derived` its gradient by the student."""
    unit, norm = unit_and_norm(student)
    gradient = torch.zeros_like(unit, memory_format=torch.contiguous_format) if derived else None
    total = student.new_zeros(())
    if len(student) and len(keys):
        keys = keys.to(unit.dtype) if unit_keys else unit_and_norm(keys)[0]
        values = keyed_values((unit, keys), (unit_and_norm(teacher)[0], keys), temperature, precision, gradient)
        total = values.sum(dtype=torch.float64)
    return _finished(total, gradient, unit, norm, 1 / max(len(student), 1), temperature)


def _among_images(
    student: Tensor, teacher: Tensor, own: int, temperature: float, precision: Precision, derived: bool
) -> tuple[Tensor, ...]:
    """Mean divergence of the first `own` images, and where it is `derived` its gradient by those of the student."""
    unit, norm = unit_and_norm(student)
    gradient = torch.zeros_like(unit[:own], memory_format=torch.contiguous_format) if derived else None
    total = student.new_zeros(())
    if student.numel():
        total = add_up_pairs(unit, unit_and_norm(teacher)[0], own, temperature, precision, gradient)
    pairs = own * len(student) * student.shape[1]
    return _finished(total, gradient, unit[:own], norm[:own], 1 / max(pairs, 1), temperature)


def _finished(
    total: Tensor, gradient: Tensor | None, unit: Tensor, norm: Tensor, scale: float, temperature: float
) -> tuple[Tensor, ...]:
    value = (total * scale).to(unit.dtype)
    if gradient is None:
        return (value,)
    return value, before_normalized(gradient, unit, norm * (temperature / scale))


_KEYED, _PAIRWISE = Recorded(_to_keys), Recorded(_among_images)


def _gets_gradient(student: Tensor) -> bool:
    return student.requires_grad and torch.is_grad_enabled()


def _with_gradient(student: Tensor, found: Sequence[Tensor]) -> Tensor:
    """A value whose gradient by the student, where there is one, was computed along with it."""
    value, *gradient = found
    return _Derived.apply(student, value, *gradient) if gradient else value  # type: ignore[return-value]


class _Derived(Function):
    """The value, with the gradient as its derivative."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(student, gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> Any:
        return _FirstDerivative.apply(*ctx.saved_tensors, *grad_output), None, None


class _FirstDerivative(Function):
    """grad_output * gradient, which knows that it depends on the student and refuses to say how."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, gradient: Tensor, grad_output: Tensor) -> Tensor:
        return gradient * grad_output

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> Any:
        raise RuntimeError(
            "relation losses have no second derivative: take them out of the gradient penalty, "
            "or call backward without create_graph"
        )


def _check_counts(what: str, student: Tensor, teacher: Tensor) -> None:
    if len(student) != len(teacher):
        raise ValueError(
            f"{len(student)} student {what} and {len(teacher)} teacher {what}: must be the same pixels; "
            "resample one model's map to the other's"
        )

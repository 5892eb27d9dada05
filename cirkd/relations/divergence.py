"""Relation distributions and how far a student's are from its teacher's.

    relation_distribution(relation [n,k], temperature) -> [n,k]
    relation_divergence(student [n,d], student_keys [k,d], teacher [n,e], teacher_keys [k,e], temperature) -> [n]
    keyed_divergence(student [n,d], teacher [n,d], keys [k,d], temperature) -> scalar, differentiable
    pairwise_divergence(student [b,n,d], teacher [b,n,e], temperature) -> scalar, differentiable

The two differentiable means compute the student's gradient along with the value, one block or one image pair
at a time, so that no more than that is ever in memory, in the backward pass neither.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from cirkd.relations.precision import full_precision
from cirkd.relations.similarity import normalize

BLOCK_ENTRIES = 2**20  # entries of a relation matrix held at once: 4 MB in float32
SAFE_EXPONENT = 60.0  # exp(-60) is far from float32's underflow, so one shift fits all rows


@full_precision
def relation_distribution(relation: Float[Tensor, "n k"], temperature: float) -> Float[Tensor, "n k"]:
    """Softmax of each relation row at `temperature`.

    Raises:
        ValueError: the temperature is not positive.
    """
    _check_temperature(temperature)
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

    All inputs are l2-normalised here. Goes block by block: memory grows with n and k, not with n * k. No gradient.

    Raises:
        ValueError: the temperature is not positive, or student and teacher differ in rows or keys.

    Source: CIRKD (Yang et al., CVPR 2022), the summand of eq. 1 to 3.
    """
    _check_temperature(temperature)
    _check_counts("rows", student, teacher)
    _check_counts("keys", student_keys, teacher_keys)
    result = student.new_zeros(len(student))
    if student_keys.shape[0] == 0:
        return result
    student, student_keys = normalize(student), normalize(student_keys)
    teacher, teacher_keys = normalize(teacher), normalize(teacher_keys)
    for rows in _blocks(len(student), len(student_keys)):
        result[rows] = _row_divergence(
            student[rows] @ student_keys.T, teacher[rows] @ teacher_keys.T, temperature, slope=False
        )[0]
    return result


@full_precision
def keyed_divergence(
    student: Float[Tensor, "n d"],
    teacher: Float[Tensor, "n d"],
    keys: Float[Tensor, "k d"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean over rows of the divergence of their relations to shared `keys`.

    Rows and keys must be l2-normalised. Only the student receives a gradient; 0 without rows or keys.

    Raises:
        ValueError: the temperature is not positive.
        RuntimeError: a second derivative is asked for.
    """
    _check_temperature(temperature)
    return _Keyed.apply(student, teacher.detach(), keys.detach(), temperature)  # type: ignore[return-value]


@full_precision
def pairwise_divergence(
    student: Float[Tensor, "b n d"], teacher: Float[Tensor, "b n e"], temperature: float
) -> Float[Tensor, ""]:
    """Mean over all b * b ordered pairs (i, j) and rows of i of the divergence of the relations from i to j.

    Rows must be l2-normalised. Only the student receives a gradient, through both sides of each pair.

    Raises:
        ValueError: the temperature is not positive.
        RuntimeError: a second derivative is asked for.
    """
    _check_temperature(temperature)
    return _Pairwise.apply(student, teacher.detach(), temperature)  # type: ignore[return-value]


class _Keyed(Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, keys: Tensor, temperature: float) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        gradient = torch.zeros_like(student, memory_format=torch.contiguous_format) if wanted else None
        total = student.new_zeros(())
        if len(student) and len(keys):
            for rows in _blocks(len(student), len(keys)):
                divergence, slope = _row_divergence(
                    student[rows] @ keys.T, teacher[rows] @ keys.T, temperature, slope=wanted
                )
                total += divergence.sum()
                if gradient is not None and slope is not None:
                    torch.mm(slope, keys, out=gradient[rows])
        return _finish(ctx, student, total, gradient, 1 / max(len(student), 1))

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> tuple[Tensor, None, None, None]:
        return _scaled_gradient(ctx, grad_output[0]), None, None, None


class _Pairwise(Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        student, teacher = student.contiguous(), teacher.contiguous()
        gradient = torch.zeros_like(student) if wanted else None
        total = student.new_zeros(())
        for i in range(len(student)):
            for j in range(i + 1):
                # An image with itself is one ordered pair, two images are two.
                share = 0.5 if i == j else 1.0
                divergence, slope = _two_sided_divergence(
                    student[i] @ student[j].T, teacher[i] @ teacher[j].T, temperature, slope=wanted
                )
                total += divergence * share
                if gradient is not None and slope is not None:
                    gradient[i].addmm_(slope, student[j], alpha=share)
                    gradient[j].addmm_(slope.T, student[i], alpha=share)
        images, positions = student.shape[:2]
        return _finish(ctx, student, total, gradient, 1 / max(images * images * positions, 1))

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> tuple[Tensor, None, None]:
        return _scaled_gradient(ctx, grad_output[0]), None, None


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


def _finish(ctx: Any, student: Tensor, total: Tensor, gradient: Tensor | None, scale: float) -> Tensor:
    if gradient is not None:
        ctx.save_for_backward(student, gradient.mul_(scale))
    return total * scale


def _scaled_gradient(ctx: Any, grad_output: Tensor) -> Tensor:
    return _FirstDerivative.apply(*ctx.saved_tensors, grad_output)  # type: ignore[return-value]


def _row_divergence(
    student: Tensor, teacher: Tensor, temperature: float, *, slope: bool
) -> tuple[Tensor, Tensor | None]:
    """Rows' KL of relation matrices [n, k]: its values [n] and its derivative by the student's relations [n, k]."""
    log_p = torch.log_softmax(student.div_(temperature), dim=1)
    log_q = torch.log_softmax(teacher.div_(temperature), dim=1)
    q = log_q.exp()
    values = log_q.sub_(log_p).mul_(q).sum(dim=1)
    return values, log_p.exp_().sub_(q).div_(temperature) if slope else None


def _two_sided_divergence(
    student: Tensor, teacher: Tensor, temperature: float, *, slope: bool
) -> tuple[Tensor, Tensor | None]:
    """Summed KL of the rows and of the columns of relation matrices [n, n], and its derivative [n, n]."""
    if 2 / temperature > SAFE_EXPONENT:
        rows, row_slope = _row_divergence(student.clone(), teacher.clone(), temperature, slope=slope)
        columns, column_slope = _row_divergence(student.T, teacher.T, temperature, slope=slope)
        both = row_slope + column_slope.T if row_slope is not None and column_slope is not None else None
        return rows.sum() + columns.sum(), both
    # Cosines are at most 1, so one shift serves every row and every column, and one exponential both softmaxes.
    p = student.sub(1).div_(temperature).exp_()
    q = teacher.sub(1).div_(temperature).exp_()
    excess = teacher.sub_(student).div_(temperature).mul_(q)
    total = student.new_zeros(())
    scales = []
    for dim in (1, 0):
        p_sum, q_sum = p.sum(dim, keepdim=True), q.sum(dim, keepdim=True)
        total += (excess.sum(dim, keepdim=True) / q_sum + (p_sum / q_sum).log()).sum()
        scales.append((p_sum.mul_(temperature).reciprocal_(), q_sum.mul_(temperature).reciprocal_()))
    if not slope:
        return total, None
    (p_row, q_row), (p_column, q_column) = scales
    return total, p.mul_(p_row + p_column).sub_(q.mul_(q_row + q_column))


def _blocks(rows: int, keys: int) -> list[slice]:
    size = max(1, BLOCK_ENTRIES // keys)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: must be positive; the method uses 0.1")


def _check_counts(what: str, student: Tensor, teacher: Tensor) -> None:
    if len(student) != len(teacher):
        raise ValueError(
            f"{len(student)} student {what} and {len(teacher)} teacher {what}: must be the same pixels; "
            "resample one model's map to the other's"
        )

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

# Entries of a relation matrix held at once: what a core's cache holds, or enough to keep a GPU busy (64 MB).
CPU_BLOCK_ENTRIES = 2**18
GPU_BLOCK_ENTRIES = 2**24
Pair = tuple[Tensor, Tensor]  # rows and keys of one network
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
    for rows in _blocks(student, student_keys):
        pairs = (student[rows], student_keys), (teacher[rows], teacher_keys)
        result[rows] = _divergences(*pairs, temperature, dims=(1,), slope=False)[0][0]
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
            for rows in _blocks(student, keys):
                pairs = (student[rows], keys), (teacher[rows], keys)
                values, slope = _divergences(*pairs, temperature, dims=(1,), slope=wanted)
                total += values[0].sum()
                if gradient is not None and slope is not None:
                    torch.mm(slope, keys, out=gradient[rows])
                del slope  # before the next block's matrices come
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
                pairs = (student[i], student[j]), (teacher[i], teacher[j])
                values, slope = _divergences(*pairs, temperature, dims=(1, 0), slope=wanted)
                total += (values[0].sum() + values[1].sum()) * share
                if gradient is not None and slope is not None:
                    gradient[i].addmm_(slope, student[j], alpha=share)
                    gradient[j].addmm_(slope.T, student[i], alpha=share)
                del slope  # before the next pair's matrices come
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


def _divergences(
    student: Pair, teacher: Pair, temperature: float, *, dims: tuple[int, ...], slope: bool
) -> tuple[list[Tensor], Tensor | None]:
    """KL of the relations [n, k] of pairs (rows [n, d], keys [k, d]), softmax along `dims`: 1 for rows, 0 for columns.

    Returns:
        The divergences for each of `dims`, and the derivative [n, k] of all their sum by the student's relations.
    """
    s, t = student[0] @ student[1].T, teacher[0] @ teacher[1].T
    if 2 / temperature > SAFE_EXPONENT:
        return _sharp_divergences(s, t, temperature, dims=dims, slope=slope)
    # Cosines are at most 1, so one shift serves every row and every column, and one exponential every softmax.
    p = s.sub(1).div_(temperature).exp_()
    q = t.sub(1).div_(temperature).exp_()
    excess = t.sub_(s).div_(temperature).mul_(q)
    values, p_scales, q_scales = [], [], []
    for dim in dims:
        p_sum, q_sum = p.sum(dim, keepdim=True), q.sum(dim, keepdim=True)
        values.append((excess.sum(dim, keepdim=True) / q_sum + (p_sum / q_sum).log()).squeeze(dim))
        p_scales.append(1 / (p_sum * temperature))
        q_scales.append(1 / (q_sum * temperature))
    del s, t, excess
    return values, p.mul_(sum(p_scales)).sub_(q.mul_(sum(q_scales))) if slope else None


def _sharp_divergences(
    s: Tensor, t: Tensor, temperature: float, *, dims: tuple[int, ...], slope: bool
) -> tuple[list[Tensor], Tensor | None]:
    """`_divergences` at temperatures at which one shift for all rows would underflow."""
    values, derivative = [], torch.zeros_like(s) if slope else None
    for dim in dims:
        log_p, log_q = torch.log_softmax(s / temperature, dim), torch.log_softmax(t / temperature, dim)
        q = log_q.exp()
        values.append(log_q.sub_(log_p).mul_(q).sum(dim))
        if derivative is not None:
            derivative += log_p.exp_().sub_(q).div_(temperature)
    return values, derivative


def _blocks(rows: Tensor, keys: Tensor) -> list[slice]:
    entries = CPU_BLOCK_ENTRIES if rows.device.type == "cpu" else GPU_BLOCK_ENTRIES
    size = max(1, entries // len(keys))
    return [slice(start, start + size) for start in range(0, len(rows), size)]


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: must be positive; the method uses 0.1")


def _check_counts(what: str, student: Tensor, teacher: Tensor) -> None:
    if len(student) != len(teacher):
        raise ValueError(
            f"{len(student)} student {what} and {len(teacher)} teacher {what}: must be the same pixels; "
            "resample one model's map to the other's"
        )

"""The relations of a batch, by a backend that device, type and size choose: the same in every process and run.

| device | work | backend |
|---|---|---|
| GPU | float32 rows of at most 256 channels, a temperature that float32 can bear | `triton_streamed`, no tiles |
| any | all else | tiles, passes by PyTorch's operations (`torch_passes`) |

A backend that can't be built here, or does not agree with PyTorch's operations, is left aside with a warning.
What each gains is in `benchmarks/results`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine import tiled
from cirkd.relations.precision import Precision

Relate = Callable[..., Tensor]
Work = Callable[[], Sequence[Tensor]]
# Entries up to which launching kernels takes a GPU's processor longer than they take: two images of 64x128 positions
# are a few milliseconds of an H100's.
WORTH_RECORDING = 2**28
# Images, positions, and widths of student and teacher that streamed relations are tried on.
TRIAL = (2, 512, 64, 128)


def add_up_pairs(
    student: Float[Tensor, "b n d"],
    teacher: Float[Tensor, "b n e"],
    own: int,
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "o n d"] | None,
) -> Float[Tensor, ""]:
    """As `tiled.add_up_pairs`."""
    relate = streamed_for(student, teacher, temperature, precision)
    if relate is None or own < len(student):
        return tiled.add_up_pairs(student, teacher, own, temperature, precision, gradient)
    slope = None if gradient is None else gradient.flatten(0, 1)
    pairs = (student, student), (teacher, teacher)
    return relate(*pairs, len(student), temperature, precision, slope).sum(dtype=torch.float64)


def keyed_values(
    student: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, " n"]:
    """As `tiled.keyed_values`."""
    relate = streamed_for(student[0], teacher[0], temperature, precision)
    if relate is None:
        return tiled.keyed_values(student, teacher, temperature, precision, gradient)
    return relate(student, teacher, 1, temperature, precision, gradient)[:, 0]


def streamed_for(student: Tensor, teacher: Tensor, temperature: float, precision: Precision) -> Relate | None:
    """`triton_streamed.relate`, where these rows are related by it."""
    if student.device.type != "cuda":
        return None
    relate = _streamed(student.device, precision)
    if relate is None:
        return None
    from cirkd.relations.engine import triton_streamed

    return relate if triton_streamed.supported(student, teacher, temperature) else None


def worth_recording(student: Tensor, teacher: Tensor, entries: int, temperature: float, precision: Precision) -> bool:
    """Whether these relations are streamed, and so few that launching kernels takes longer than they do."""
    return 0 < entries <= WORTH_RECORDING and streamed_for(student, teacher, temperature, precision) is not None


@functools.cache
def _streamed(device: torch.device, precision: Precision) -> Relate | None:
    try:
        from cirkd.relations.engine.triton_streamed import relate
    except ImportError:  # PyTorch without Triton, as on Windows
        return None
    return relate if _relates_rightly(relate, device, precision) else None


def _relates_rightly(relate: Relate, device: torch.device, precision: Precision) -> bool:
    """Whether `relate` has the divergences and the gradient of a batch of random embeddings."""
    images, positions, *widths = TRIAL
    draw = torch.Generator().manual_seed(0)
    both = [torch.randn(images, positions, width, generator=draw).to(device) for width in widths]
    student, teacher = (x / x.norm(dim=2, keepdim=True) for x in both)
    temperature = 0.1

    def ours() -> Sequence[Tensor]:
        gradient = torch.zeros_like(student)
        pairs = (student, student), (teacher, teacher)
        return relate(*pairs, images, temperature, precision, gradient.flatten(0, 1)), gradient

    def plain() -> Sequence[Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            x = student.clone().requires_grad_()
            log_p, log_q = (_log_relations(one, temperature) for one in (x, teacher.clone()))
            nats = (log_q.exp() * (log_q - log_p)).sum(dim=2)
            return nats.detach(), torch.autograd.grad(nats.sum() * temperature, x)[0]

    return is_right(ours, plain, device, tolerance=0.05 if precision == "bf16" else 1e-3)


def _log_relations(rows: Tensor, temperature: float) -> Tensor:
    """Log of each row's relation distribution over each image: [rows, images, positions]."""
    flat = rows.flatten(0, 1)
    return (flat @ flat.T / temperature).unflatten(1, rows.shape[:2]).log_softmax(dim=2)


def is_right(ours: Work, plain: Work, device: torch.device, tolerance: float) -> bool:
    """Whether `ours` can be built and gives what `plain` gives, tried once a process; if not, a warning says why.

    Args:
        tolerance: how large the norm of the difference of two results may be, relative to the right one's.
    """
    try:
        for mine, theirs in zip(ours(), plain(), strict=True):
            if not bool((mine - theirs).norm() <= tolerance * theirs.norm()):
                raise ArithmeticError("their results are wrong")
    except Exception as error:  # compilers fail in ways of their own
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        warnings.warn(f"relations are computed without all kernels on {device}: {reason[0]}", stacklevel=3)
        return False
    return True

"""The relations of a batch: streamed through kernels on a GPU that is faster so, else in tiles by PyTorch's operations.

add_up_pairs(student, teacher, own, temperature, precision, gradient) -> scalar          every two images
keyed_values(student, teacher, temperature, precision, gradient) -> [n]                  rows against keys
worth_recording(student, teacher, entries, temperature, precision) -> bool               see `recorded`
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine import tiled as pairwise
from cirkd.relations.engine.agreement import is_faster
from cirkd.relations.precision import Precision

Relate = Callable[..., Tensor]
# Images, positions, and widths of student and teacher that both ways are tried on.
TRIAL = (2, 2048, 64, 128)
# Of a relation matrix: two images of 64x128 positions, a few milliseconds of an H100's.
RECORDED_ENTRIES = 2**28


def add_up_pairs(
    student: Float[Tensor, "b n d"],
    teacher: Float[Tensor, "b n e"],
    own: int,
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "o n d"] | None,
) -> Float[Tensor, ""]:
    """As `pairwise.add_up_pairs`."""
    relate = streamed_for(student, teacher, temperature, precision)
    if relate is None or own < len(student):
        return pairwise.add_up_pairs(student, teacher, own, temperature, precision, gradient)
    return _add_up_streamed(relate, student, teacher, temperature, precision, gradient)


def keyed_values(
    student: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, " n"]:
    """As `pairwise.keyed_values`."""
    relate = streamed_for(student[0], teacher[0], temperature, precision)
    if relate is None:
        return pairwise.keyed_values(student, teacher, temperature, precision, gradient)
    return relate(student, teacher, 1, temperature, precision, gradient)[:, 0]


def streamed_for(student: Tensor, teacher: Tensor, temperature: float, precision: Precision) -> Relate | None:
    """`streamed.relate`, where the device is faster with it and it can relate these rows."""
    if student.device.type != "cuda" or not _streams(student.device, precision):
        return None
    from cirkd.relations.engine import triton_streamed as streamed

    return streamed.relate if streamed.supported(student, teacher, temperature) else None


def worth_recording(student: Tensor, teacher: Tensor, entries: int, temperature: float, precision: Precision) -> bool:
    """Whether these relations go through kernels, and are so few that launching them takes longer than they do."""
    return 0 < entries <= RECORDED_ENTRIES and streamed_for(student, teacher, temperature, precision) is not None


@functools.cache
def _streams(device: torch.device, precision: Precision) -> bool:
    try:
        from cirkd.relations.engine import triton_streamed as streamed
    except ImportError:  # PyTorch without Triton, as on Windows
        return False
    return _wins(streamed.relate, device, precision)


def _wins(relate: Relate, device: torch.device, precision: Precision) -> bool:
    """Whether `relate` is right and faster than tiles on a batch of random embeddings."""
    images, positions, *widths = TRIAL
    draw = torch.Generator().manual_seed(0)
    both = [torch.randn(images, positions, width, generator=draw).to(device) for width in widths]
    student, teacher = (x / x.norm(dim=2, keepdim=True) for x in both)

    def work(way: Callable[[Tensor], Tensor]) -> Sequence[Tensor]:
        gradient = torch.zeros_like(student)
        return way(gradient), gradient

    return is_faster(
        lambda: work(lambda slope: _add_up_streamed(relate, student, teacher, 0.1, precision, slope)),
        lambda: work(lambda slope: pairwise.add_up_pairs(student, teacher, images, 0.1, precision, slope)),
        device,
        tolerance=0.05 if precision == "bf16" else 1e-3,
    )


def _add_up_streamed(
    relate: Relate, student: Tensor, teacher: Tensor, temperature: float, precision: Precision, gradient: Tensor | None
) -> Tensor:
    slope = None if gradient is None else gradient.flatten(0, 1)
    pairs = (student, student), (teacher, teacher)
    return relate(*pairs, len(student), temperature, precision, slope).sum(dtype=torch.float64)

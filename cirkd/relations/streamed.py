"""Relations without their matrix, for GPUs: products, exponentials and sums of a block in one kernel, in registers.

    supported(student [n,d], teacher [n,e], temperature) -> bool
    relate(student, teacher, images, temperature, precision, gradient) -> nats [n,m]

One kernel goes along the keys of a block of rows for the sums of its softmaxes, a second one once more for the
gradient. Nothing of the size of a relation matrix is written, not even a tile; in turn every product is taken twice,
and for the gradient those of i to j and j to i. Sums are added up in a fixed order: the same input gives the same bits.

Products are tensor cores': of factors rounded to bf16, or for float32 of factors split into two of float16, which
together hold 22 bits. Of their four products the one of both small parts is left out: it is below float32's last bit.
"""

# Type checkers don't know how Triton launches kernels.
# pyright: reportCallIssue=false, reportArgumentType=false

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
import triton
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.precision import Precision
from cirkd.relations.products import SAFE_EXPONENT
from cirkd.relations.streamed_kernels import gradient_kernel, sums_kernel
from cirkd.relations.tiles import divergences

PART = 1024  # keys that a program goes along for sums
CHANNELS = 64  # embeddings get zeros to a multiple of so many
COLUMN_SUMS = 2**22  # of the keys over each block of rows, that are kept until they are added up
WIDEST = 256  # channels of a student whose gradient's block still fits the registers


class Launch(NamedTuple):
    """Rows and keys of a block, channels that a product takes at a time, and how Triton builds the kernel."""

    rows: int
    keys: int
    chunk: int
    warps: int
    stages: int

    @property
    def built(self) -> dict[str, int]:
        return {"num_warps": self.warps, "num_stages": self.stages}


# The fastest of a dozen on an H100, for both precisions; rows and keys of the first must be as many.
FOR_SUMS, FOR_GRADIENT = Launch(128, 128, 32, 8, 3), Launch(128, 64, 64, 8, 3)


def relate(
    student: tuple[Float[Tensor, "n d"], Float[Tensor, "k d"]],
    teacher: tuple[Float[Tensor, "n e"], Float[Tensor, "k e"]],
    images: int,
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "n d"] | None,
) -> Float[Tensor, "n m"]:
    """Divergence of each row's relations to the keys of each image.

    Args:
        student, teacher: rows and keys, l2-normalised. Where they are the same tensor, the relations of keys to a row
            count in its gradient.
        images: of equal size that the keys span, and then the rows too.
        gradient: gets the derivative of the sum by the student's rows added, times the temperature.
    """
    work = _Work(student, teacher, images, temperature, precision)
    with torch.cuda.device_of(student[0]):  # Triton launches on the current GPU
        sums = work.sums()
        if gradient is not None:
            work.add_gradient(sums, gradient)
    return divergences(sums)


class _Work:
    """Rows and keys as the kernels take them."""

    def __init__(
        self, student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], images: int, temperature: float,
        precision: Precision,
    ) -> None:  # fmt: skip
        self.mirrored = student[0] is student[1]
        self.scale = math.sqrt(math.log2(math.e) / temperature)  # of either factor
        rows = [_factors(x, self.scale, precision) for x in (student[0], teacher[0])]
        keys = rows if self.mirrored else [_factors(x, self.scale, precision) for x in (student[1], teacher[1])]
        self.given = [part for factors in (*rows, *keys) for part in factors]
        self.images, self.row_images = images, images if self.mirrored else 1
        self.rows, self.keys = len(student[0]), len(student[1])
        self.row_width, self.key_width = self.rows // self.row_images, self.keys // images
        self.parts = triton.cdiv(self.key_width, PART)
        self.numbers = (
            self.row_width, self.key_width, images, self.parts, PART, *(factors[0].shape[1] for factors in rows)
        )  # fmt: skip
        self.split = precision == "float32"

    def sums(self) -> Float[Tensor, "3 n m"]:
        launch = FOR_SUMS
        blocks = triton.cdiv(self.row_width, launch.rows)
        found = self._new(3, self.row_images, self.row_width, self.images).zero_()
        by_row, by_key = found, found.view(3, self.rows, self.images)
        for first, top, shape in self._pieces(blocks):
            count = shape[0] * shape[1]
            sums = self._new(3, self.parts, count * launch.rows, self.images)
            columns = self._new(3, count, self.keys).zero_() if self.mirrored else sums
            sums_kernel[(count, self.images * self.parts)](
                *self.given, sums, columns, first, top, shape[1], *self.numbers, self.mirrored, self.split,
                launch.chunk, launch.rows, **launch.built,
            )  # fmt: skip
            own, rows = slice(first, first + shape[0]), slice(top * launch.rows, (top + shape[1]) * launch.rows)
            into = by_row[:, own, rows]
            into += sums.sum(dim=1).view(3, shape[0], -1, self.images)[:, :, : into.shape[2]]
            if self.mirrored:
                by_key[:, :, own] += columns.view(3, *shape, self.keys).sum(dim=2).transpose(1, 2)
        return by_key

    def _pieces(self, blocks: int) -> Iterator[tuple[int, int, tuple[int, int]]]:
        """First image and block, and how many images and blocks of each, of what is launched at a time."""
        each = COLUMN_SUMS // self.keys if self.mirrored else blocks
        if each >= blocks:
            for image in range(0, self.row_images, each // blocks):
                yield image, 0, (min(each // blocks, self.row_images - image), blocks)
            return
        for image in range(self.row_images):
            for block in range(0, blocks, max(1, each)):
                yield image, block, (1, min(max(1, each), blocks - block))

    def add_gradient(self, sums: Float[Tensor, "3 n m"], gradient: Float[Tensor, "n d"]) -> None:
        launch = FOR_GRADIENT
        width = self.numbers[-2]
        blocks = triton.cdiv(self.row_width, launch.rows) * self.row_images
        shares = max(1, min(self.images * self.parts, triton.cdiv(2 * _processors(gradient), blocks)))
        found = self._new(shares, self.rows, width)
        level = float(min(self.key_width, 2**13))
        gradient_kernel[(blocks, shares)](
            *self.given, 1 / sums[:2], found, self.rows, *self.numbers, level, self.mirrored,
            triton.next_power_of_2(width), self.split, launch.chunk, launch.rows, launch.keys, **launch.built,
        )  # fmt: skip
        gradient += found.sum(dim=0)[:, : gradient.shape[1]] / (level * self.scale)

    def _new(self, *shape: int) -> Tensor:
        return self.given[0].new_empty(shape, dtype=torch.float32)


def supported(student: Tensor, teacher: Tensor, temperature: float) -> bool:
    """Whether the kernels can relate these rows: of float32, not too wide, at a temperature that float32 can bear."""
    return (
        student.dtype == teacher.dtype == torch.float32
        and student.shape[-1] <= WIDEST
        and 1 / temperature <= SAFE_EXPONENT
    )


def _factors(x: Tensor, scale: float, precision: Precision) -> tuple[Tensor, Tensor]:
    """x * scale with zeros to a width that kernels take: in bf16, twice, or a large and a small part in float16."""
    missing = -x.shape[1] % CHANNELS
    wide = (F.pad(x, (0, missing)) if missing else x) * scale
    if precision == "bf16":
        whole = wide.bfloat16()
        return whole, whole
    large = wide.half()
    return large, (wide - large).half()


def _processors(x: Tensor) -> int:
    return torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 1

"""Relations without their matrix, for GPUs: products, exponentials and sums of a block in one kernel, in registers.

    supported(student [n,d], teacher [n,e], temperature) -> bool
    relate(student, teacher, images, temperature, precision, gradient) -> nats [n,m]

One kernel goes along the keys of a block of rows for the sums of its softmaxes, another once more for the gradient.
Nothing of the size of a relation matrix is written, not even a tile; in turn every product is taken twice, and for the
gradient those of i to j and j to i. What limits them is reading embeddings from the cache, hence blocks of rows that
stay in shared memory as far as they fit. Sums are added up in a fixed order: the same input gives the same bits.

Products are tensor cores': of factors rounded to bf16, or for float32 of factors split into two of float16, which
together hold 22 bits. Of their four products the one of both small parts is left out: it is below float32's last bit.
"""

# Type checkers don't know how Triton launches kernels.
# pyright: reportCallIssue=false, reportArgumentType=false

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import triton
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine.products import SAFE_EXPONENT
from cirkd.relations.engine.triton_kernels import collect_kernel, factors_kernel, gradient_kernel, sums_kernel
from cirkd.relations.precision import Precision

PART = 1024  # keys that a program goes along for sums
CHANNELS = 64  # embeddings get zeros to a multiple of so many
Rows = Float[Tensor, "..."]  # all at once [n, d], or image by image [m, n / m, d]
COLUMN_SUMS = 2**22  # of the keys over each block of rows, that are kept until they are added up
WIDEST = 256  # channels of a student whose gradient's block still fits the registers


class Launch(NamedTuple):
    """Rows and keys of a block, channels that a product takes at a time, and how Triton builds the kernel."""

    rows: int
    keys: int
    chunk: int
    warps: int
    stages: int
    student_held: bool = False
    teacher_held: bool = False

    @property
    def held(self) -> tuple[bool, bool]:
        return self.student_held, self.teacher_held

    @property
    def built(self) -> dict[str, int]:
        return {"num_warps": self.warps, "num_stages": self.stages}

    def bytes_of(self, columns: tuple[int, int], split: bool, shared: bool) -> int:
        """Shared memory that it needs: blocks that are held, and so many stages of all else that products take."""
        size = 4 if split else 2  # bytes of a number in both halves
        of_held = [width for width, stays in zip(columns, self.held, strict=True) if stays]
        held, streamed = self.rows * sum(of_held), self.keys * sum(of_held[:1] if shared else of_held)
        by_chunk = 0 if all(self.held) else (self.rows + self.keys) * self.chunk
        stages = self.stages if all(self.held) else 1
        return size * (held + streamed * stages + by_chunk * self.stages)


# The fastest on an H100 of what fits its shared memory, first those that hold most of it; PART must be a multiple of
# the rows of the first, and those of their keys.
SHARED = 220 * 2**10
FOR_SUMS = (
    Launch(128, 64, 64, 8, 2, True, True),
    Launch(128, 128, 32, 8, 3),
)
FOR_GRADIENT = (
    Launch(128, 64, 64, 8, 2, True, True),
    Launch(128, 64, 32, 8, 3, True, False),
    Launch(64, 32, 64, 4, 2, True, True),
    Launch(128, 64, 64, 8, 3),
)


def relate(
    student: tuple[Rows, Rows],
    teacher: tuple[Rows, Rows],
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
        gradient: gets the derivative of the sum by the student's rows added, times the temperature; contiguous.
    """
    with torch.cuda.device_of(student[0]):  # Triton launches on the current GPU
        work = _Work(student, teacher, images, temperature, precision)
        nats, scales = work.sums()
        if gradient is not None:
            work.add_gradient(scales, gradient)
    return nats


class _Work:
    """Rows and keys as the kernels take them."""

    def __init__(
        self,
        student: tuple[Rows, Rows],
        teacher: tuple[Rows, Rows],
        images: int,
        temperature: float,
        precision: Precision,
    ) -> None:
        self.mirrored, self.shared = student[0] is student[1], student[1] is teacher[1]
        self.scale = math.sqrt(math.log2(math.e) / temperature)  # of either factor
        self.split = precision == "float32"
        known: dict[int, tuple[Tensor, Tensor]] = {}
        for x in (student[0], teacher[0], student[1], teacher[1]):
            if id(x) not in known:
                known[id(x)] = _factors(x, self.scale, self.split)
        factors = [known[id(x)] for x in (student[0], teacher[0], student[1], teacher[1])]
        self.given = [part for pair in factors for part in pair]
        self.images, self.row_images = images, images if self.mirrored else 1
        self.rows, self.keys = len(factors[0][0]), len(factors[2][0])
        self.row_width, self.key_width = self.rows // self.row_images, self.keys // images
        self.parts = triton.cdiv(self.key_width, PART)
        self.widths = factors[0][0].shape[1], factors[1][0].shape[1]
        self.numbers = self.row_width, self.key_width, images, self.parts, PART, *self.widths
        self.columns = tuple(triton.next_power_of_2(width) for width in self.widths)

    def sums(self) -> tuple[Float[Tensor, "n m"], Float[Tensor, "2 m n"]]:
        """Divergence of each row's relations to each image, and 1 / the sums of P and Q."""
        launch = self._fitting(FOR_SUMS)
        blocks = triton.cdiv(self.row_width, launch.rows)
        shape = self.rows, self.images
        found, scales, nats = self._new(3, *shape), self._new(2, *shape[::-1]), self._new(*shape)
        pieces = list(self._pieces(blocks))
        for number, (first, top, (own, each)) in enumerate(pieces):
            count = own * each
            sums = self._new(3, self.parts, count * launch.rows, self.images)
            columns = self._new(3, count, self.keys) if self.mirrored else sums
            sums_kernel[(count, self.images * self.parts)](
                *self.given,
                sums,
                columns,
                first,
                top,
                each,
                *self.numbers,
                *self.columns,
                self.mirrored,
                self.split,
                *launch.held,
                self.shared,
                launch.chunk,
                launch.rows,
                launch.keys,
                **launch.built,
            )
            collect_kernel[(blocks * self.row_images, self.images)](
                sums,
                columns,
                found,
                scales,
                nats,
                first,
                top,
                own,
                each,
                self.row_width,
                self.images,
                self.parts,
                self.rows,
                self.mirrored,
                number == 0,
                number == len(pieces) - 1,
                launch.rows,
            )
        return nats, scales

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

    def add_gradient(self, scales: Float[Tensor, "2 m n"], gradient: Float[Tensor, "n d"]) -> None:
        launch = self._fitting(FOR_GRADIENT)
        channels = gradient.shape[1]
        blocks = triton.cdiv(self.row_width, launch.rows) * self.row_images
        shares = _shares(blocks, self.images * self.parts, _processors(gradient))
        found = gradient[None] if shares == 1 else self._new(shares, self.rows, channels).zero_()
        level = float(min(self.key_width, 2**13))
        gradient_kernel[(blocks, shares)](
            *self.given,
            scales,
            found,
            self.rows,
            channels,
            *self.numbers,
            level,
            1 / (level * self.scale),
            *self.columns,
            self.mirrored,
            self.split,
            *launch.held,
            self.shared,
            launch.chunk,
            launch.rows,
            launch.keys,
            **launch.built,
        )
        if shares > 1:
            gradient += found.sum(dim=0)

    def _fitting(self, launches: Sequence[Launch]) -> Launch:
        """The first that fits shared memory; the last fits always."""
        given = self.columns, self.split, self.shared
        fitting = (launch for launch in launches if launch.bytes_of(*given) <= SHARED)
        return next(fitting, launches[-1])

    def _new(self, *shape: int) -> Tensor:
        return self.given[0].new_empty(shape, dtype=torch.float32)


def supported(student: Tensor, teacher: Tensor, temperature: float) -> bool:
    """Whether the kernels can relate these rows: of float32, not too wide, at a temperature that float32 can bear."""
    return (
        student.dtype == teacher.dtype == torch.float32
        and student.shape[-1] <= WIDEST
        and 1 / temperature <= SAFE_EXPONENT
    )


def _factors(x: Rows, scale: float, split: bool) -> tuple[Tensor, Tensor]:
    """x * scale with zeros to a width that kernels take: in bf16, twice, or a large and a small part in float16."""
    images = x if x.dim() == 3 else x[None]
    count, rows, channels = images.shape
    width = channels + -channels % CHANNELS
    kind = torch.float16 if split else torch.bfloat16
    large = x.new_empty(count * rows, width, dtype=kind)
    small = torch.empty_like(large) if split else large
    factors_kernel[(triton.cdiv(count * rows, CHANNELS), width // CHANNELS)](
        images, large, small, count * rows, channels, width, scale, rows, *images.stride(), split, CHANNELS, CHANNELS
    )
    return large, small


def _shares(blocks: int, parts: int, processors: int) -> int:
    """Into how many to divide the parts of each block of rows, so that all processors are done soonest."""
    # Each share has a gradient of its own: no more than keep the processors busy.
    most = max(1, min(parts, 2 * processors // blocks))
    return min(range(1, most + 1), key=lambda count: triton.cdiv(blocks * count, processors) * -(-parts // count))


def _processors(x: Tensor) -> int:
    return torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 1

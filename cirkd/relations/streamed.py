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
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.precision import Precision
from cirkd.relations.products import SAFE_EXPONENT
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


@triton.jit
def _logits(
    rows, rows_rest, keys, keys_rest, row, key, there, inside, width,
    split: tl.constexpr, chunk: tl.constexpr, block_rows: tl.constexpr, block_keys: tl.constexpr,
):  # fmt: skip
    """Products [block_rows, block_keys] of these rows and keys, over `width` channels."""
    channel = tl.arange(0, chunk)
    total = tl.zeros((block_rows, block_keys), tl.float32)
    for first in range(0, width, chunk):
        at = row[:, None] * width + first + channel[None, :]
        to = key[None, :] * width + first + channel[:, None]
        a = tl.load(rows + at, there, 0.0)
        b = tl.load(keys + to, inside, 0.0)
        total = tl.dot(a, b, total)
        if split:
            total = tl.dot(a, tl.load(keys_rest + to, inside, 0.0), total)
            total = tl.dot(tl.load(rows_rest + at, there, 0.0), b, total)
    return total


@triton.jit
def _sums_kernel(
    student_rows, student_rows_rest, teacher_rows, teacher_rows_rest,
    student_keys, student_keys_rest, teacher_keys, teacher_keys_rest,
    sums, columns, first_image, first_block, blocks, row_width, key_width, images, parts, part_keys,
    student_width, teacher_width, mirrored: tl.constexpr, split: tl.constexpr, chunk: tl.constexpr, side: tl.constexpr,
):  # fmt: skip
    """Sums of P, of Q and of Q * (t - s) of a block of rows over a part of the keys of an image.

    Of `blocks` blocks of every image from the first on. sums [3, parts, these blocks * side, images]; `row_width` rows
    and `key_width` keys an image. Where `mirrored`, only what is not left of the diagonal is computed: columns
    [3, these blocks, keys] get sums over the rows.
    """
    block, unit = tl.program_id(0), tl.program_id(1)
    own = first_image + block // blocks
    top = (first_block + block % blocks) * side
    r = top + tl.arange(0, side)
    row = own * row_width + r
    there = (r < row_width)[:, None]
    image, part = unit // parts, unit % parts
    begin = part * part_keys
    end = tl.minimum(begin + part_keys, key_width)
    if mirrored:
        begin = tl.where(image < own, end, tl.where(image == own, tl.maximum(begin, top), begin))
    p_sum = tl.zeros((side,), tl.float32)
    q_sum = tl.zeros((side,), tl.float32)
    x_sum = tl.zeros((side,), tl.float32)
    for start in range(begin, end, side):
        c = start + tl.arange(0, side)
        key = image * key_width + c
        inside = (c < end)[None, :]
        s = _logits(
            student_rows, student_rows_rest, student_keys, student_keys_rest, row, key, there, inside, student_width,
            split, chunk, side, side,
        )  # fmt: skip
        t = _logits(
            teacher_rows, teacher_rows_rest, teacher_keys, teacher_keys_rest, row, key, there, inside, teacher_width,
            split, chunk, side, side,
        )  # fmt: skip
        seen = inside & there
        p = tl.where(seen, tl.exp2(s), 0.0)
        q = tl.where(seen, tl.exp2(t), 0.0)
        x = q * (t - s)
        p_sum += tl.sum(p, axis=1)
        q_sum += tl.sum(q, axis=1)
        x_sum += tl.sum(x, axis=1)
        if mirrored:
            beside = (c < end) & ((image != own) | (start != top))
            keys = images * key_width
            to = columns + block * keys + key
            step = tl.num_programs(0) * keys
            tl.store(to, tl.sum(p, axis=0), beside)
            tl.store(to + step, tl.sum(q, axis=0), beside)
            tl.store(to + 2 * step, tl.sum(x, axis=0), beside)
    rows = tl.num_programs(0) * side
    to = sums + (part * rows + block * side + tl.arange(0, side)) * images + image
    step = parts * rows * images
    tl.store(to, p_sum)
    tl.store(to + step, q_sum)
    tl.store(to + 2 * step, x_sum)


@triton.jit
def _gradient_kernel(
    student_rows, student_rows_rest, teacher_rows, teacher_rows_rest,
    student_keys, student_keys_rest, teacher_keys, teacher_keys_rest,
    scales, gradient, rows, row_width, key_width, images, parts, part_keys, student_width, teacher_width, level,
    mirrored: tl.constexpr, columns: tl.constexpr,
    split: tl.constexpr, chunk: tl.constexpr, block_rows: tl.constexpr, block_keys: tl.constexpr,
):  # fmt: skip
    """Sum over keys of level * (P / its sums - Q / its sums) * key, for a block of rows, over a share of the parts.

    scales [2, rows, images] are 1 / sums; where `mirrored`, those of the key's relation to the row are added.
    gradient [shares, rows, student_width]; `level` brings the slopes to where float16 is exact.
    """
    block, share = tl.program_id(0), tl.program_id(1)
    blocks = tl.cdiv(row_width, block_rows)
    r = block % blocks * block_rows + tl.arange(0, block_rows)
    own = block // blocks
    row = own * row_width + r
    there = (r < row_width)[:, None]
    v = tl.arange(0, columns)
    total = tl.zeros((block_rows, columns), tl.float32)
    for unit in range(share, images * parts, tl.num_programs(1)):
        image, part = unit // parts, unit % parts
        begin = part * part_keys
        end = tl.minimum(begin + part_keys, key_width)
        p_row = level * tl.load(scales + row * images + image, r < row_width, 0.0)[:, None]
        q_row = level * tl.load(scales + (rows + row) * images + image, r < row_width, 0.0)[:, None]
        for start in range(begin, end, block_keys):
            c = start + tl.arange(0, block_keys)
            key = image * key_width + c
            inside = (c < end)[None, :]
            s = _logits(
                student_rows, student_rows_rest, student_keys, student_keys_rest, row, key, there, inside,
                student_width, split, chunk, block_rows, block_keys,
            )  # fmt: skip
            t = _logits(
                teacher_rows, teacher_rows_rest, teacher_keys, teacher_keys_rest, row, key, there, inside,
                teacher_width, split, chunk, block_rows, block_keys,
            )  # fmt: skip
            p_scale, q_scale = p_row, q_row
            if mirrored:
                p_scale += level * tl.load(scales + key * images + own, c < end, 0.0)[None, :]
                q_scale += level * tl.load(scales + (rows + key) * images + own, c < end, 0.0)[None, :]
            slope = tl.where(inside, tl.exp2(s) * p_scale - tl.exp2(t) * q_scale, 0.0)
            to = key[:, None] * student_width + v[None, :]
            known = (c < end)[:, None] & (v < student_width)[None, :]
            k = tl.load(student_keys + to, known, 0.0)
            high = slope.to(k.dtype)
            total = tl.dot(high, k, total)
            if split:
                total = tl.dot(high, tl.load(student_keys_rest + to, known, 0.0), total)
                total = tl.dot((slope - high.to(tl.float32)).to(k.dtype), k, total)
    to = gradient + (share * rows + row)[:, None] * student_width + v[None, :]
    tl.store(to, total, there & (v < student_width)[None, :])


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
            _sums_kernel[(count, self.images * self.parts)](
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
        _gradient_kernel[(blocks, shares)](
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

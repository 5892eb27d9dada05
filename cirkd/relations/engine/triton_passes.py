"""Each pass over the entries of a tile as one kernel for GPUs: they are read once, and only sums or slopes written.

PyTorch's operations one after the other read and write a tile some twenty times; the products of matrices, which stay
PyTorch's, are then the smaller part of the work. Exponentials are taken again in the second pass: they cost a GPU less
than to keep them. Sums are added up in a fixed order, so that the same tile gives the same bits.
"""

# Type checkers don't know how Triton launches kernels.
# pyright: reportCallIssue=false, reportArgumentType=false

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from cirkd.relations.engine.passes import Entries

# A block of entries and the warps that work on it: 16 entries a thread, as many blocks at a time as a GPU can hold.
ROWS, KEYS = 32, 128
LAUNCH: dict[str, Any] = {"num_warps": 8}


@triton.jit
def _sums_kernel(
    student, teacher, by_row, by_key, rows, keys, width, parts,
    keyed: tl.constexpr, block_rows: tl.constexpr, block_keys: tl.constexpr,
):  # fmt: skip
    """Sums of P, Q and Q * (t - s) of a block of rows and keys of one image, each block's to a place of its own.

    by_row [3, parts, rows, images], by_key [3, blocks of rows, keys]; `width` keys an image, in `parts` blocks.
    """
    block, column = tl.program_id(0), tl.program_id(1)
    image, part = column // parts, column % parts
    r = block * block_rows + tl.arange(0, block_rows)
    c = part * block_keys + tl.arange(0, block_keys)
    key = image * width + c
    inside = (r < rows)[:, None] & (c < width)[None, :]
    where = r[:, None].to(tl.int64) * keys + key[None, :]
    s = tl.load(student + where, mask=inside, other=0.0)
    t = tl.load(teacher + where, mask=inside, other=0.0)
    p = tl.where(inside, tl.exp2(s), 0.0)
    q = tl.where(inside, tl.exp2(t), 0.0)
    x = q * (t - s)
    images = keys // width
    to = by_row + (part * rows + r) * images + image
    step = parts * rows * images
    tl.store(to, tl.sum(p, axis=1), mask=r < rows)
    tl.store(to + step, tl.sum(q, axis=1), mask=r < rows)
    tl.store(to + 2 * step, tl.sum(x, axis=1), mask=r < rows)
    if keyed:
        to = by_key + block * keys + key
        step = tl.num_programs(0) * keys
        tl.store(to, tl.sum(p, axis=0), mask=c < width)
        tl.store(to + step, tl.sum(q, axis=0), mask=c < width)
        tl.store(to + 2 * step, tl.sum(x, axis=0), mask=c < width)


@triton.jit
def _slope_kernel(
    student, teacher, by_row, by_key, rows, keys, width, parts,
    keyed: tl.constexpr, block_rows: tl.constexpr, block_keys: tl.constexpr,
):  # fmt: skip
    """P * (row + key scale) - Q * (row + key scale), in place of the student's logits.

    by_row [2, rows, images], by_key [2, keys].
    """
    block, column = tl.program_id(0), tl.program_id(1)
    image, part = column // parts, column % parts
    r = block * block_rows + tl.arange(0, block_rows)
    c = part * block_keys + tl.arange(0, block_keys)
    key = image * width + c
    inside = (r < rows)[:, None] & (c < width)[None, :]
    where = r[:, None].to(tl.int64) * keys + key[None, :]
    images = keys // width
    scale = by_row + r * images + image
    p_scale = tl.load(scale, mask=r < rows, other=0.0)[:, None]
    q_scale = tl.load(scale + rows * images, mask=r < rows, other=0.0)[:, None]
    if keyed:
        p_scale += tl.load(by_key + key, mask=c < width, other=0.0)[None, :]
        q_scale += tl.load(by_key + keys + key, mask=c < width, other=0.0)[None, :]
    p = tl.exp2(tl.load(student + where, mask=inside, other=0.0))
    q = tl.exp2(tl.load(teacher + where, mask=inside, other=0.0))
    tl.store(student + where, p * p_scale - q * q_scale, mask=inside)


class FusedEntries(Entries):
    """One kernel for each pass; p and q keep their logits until the slope takes the place of p. Row-major tiles."""

    def sums(
        self, p: Tensor, t: Tensor, q: Tensor, x: Tensor, images: int, by_key: bool, known: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        rows, keys = p.shape
        blocks, parts, grid = _grid(rows, keys, images)
        row_sums = p.new_empty(3, parts, rows, images)
        key_sums = p.new_empty(3, blocks, keys) if by_key else row_sums
        with torch.cuda.device_of(p):  # Triton launches on the current GPU
            _sums_kernel[grid](
                p, t, row_sums, key_sums, rows, keys, keys // images, parts, by_key, ROWS, KEYS, **LAUNCH
            )
        return row_sums.sum(dim=1), key_sums.sum(dim=1) if by_key else None

    def again(self, p: Tensor, q: Tensor) -> None:
        pass

    def slope(self, p: Tensor, q: Tensor, x: Tensor, by_row: Tensor, by_key: Tensor | None) -> Tensor:
        rows, keys = p.shape
        images = by_row.shape[2]
        _, parts, grid = _grid(rows, keys, images)
        scales = by_row.contiguous(), (by_row if by_key is None else by_key).contiguous()
        with torch.cuda.device_of(p):
            _slope_kernel[grid](
                p, q, *scales, rows, keys, keys // images, parts, by_key is not None, ROWS, KEYS, **LAUNCH
            )
        return p


def _grid(rows: int, keys: int, images: int) -> tuple[int, int, tuple[int, int]]:
    """Blocks of rows, blocks of an image's keys, and both as the kernels' grid."""
    blocks, parts = triton.cdiv(rows, ROWS), triton.cdiv(keys // images, KEYS)
    return blocks, parts, (blocks, parts * images)

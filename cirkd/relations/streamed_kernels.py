"""The two kernels of `streamed`: a block of rows goes along keys, once for sums and once more for the gradient.

    sums_kernel[(blocks of rows, parts of keys)](...)
    gradient_kernel[(blocks of rows, shares of the parts)](...)

Rows and keys come as two halves each where `split`: a large and a small part, whose products with each other are left
out. Widths are multiples of `chunk`.
"""

from __future__ import annotations

import triton
import triton.language as tl


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
def sums_kernel(
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
def gradient_kernel(
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

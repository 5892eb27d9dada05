"""The kernels of `streamed`: a block of rows goes along keys, once for sums and once more for the gradient.

    factors_kernel[(blocks of rows, blocks of channels)](...)      embeddings as the products below take them
    sums_kernel[(blocks of rows, parts of keys)](...)
    collect_kernel[(blocks of rows, images)](...)                  the sums of all blocks and parts together
    gradient_kernel[(blocks of rows, shares of the parts)](...)

Rows and keys come as two halves each where `split`: a large and a small part, whose products with each other are left
out. Widths are multiples of `chunk`. Where a network is `held`, its block of rows stays in shared memory all along the
keys, instead of coming from the cache again with each of their blocks; and where both are, keys that they have `shared`
are read once.
"""

# What is loaded under one switch and used under the same is bound, whatever a type checker says.
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def factors_kernel(
    x,
    large,
    small,
    rows,
    channels,
    width,
    scale,
    image_rows,
    image_step,
    row_step,
    channel_step,
    split: tl.constexpr,
    block_rows: tl.constexpr,
    block_channels: tl.constexpr,
):
    """x * scale in the type of `large`, with zeros up to `width` channels; what rounding leaves over goes to `small`.

    x lies in images of `image_rows` rows, in any order in memory; large and small [rows, width].
    """
    r = tl.program_id(0) * block_rows + tl.arange(0, block_rows)
    c = tl.program_id(1) * block_channels + tl.arange(0, block_channels)
    at = (r // image_rows).to(tl.int64) * image_step + (r % image_rows).to(tl.int64) * row_step
    there = (r < rows)[:, None] & (c < channels)[None, :]
    value = tl.load(x + at[:, None] + c[None, :].to(tl.int64) * channel_step, there, 0.0) * scale
    to = r[:, None].to(tl.int64) * width + c[None, :]
    inside = (r < rows)[:, None] & (c < width)[None, :]
    high = value.to(large.dtype.element_ty)
    tl.store(large + to, high, inside)
    if split:
        tl.store(small + to, (value - high.to(tl.float32)).to(large.dtype.element_ty), inside)


@triton.jit
def _logits(
    rows,
    rows_rest,
    keys,
    keys_rest,
    row,
    key,
    there,
    inside,
    width,
    split: tl.constexpr,
    chunk: tl.constexpr,
    block_rows: tl.constexpr,
    block_keys: tl.constexpr,
):
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
def _block(rows, number, known, width, columns: tl.constexpr):
    """These rows [block, columns] whole, with zeros beyond `width` and where they are not `known`."""
    channel = tl.arange(0, columns)
    inside = known[:, None] & (channel < width)[None, :]
    return tl.load(rows + number[:, None] * width + channel[None, :], inside, 0.0)


@triton.jit
def _products(a, a_rest, b, b_rest, split: tl.constexpr):
    """Products of rows a with rows b."""
    total = tl.dot(a, tl.trans(b))
    if split:
        total = tl.dot(a, tl.trans(b_rest), total)
        total = tl.dot(a_rest, tl.trans(b), total)
    return total


@triton.jit
def sums_kernel(
    student_rows,
    student_rows_rest,
    teacher_rows,
    teacher_rows_rest,
    student_keys,
    student_keys_rest,
    teacher_keys,
    teacher_keys_rest,
    sums,
    columns,
    first_image,
    first_block,
    blocks,
    row_width,
    key_width,
    images,
    parts,
    part_keys,
    student_width,
    teacher_width,
    student_columns: tl.constexpr,
    teacher_columns: tl.constexpr,
    mirrored: tl.constexpr,
    split: tl.constexpr,
    student_held: tl.constexpr,
    teacher_held: tl.constexpr,
    shared: tl.constexpr,
    chunk: tl.constexpr,
    side: tl.constexpr,
    block_keys: tl.constexpr,
):
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
    known = r < row_width
    there = known[:, None]
    image, part = unit // parts, unit % parts
    begin = part * part_keys
    end = tl.minimum(begin + part_keys, key_width)
    if mirrored:
        begin = tl.where(image < own, end, tl.where(image == own, tl.maximum(begin, top), begin))
    if student_held:
        a = _block(student_rows, row, known, student_width, student_columns)
        a_rest = _block(student_rows_rest, row, known, student_width, student_columns) if split else a
    if teacher_held:
        b = _block(teacher_rows, row, known, teacher_width, teacher_columns)
        b_rest = _block(teacher_rows_rest, row, known, teacher_width, teacher_columns) if split else b
    p_sum = tl.zeros((side,), tl.float32)
    q_sum = tl.zeros((side,), tl.float32)
    x_sum = tl.zeros((side,), tl.float32)
    for start in range(begin, end, block_keys):
        c = start + tl.arange(0, block_keys)
        key = image * key_width + c
        inside = (c < end)[None, :]
        if student_held:
            k = _block(student_keys, key, c < end, student_width, student_columns)
            k_rest = _block(student_keys_rest, key, c < end, student_width, student_columns) if split else k
            s = _products(a, a_rest, k, k_rest, split)
        else:
            s = _logits(
                student_rows,
                student_rows_rest,
                student_keys,
                student_keys_rest,
                row,
                key,
                there,
                inside,
                student_width,
                split,
                chunk,
                side,
                block_keys,
            )
        if teacher_held:
            if not (shared and student_held):
                k = _block(teacher_keys, key, c < end, teacher_width, teacher_columns)
                k_rest = _block(teacher_keys_rest, key, c < end, teacher_width, teacher_columns) if split else k
            t = _products(b, b_rest, k, k_rest, split)
        else:
            t = _logits(
                teacher_rows,
                teacher_rows_rest,
                teacher_keys,
                teacher_keys_rest,
                row,
                key,
                there,
                inside,
                teacher_width,
                split,
                chunk,
                side,
                block_keys,
            )
        seen = inside & there
        p = tl.where(seen, tl.exp2(s), 0.0)
        q = tl.where(seen, tl.exp2(t), 0.0)
        x = q * (t - s)
        p_sum += tl.sum(p, axis=1)
        q_sum += tl.sum(q, axis=1)
        x_sum += tl.sum(x, axis=1)
        if mirrored:
            beside = (c < end) & ((image != own) | (start >= top + side))
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
def collect_kernel(
    sums,
    columns,
    found,
    scales,
    nats,
    first_image,
    first_block,
    own_images,
    blocks,
    row_width,
    images,
    parts,
    rows,
    mirrored: tl.constexpr,
    first: tl.constexpr,
    last: tl.constexpr,
    side: tl.constexpr,
):
    """Sums of a piece's parts and, where `mirrored`, its columns: added to found [3, rows, images], in a fixed order.

    With the `last` piece, of scales [2, images, rows] 1 / sums of P and Q, and of nats [rows, images] the divergence.
    """
    block, image = tl.program_id(0), tl.program_id(1)
    blocks_of_image = tl.cdiv(row_width, side)
    own, number = block // blocks_of_image, block % blocks_of_image
    r = number * side + tl.arange(0, side)
    known = r < row_width
    at = (own * row_width + r) * images + image
    step = rows * images
    p = tl.zeros((side,), tl.float32)
    q = tl.zeros((side,), tl.float32)
    x = tl.zeros((side,), tl.float32)
    if not first:
        p = tl.load(found + at, known, 0.0)
        q = tl.load(found + step + at, known, 0.0)
        x = tl.load(found + 2 * step + at, known, 0.0)
    here = (own >= first_image) & (own < first_image + own_images)
    here = here & (number >= first_block) & (number < first_block + blocks)
    these = own_images * blocks * side
    base = ((own - first_image) * blocks + number - first_block) * side + tl.arange(0, side)
    for part in range(0, tl.where(here, parts, 0)):
        to = sums + (part * these + base) * images + image
        p += tl.load(to)
        q += tl.load(to + parts * these * images)
        x += tl.load(to + 2 * parts * these * images)
    if mirrored:
        # Of the blocks of `image`, those that went along these rows as keys.
        seen = tl.where(own > image, blocks, tl.where(own == image, tl.minimum(number - first_block, blocks), 0))
        seen = tl.where((image >= first_image) & (image < first_image + own_images), seen, 0)
        all_blocks = own_images * blocks
        for other in range(0, seen):
            to = columns + ((image - first_image) * blocks + other) * rows + own * row_width + r
            p += tl.load(to, known, 0.0)
            q += tl.load(to + all_blocks * rows, known, 0.0)
            x += tl.load(to + 2 * all_blocks * rows, known, 0.0)
    tl.store(found + at, p, known)
    tl.store(found + step + at, q, known)
    tl.store(found + 2 * step + at, x, known)
    if last:
        to = scales + image * rows + own * row_width + r
        tl.store(to, 1.0 / p, known)
        tl.store(to + step, 1.0 / q, known)
        # Of opposite logits the sums are further apart than float32 spans.
        student, teacher, excess = p.to(tl.float64), q.to(tl.float64), x.to(tl.float64)
        value = excess / teacher * 0.6931471805599453 + tl.log(student / teacher)
        tl.store(nats + at, value.to(tl.float32), known)


@triton.jit
def gradient_kernel(
    student_rows,
    student_rows_rest,
    teacher_rows,
    teacher_rows_rest,
    student_keys,
    student_keys_rest,
    teacher_keys,
    teacher_keys_rest,
    scales,
    gradient,
    rows,
    channels,
    row_width,
    key_width,
    images,
    parts,
    part_keys,
    student_width,
    teacher_width,
    level,
    factor,
    student_columns: tl.constexpr,
    teacher_columns: tl.constexpr,
    mirrored: tl.constexpr,
    split: tl.constexpr,
    student_held: tl.constexpr,
    teacher_held: tl.constexpr,
    shared: tl.constexpr,
    chunk: tl.constexpr,
    block_rows: tl.constexpr,
    block_keys: tl.constexpr,
):
    """Sum over keys of (P / its sums - Q / its sums) * key, times `factor`, of a block of rows, over some parts.

    scales [2, images, rows] are 1 / sums; where `mirrored`, those of the key's relation to the row are added.
    gradient [shares, rows, channels] gets it added; `level` brings the slopes to where float16 is exact.
    """
    block, share = tl.program_id(0), tl.program_id(1)
    blocks = tl.cdiv(row_width, block_rows)
    r = block % blocks * block_rows + tl.arange(0, block_rows)
    own = block // blocks
    row = own * row_width + r
    known = r < row_width
    there = known[:, None]
    v = tl.arange(0, student_columns)
    if student_held:
        a = _block(student_rows, row, known, student_width, student_columns)
        a_rest = _block(student_rows_rest, row, known, student_width, student_columns) if split else a
    if teacher_held:
        b = _block(teacher_rows, row, known, teacher_width, teacher_columns)
        b_rest = _block(teacher_rows_rest, row, known, teacher_width, teacher_columns) if split else b
    total = tl.zeros((block_rows, student_columns), tl.float32)
    for unit in range(share, images * parts, tl.num_programs(1)):
        image, part = unit // parts, unit % parts
        begin = part * part_keys
        end = tl.minimum(begin + part_keys, key_width)
        p_row = level * tl.load(scales + image * rows + row, known, 0.0)[:, None]
        q_row = level * tl.load(scales + (images + image) * rows + row, known, 0.0)[:, None]
        for start in range(begin, end, block_keys):
            c = start + tl.arange(0, block_keys)
            key = image * key_width + c
            inside = (c < end)[None, :]
            if student_held:
                k = _block(student_keys, key, c < end, student_width, student_columns)
                k_rest = _block(student_keys_rest, key, c < end, student_width, student_columns) if split else k
                s = _products(a, a_rest, k, k_rest, split)
            else:
                s = _logits(
                    student_rows,
                    student_rows_rest,
                    student_keys,
                    student_keys_rest,
                    row,
                    key,
                    there,
                    inside,
                    student_width,
                    split,
                    chunk,
                    block_rows,
                    block_keys,
                )
            if teacher_held:
                if shared and student_held:
                    t = _products(b, b_rest, k, k_rest, split)
                else:
                    m = _block(teacher_keys, key, c < end, teacher_width, teacher_columns)
                    m_rest = _block(teacher_keys_rest, key, c < end, teacher_width, teacher_columns) if split else m
                    t = _products(b, b_rest, m, m_rest, split)
            else:
                t = _logits(
                    teacher_rows,
                    teacher_rows_rest,
                    teacher_keys,
                    teacher_keys_rest,
                    row,
                    key,
                    there,
                    inside,
                    teacher_width,
                    split,
                    chunk,
                    block_rows,
                    block_keys,
                )
            p_scale, q_scale = p_row, q_row
            if mirrored:
                p_scale += level * tl.load(scales + own * rows + key, c < end, 0.0)[None, :]
                q_scale += level * tl.load(scales + (images + own) * rows + key, c < end, 0.0)[None, :]
            slope = tl.where(inside, tl.exp2(s) * p_scale - tl.exp2(t) * q_scale, 0.0)
            if not student_held:
                k = _block(student_keys, key, c < end, student_width, student_columns)
                k_rest = _block(student_keys_rest, key, c < end, student_width, student_columns) if split else k
            high = slope.to(k.dtype)
            total = tl.dot(high, k, total)
            if split:
                total = tl.dot(high, k_rest, total)
                total = tl.dot((slope - high.to(tl.float32)).to(k.dtype), k, total)
    to = gradient + (share * rows + row)[:, None] * channels + v[None, :]
    within = there & (v < channels)[None, :]
    tl.store(to, tl.load(to, within, 0.0) + factor * total, within)

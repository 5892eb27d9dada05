"""All pairs of images of a batch, and rows against keys: plans of rectangles, gone through one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import tiles
from cirkd.relations.precision import Precision
from cirkd.relations.products import make_logits
from cirkd.relations.tiles import (
    Rectangle,
    Scratch,
    add_gradients,
    cut,
    divergences,
    first_pass,
    parts,
    tile_entries,
)

# Products of fewer rows at a time are slow.
FEWEST_ROWS = 64


def add_up_pairs(
    student: Float[Tensor, "b n d"],
    teacher: Float[Tensor, "b n e"],
    own: int,
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "o n d"] | None,
) -> Float[Tensor, ""]:
    """Sum of the divergences of all rows of the first `own` images to each of all images, in float64.

    Args:
        student, teacher: l2-normalised.
        gradient: gets the derivative by the own images' rows added: of the divergences of their rows, and of those of
            all other images' rows to them.
    """
    images, n, _ = student.shape
    entries = tile_entries(student.device)
    side = math.isqrt(entries)
    largest = max(min(n, side) ** 2, min(images, entries // max(n * n, 1)) * n * n)
    s, t = (make_logits(x, x, temperature, precision, largest) for x in (student.flatten(0, 1), teacher.flatten(0, 1)))
    kept = min(n * n, tiles.KEPT_ENTRIES) if n > side and gradient is not None else 0
    scratch = Scratch(s.dtype, student.device, largest, kept)
    total = student.new_zeros((), dtype=torch.float64)
    for rectangle in pair_rectangles(images, own, n, entries):
        pieces = cut(rectangle, side)
        first = first_pass(rectangle, pieces, [s], t, scratch)
        total += divergences(first.row_sums[0]).sum(dtype=torch.float64)
        if rectangle.trained_keys and not rectangle.square and first.key_sums is not None:
            total += divergences(first.key_sums[0]).sum(dtype=torch.float64)
        if gradient is not None:
            add_gradients(rectangle, pieces, s, t, first, gradient.flatten(0, 1), scratch)
    return total


def pair_rectangles(images: int, own: int, n: int, entries: int) -> Iterator[Rectangle]:
    """Every pair of an own image and any other once, and every own image with itself.

    Images of few positions go several at a time.
    """
    group = max(1, entries // max(n * n, 1))
    for i in range(own):
        rows = slice(i * n, (i + 1) * n)
        yield Rectangle(rows, rows, square=True)
        for first, last, trained in ((i + 1, own, True), (own, images, False)):
            for j in range(first, last, group):
                count = min(group, last - j)
                yield Rectangle(rows, slice(j * n, (j + count) * n), images=count, trained_keys=trained)


def keyed_values(
    student: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, " n"]:
    """Divergence of each row's relations to the keys.

    Args:
        student, teacher: rows [n, d] and keys [k, d] of each network, l2-normalised, at least one key.
        gradient: gets the derivative of the sum by the student's rows added.
    """
    rows, keys = student
    n, k = len(rows), len(keys)
    size = max(FEWEST_ROWS, tile_entries(rows.device) // k)
    breadth = max(1, tiles.KEPT_ENTRIES // FEWEST_ROWS)
    largest = min(n, size) * min(k, breadth)
    s, t = (make_logits(*pair, temperature, precision, largest) for pair in (student, teacher))
    scratch = Scratch(s.dtype, rows.device, largest)
    values = rows.new_zeros(n)
    for block in parts(slice(0, n), size):
        rectangle = Rectangle(block, slice(0, k), mirrored=False, trained_keys=False)
        pieces = [(block, part) for part in parts(rectangle.keys, breadth)]
        first = first_pass(rectangle, pieces, [s], t, scratch)
        values[block] = divergences(first.row_sums[0])[:, 0]
        if gradient is not None:
            add_gradients(rectangle, pieces, s, t, first, gradient, scratch)
    return values

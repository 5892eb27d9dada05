"""A rectangle of the relation matrix, tile by tile: the engine under every relation loss and map.

    tiles = cut(rectangle, side)
    first = first_pass(rectangle, tiles, students, teacher, scratch)                      sums of every softmax
    divergences(first.row_sums[0]) -> nats [n,m]                                          what losses and maps show
    add_gradients(rectangle, tiles, student, teacher, first, gradient, scratch)           the second pass

With P = exp(student logits) and Q = exp(teacher logits), the divergence of a relation row follows from three sums over
it: of P, of Q, and of Q times the difference of the logits. The relations of image i to image j are those of j to i
turned round, so that sums over the columns of a tile serve the rows of the other image: every product and every
exponential is taken once for both. The slope of an entry needs both its row's and its column's sums, hence a second
pass; tiles that fit the scratch are kept for it, others computed again. So memory does not grow with the matrices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.products import Logits

# Entries of a tile: what stays in a core's cache through all its elementwise passes, and what keeps a GPU busy.
CPU_TILE_ENTRIES_A_THREAD = 2**18
GPU_TILE_ENTRIES = 2**22
# Entries of each network that are kept between the passes: 16 MB, a pair of images of 45x45 positions.
KEPT_ENTRIES = 2**22

Tile = tuple[slice, slice]  # rows and keys
Kept = tuple[Tensor, Tensor] | None


@dataclass(frozen=True)
class Rectangle:
    """Rows against keys, both slices of the networks' rows and keys.

    Attributes:
        images: how many images of equal size the keys span; a row has one softmax for each.
        square: rows and keys are the same image, and the rectangle is its own mirror image.
        mirrored: keys are rows too, so that a column of the rectangle is a relation row as well.
        trained_keys: keys get a gradient too.
    """

    rows: slice
    keys: slice
    images: int = 1
    square: bool = False
    mirrored: bool = True
    trained_keys: bool = True


class FirstPass(NamedTuple):
    """What the first pass found, of s students.

    Attributes:
        row_sums: [s, 3, n, m], for each row and image of the keys: the sums of P, of Q, and of Q * (t - s) in base 2.
        key_sums: [s, 3, k, 1], the same for each key over the rows; None where keys are no rows.
        kept: of every tile the exponentials of student and teacher, None where they have to be made again.
    """

    row_sums: Float[Tensor, "s 3 n m"]
    key_sums: Float[Tensor, "s 3 k 1"] | None
    kept: list[Kept]


class Scratch:
    """Memory to work in, allocated once for all rectangles of an operation.

    Args:
        entries: of the largest tile.
        kept: entries of each network to keep between the two passes.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device, entries: int, kept: int = 0) -> None:
        self._tile = torch.empty(4, entries, dtype=dtype, device=device)
        self._kept = torch.empty(2, kept, dtype=dtype, device=device)
        self._used = 0

    def clear(self) -> None:
        """Forget what was kept."""
        self._used = 0

    def tile(self, rows: int, keys: int) -> list[Tensor]:
        """Four tiles: for the student's and the teacher's exponentials, the teacher's logits, and something more."""
        return [flat[: rows * keys].view(rows, keys) for flat in self._tile]

    def keep(self, rows: int, keys: int) -> Kept:
        """Two tiles that last until the next `clear`, for student and teacher; None where there is no more room."""
        start, self._used = self._used, self._used + rows * keys
        if self._used > self._kept.shape[1]:
            return None
        student, teacher = (flat[start : self._used].view(rows, keys) for flat in self._kept)
        return student, teacher

    def zeros(self, *shape: int) -> Tensor:
        """Of the scratch's type, on its device."""
        return self._tile.new_zeros(shape)


def tile_entries(device: torch.device) -> int:
    """How many entries a tile should have."""
    if device.type == "cpu":
        return CPU_TILE_ENTRIES_A_THREAD * torch.get_num_threads()
    return GPU_TILE_ENTRIES


def parts(whole: slice, size: int) -> list[slice]:
    """A slice cut into as few parts of at most `size` as there can be, of nearly equal length."""
    length = whole.stop - whole.start
    count = -(-length // size)
    edges = [whole.start + length * part // max(count, 1) for part in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def cut(rectangle: Rectangle, side: int) -> list[Tile]:
    """The tiles of a rectangle, each row and key slices of at most `side`; of a square, those on one side of its axis.

    Keys that span several images are not cut.
    """
    rows = parts(rectangle.rows, side)
    keys = [rectangle.keys] if rectangle.images > 1 else parts(rectangle.keys, side)
    return [(r, k) for r in rows for k in keys if not rectangle.square or k.start >= r.start]


@torch.no_grad()
def first_pass(
    rectangle: Rectangle, tiles: list[Tile], students: Sequence[Logits], teacher: Logits, scratch: Scratch
) -> FirstPass:
    """The sums of every softmax in the rectangle, for several students beside one teacher.

    With one student, its exponentials and the teacher's are kept as far as the scratch has room.
    """
    n, k = _length(rectangle.rows), _length(rectangle.keys)
    row_sums = scratch.zeros(len(students), 3, n, rectangle.images)
    key_sums = scratch.zeros(len(students), 3, k, 1) if rectangle.mirrored else None
    scratch.clear()
    kept: list[Kept] = []
    for rows, keys in tiles:
        p, q, t, x = scratch.tile(_length(rows), _length(keys))
        # A single tile stays where it is.
        held = (p, q) if len(tiles) == 1 else scratch.keep(*p.shape)
        kept.append(held)
        p, q = held or (p, q)
        teacher.write(t, rows, keys)
        torch.exp2(t, out=q)
        for number, student in enumerate(students):
            student.write(p, rows, keys)
            torch.sub(t, p, out=x)
            p.exp2_()
            x.mul_(q)
            for which, matrix in enumerate((p, q, x)):
                by_image = matrix.view(len(matrix), rectangle.images, -1)
                row_sums[number, which, _within(rows, rectangle.rows)] += by_image.sum(dim=2)
                if key_sums is not None and not (rectangle.square and rows == keys):
                    key_sums[number, which, _within(keys, rectangle.keys), 0] += matrix.sum(dim=0)
    if rectangle.square and key_sums is not None:
        # The half that was left out is the mirror image of the one that was seen.
        row_sums += key_sums
        key_sums = row_sums
    return FirstPass(row_sums, key_sums, kept)


@torch.no_grad()
def add_gradients(
    rectangle: Rectangle, tiles: list[Tile], student: Logits, teacher: Logits, first: FirstPass, gradient: Tensor,
    scratch: Scratch,
) -> None:  # fmt: skip
    """Add to `gradient` the derivative of the sum of all divergences in the rectangle by the cosines' rows, times tau.

    Args:
        gradient: [rows of all, d], of the student's rows and, where `trained_keys`, of its keys.
    """
    row_scales = 1 / first.row_sums[0, :2]
    key_scales = None if first.key_sums is None else 1 / first.key_sums[0, :2]
    for (rows, keys), held in zip(tiles, first.kept, strict=True):
        p, q, _, x = scratch.tile(_length(rows), _length(keys))
        if held is not None:
            p, q = held
        else:
            student.write(p, rows, keys)
            teacher.write(q, rows, keys)
            p.exp2_()
            q.exp2_()
        by_row = row_scales[:, _within(rows, rectangle.rows)]
        by_key = None if key_scales is None else key_scales[:, _within(keys, rectangle.keys)]
        slope = _slope(p, q, x, by_row, by_key)
        student.add_row_gradient(gradient[rows], slope, keys)
        if rectangle.trained_keys and not (rectangle.square and rows == keys):
            student.add_key_gradient(gradient[keys], slope, rows)


def divergences(sums: Float[Tensor, 3 * rows]) -> Float[Tensor, "*rows"]:
    """KL(teacher || student) of each relation row, in nats, from its three sums."""
    student, teacher, excess = sums
    return excess / teacher * math.log(2) + (student / teacher).log()


def _slope(p: Tensor, q: Tensor, x: Tensor, by_row: Tensor, by_key: Tensor | None) -> Tensor:
    """In place of p: p and q over the sums of their rows and, where keys are rows too, of their columns.

    Args:
        p, q, x: [n, k]; x is overwritten.
        by_row: [2, n, m], 1 / sums of p and q over the keys of each image.
        by_key: [2, k, 1], the same over the rows.
    """
    if by_key is None:
        return p.mul_(by_row[0]).addcmul_(q, by_row[1], value=-1)
    spread = x.view(len(x), by_row.shape[2], -1)
    keys = by_key.view(2, by_row.shape[2], -1)
    torch.add(by_row[0, :, :, None], keys[0], out=spread)
    p.mul_(x)
    torch.add(by_row[1, :, :, None], keys[1], out=spread)
    return p.addcmul_(q, x, value=-1)


def _length(part: slice) -> int:
    return part.stop - part.start


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)

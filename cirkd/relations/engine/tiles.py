"""A rectangle of the relation matrix, tile by tile: the engine under every relation loss and map.

    tiles = cut(rectangle, side)
    first = first_pass(rectangle, tiles, students, teacher, scratch, ...)                 sums of every softmax
    divergences(first.row_sums[0]) -> nats [n,m]                                          what losses and maps show
    add_gradients(rectangle, tiles, student, teacher, first, gradient, scratch, ...)      the second pass

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

from cirkd.relations.engine import torch_passes as passes
from cirkd.relations.engine.products import Logits
from cirkd.relations.engine.workers import Workers

# Entries of a tile: enough for fast products, near enough to a core for its few passes; and what keeps a GPU busy.
CPU_TILE_ENTRIES = 2**18
GPU_TILE_ENTRIES = 2**24
# Numbers that a core works on at once, or a multiple: of tiles that end in between, the last ones take longer.
LANES = 16
# Entries of each network that are kept between the passes: 128 MB, half a pair of images of 64x128 positions.
KEPT_ENTRIES = 2**25

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
        kept: of every tile what `TorchPasses.sums` left of student and teacher, None where it has to be made again.
    """

    row_sums: Float[Tensor, "s 3 n m"]
    key_sums: Float[Tensor, "s 3 k 1"] | None
    kept: list[Kept]


class Scratch:
    """Memory to work in, allocated once for all rectangles of an operation.

    Args:
        entries: of the largest tile.
        workers: each has tiles of its own.
        students: how many go beside the teacher.
        kept: entries of each network to keep between the two passes.
        upright: tiles lie in memory key by key; products of few rows with many keys are faster so.
    """

    def __init__(
        self,
        dtype: torch.dtype,
        device: torch.device,
        entries: int,
        *,
        workers: int = 1,
        students: int = 1,
        kept: int = 0,
        upright: bool = False,
    ) -> None:
        self.upright = upright
        self._tiles = torch.empty(workers, 3 if students == 1 else 4, entries, dtype=dtype, device=device)
        self._kept = torch.empty(2, kept, dtype=dtype, device=device)

    def tile(self, worker: int, tile: Tile) -> list[Tensor]:
        """To write in: for both exponentials and a third matrix; with several students one for teacher logits."""
        return [self._shaped(flat, tile) for flat in self._tiles[worker]]

    def keep(self, tiles: list[Tile]) -> list[Kept]:
        """For each tile, two that last: for student and teacher; None where there is no more room.

        A worker that has one tile alone keeps it where it is.
        """
        if len(tiles) <= len(self._tiles):
            return [(p, q) for p, q, *_ in (self.tile(worker, tile) for worker, tile in enumerate(tiles))]
        found: list[Kept] = []
        start = 0
        for tile in tiles:
            stop = start + length(tile[0]) * length(tile[1])
            if stop > self._kept.shape[1]:
                found.append(None)
                continue
            p, q = (self._shaped(flat[start:], tile) for flat in self._kept)
            found.append((p, q))
            start = stop
        return found

    def _shaped(self, flat: Tensor, tile: Tile) -> Tensor:
        """The first entries of some memory as a matrix of the tile's rows and keys."""
        rows, keys = (length(part) for part in tile)
        used = flat[: rows * keys]
        return used.view(keys, rows).mT if self.upright else used.view(rows, keys)

    def zeros(self, *shape: int) -> Tensor:
        """Of the scratch's type, on its device."""
        return self._tiles.new_zeros(shape)


def tile_entries(device: torch.device) -> int:
    """How many entries a tile should have."""
    return CPU_TILE_ENTRIES if device.type == "cpu" else GPU_TILE_ENTRIES


def parts(whole: slice, size: int) -> list[slice]:
    """A slice cut into as few parts of at most `size` as there can be, of nearly equal length.

    Where `size` is a multiple of LANES all parts but the last are.
    """
    length = whole.stop - whole.start
    count = -(-length // size)
    step = 1 if size % LANES else LANES
    edges = [whole.start + min(length, -(-length * part // (count * step)) * step) for part in range(count)]
    edges.append(whole.stop)
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def cut(rectangle: Rectangle, side: int, entries: int) -> list[Tile]:
    """The tiles of a rectangle, each row and key slices of at most `side`; of a square, those on one side of its axis.

    Keys that span several images are not cut; their tiles have at most `entries`, or one row.
    """
    if rectangle.images > 1:
        rows, keys = parts(rectangle.rows, max(1, min(side, entries // length(rectangle.keys)))), [rectangle.keys]
    else:
        rows, keys = parts(rectangle.rows, side), parts(rectangle.keys, side)
    return [(r, k) for r in rows for k in keys if not rectangle.square or k.start >= r.start]


@torch.no_grad()
def first_pass(
    rectangle: Rectangle,
    tiles: list[Tile],
    students: Sequence[Logits],
    teacher: Logits,
    scratch: Scratch,
    workers: Workers,
) -> FirstPass:
    """The sums of every softmax in the rectangle, for several students beside one teacher.

    With one student, what the second pass needs is kept as far as the scratch has room.
    """
    shape = workers.count, len(students), 3
    row_sums = scratch.zeros(*shape, length(rectangle.rows), rectangle.images)
    key_sums = scratch.zeros(*shape, length(rectangle.keys), 1) if rectangle.mirrored else None
    kept = scratch.keep(tiles)

    def job(worker: int) -> None:
        for tile, held in list(zip(tiles, kept, strict=True))[worker :: workers.count]:
            rows, keys = tile
            p, q, x, *more = scratch.tile(worker, tile)
            if held is not None:
                p, q = held
            # One student leaves no use for the teacher's logits after it: the fewer matrices, the better they stay in
            # cache.
            t = more[0] if more else q
            teacher.write(t, *tile)
            by_key = key_sums is not None and not (rectangle.square and rows == keys)
            for number, student in enumerate(students):
                student.write(p, *tile)
                of_rows, of_keys = passes.sums(p, t, q, x, rectangle.images, by_key, known=number > 0)
                row_sums[worker, number, :, within(rows, rectangle.rows)] += of_rows
                if key_sums is not None and of_keys is not None:
                    key_sums[worker, number, :, within(keys, rectangle.keys), 0] += of_keys

    workers.run(job)
    by_row, by_key = row_sums.sum(dim=0), None if key_sums is None else key_sums.sum(dim=0)
    if rectangle.square and by_key is not None:
        # The half that was left out is the mirror image of the one that was seen.
        by_row += by_key
        by_key = by_row
    return FirstPass(by_row, by_key, kept)


@torch.no_grad()
def add_gradients(
    rectangle: Rectangle,
    tiles: list[Tile],
    student: Logits,
    teacher: Logits,
    first: FirstPass,
    gradients: Sequence[Tensor],
    scratch: Scratch,
    workers: Workers,
) -> None:
    """Add the derivative of the sum of all divergences in the rectangle by the student's rows, times the temperature.

    Args:
        gradients: [rows of all, d], one for each worker: of the rectangle's rows and, where `trained_keys`, its keys.
    """
    row_scales = 1 / first.row_sums[0, :2]
    key_scales = None if first.key_sums is None else 1 / first.key_sums[0, :2]

    def job(worker: int) -> None:
        for tile, held in list(zip(tiles, first.kept, strict=True))[worker :: workers.count]:
            p, q, x, *_ = scratch.tile(worker, tile)
            if held is not None:
                p, q = held
            else:
                student.write(p, *tile)
                teacher.write(q, *tile)
                passes.exponentials(p, q)
            rows, keys = tile
            by_row = row_scales[:, within(rows, rectangle.rows)]
            by_key = None if key_scales is None else key_scales[:, within(keys, rectangle.keys)]
            slope = student.factor(passes.slope(p, q, x, by_row, by_key))
            student.add_row_gradient(gradients[worker][rows], slope, keys)
            if rectangle.trained_keys and not (rectangle.square and rows == keys):
                student.add_key_gradient(gradients[worker][keys], slope, rows)

    workers.run(job)


def divergences(sums: Float[Tensor, "3 ..."]) -> Float[Tensor, " ..."]:
    """KL(teacher || student) of each relation row, in nats, from its three sums."""
    student, teacher, excess = sums.double()  # of opposite logits the sums are further apart than float32 spans
    return (excess / teacher * math.log(2) + (student / teacher).log()).to(sums.dtype)


def length(part: slice) -> int:
    return part.stop - part.start


def within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)

"""All pairs of images of a batch, and rows against keys: plans of rectangles, gone through one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine import tiles
from cirkd.relations.engine.products import make_logits
from cirkd.relations.engine.tiles import Rectangle, Scratch
from cirkd.relations.engine.workers import Workers, workers_for
from cirkd.relations.precision import Precision

# Rows and keys of a tile of rows against keys: products of fewer rows, or of more keys at a time, are slower.
CPU_ROWS, CPU_KEYS = 512, 1040
GPU_KEYS = 2**15
# Entries of each network that a block of rows keeps between the two passes.
KEPT_OF_BLOCK = 2**22
# Images of few positions go together, as long as a rectangle has no more entries than so many tiles; its tiles are
# twice as large as others: products of many keys are worth it.
TILES_TOGETHER, LARGER = 4, 2


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
    s, t = (make_logits(x, x, temperature, precision) for x in (student.flatten(0, 1), teacher.flatten(0, 1)))
    usual = tiles.tile_entries(student.device) * (s.tile_scale if student.device.type == "cpu" else 1)
    together = max(1, min(images, TILES_TOGETHER * usual // max(n * n, 1)))
    total = student.new_zeros((), dtype=torch.float64)
    with workers_for(student.device) as workers:
        side = min(math.isqrt(usual), -(-n // workers.count))
        kept = min(n * n * together, tiles.KEPT_ENTRIES) if gradient is not None else 0
        largest = max(side**2, min(LARGER * usual, n * n * together), n * together)
        scratch = Scratch(s.dtype, student.device, largest, workers=workers.count, kept=kept)
        gradients = []
        if gradient is not None:
            gradients = [gradient.flatten(0, 1)] + [
                torch.zeros_like(gradient).flatten(0, 1) for _ in range(workers.count - 1)
            ]
        for rectangle in pair_rectangles(images, own, n, together):
            pieces = tiles.cut(rectangle, side, LARGER * usual)
            first = tiles.first_pass(rectangle, pieces, [s], t, scratch, workers)
            total += tiles.divergences(first.row_sums[0]).sum(dtype=torch.float64)
            if rectangle.trained_keys and not rectangle.square and first.key_sums is not None:
                total += tiles.divergences(first.key_sums[0]).sum(dtype=torch.float64)
            if gradient is not None:
                tiles.add_gradients(rectangle, pieces, s, t, first, gradients, scratch, workers)
    for more in gradients[1:]:
        gradients[0] += more
    return total


def pair_rectangles(images: int, own: int, n: int, together: int) -> Iterator[Rectangle]:
    """Every pair of an own image and any other once, the others as many `together`; and every own image with itself."""
    for i in range(own):
        rows = slice(i * n, (i + 1) * n)
        yield Rectangle(rows, rows, square=True)
        for first, last, trained in ((i + 1, own, True), (own, images, False)):
            for j in range(first, last, together):
                count = min(together, last - j)
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
    on_cpu = rows.device.type == "cpu"
    size, breadth = (CPU_ROWS, CPU_KEYS) if on_cpu else (max(CPU_ROWS, tiles.tile_entries(rows.device) // k), GPU_KEYS)
    s, t = (make_logits(*pair, temperature, precision) for pair in (student, teacher))
    values = rows.new_zeros(n)
    with workers_for(rows.device) as workers:
        blocks = tiles.parts(slice(0, n), size)
        # A single tile is kept where it is.
        kept = min(min(n, size) * k, KEPT_OF_BLOCK) if gradient is not None and k > breadth else 0

        def job(worker: int) -> None:
            alone = Workers(1, None)
            largest = min(n, size) * min(k, breadth)
            scratch = Scratch(s.dtype, rows.device, largest, kept=kept, upright=on_cpu)
            for block in blocks[worker :: workers.count]:
                rectangle = Rectangle(block, slice(0, k), mirrored=False, trained_keys=False)
                pieces = [(block, part) for part in tiles.parts(rectangle.keys, breadth)]
                first = tiles.first_pass(rectangle, pieces, [s], t, scratch, alone)
                values[block] = tiles.divergences(first.row_sums[0])[:, 0]
                if gradient is not None:
                    tiles.add_gradients(rectangle, pieces, s, t, first, [gradient], scratch, alone)

        workers.run(job)
    return values

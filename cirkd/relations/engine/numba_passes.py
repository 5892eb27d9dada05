"""Each pass over the entries of a tile as one loop for CPUs, compiled by numba: they are read and written once.

    passes = NumbaPasses()                                                    used as `torch_passes.TorchPasses`

PyTorch's operations one after the other read and write a tile some twenty times. Here an entry stays in registers on
its way from logits to sums. The loops let go of Python's lock, so that threads work on their tiles side by side. Sums
are added up in a fixed order, so that the same tile gives the same bits. What is NaN stays NaN.

To import this module is to compile it, or to load what an earlier process has compiled.
"""

# Type checkers don't know that numba passes an intrinsic its context.
# pyright: reportCallIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from cirkd.relations.engine.torch_passes import TorchPasses

# Loops may add up in lanes and fuse products with sums. They may not take it that nothing is NaN or infinite.
LOOSE = {"reassoc", "contract", "nsz", "arcp"}
# Lines that are added up before their sums go to those of all: of thousands in one go, float32 loses digits.
LINES = 64
# 2 ** x is 2 ** n, n whole, times a polynomial of r = x - n, which is right to 1 in 10^7.
ONE, C1, C2, C3, C4, C5, C6 = (
    np.float32(c) for c in (1, 0.69314718, 0.24022648, 0.055503324, 0.0096184378, 0.0013398875, 0.00015353349)
)
# A number added to it loses all digits behind the point, and is found in the last bits.
WHOLE = np.float32(1.5 * 2**23)
# Exponents of 0 and of infinity.
LEAST, MOST = np.float32(-127), np.float32(128)
# How float32 keeps the exponent.
BIAS, PLACE = np.int32(127), np.int32(23)
ZERO = np.float32(0)

LINE, MATRIX, STACK = types.float32[::1], types.float32[:, ::1], types.float32[:, :, ::1]


@intrinsic
def _bits(context: Any, number: Any) -> Any:
    """A float32 read as an int32."""
    return types.int32(types.float32), lambda _, builder, signature, given: builder.bitcast(given[0], ir.IntType(32))


@intrinsic
def _number(context: Any, bits: Any) -> Any:
    """An int32 read as a float32."""
    return types.float32(types.int32), lambda _, builder, signature, given: builder.bitcast(given[0], ir.FloatType())


@njit(fastmath={"contract"}, forceinline=True)  # x + WHOLE - WHOLE is not x here
def _exp2(x: Any) -> Any:
    x = MOST if x > MOST else x
    x = LEAST if x < LEAST else x
    shifted = x + WHOLE
    r = x - (shifted - WHOLE)
    power = ONE + r * (C1 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * C6)))))
    return power * _number((_bits(shifted) + BIAS) << PLACE)


def _kernel(signature: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compiles a function; on a disk that keeps what was compiled, once."""

    def compiled(function: Callable[..., None]) -> Callable[..., None]:
        options: dict[str, Any] = {"fastmath": LOOSE, "nogil": True}
        try:
            return njit(signature, cache=True, **options)(function)
        except RuntimeError:  # numba finds no folder to write to
            return njit(signature, **options)(function)

    return compiled


# Loops go over the whole of a line: numba asks of any other index whether it counts from the end.
@_kernel(types.void(MATRIX, MATRIX, MATRIX, STACK, types.int64, types.int64))
def _sums(p: Any, q: Any, of_lines: Any, of_columns: Any, height: Any, pieces: Any) -> None:
    """Logits to P and Q, and the sums of P, Q and Q * (t - s); those over columns are added to what is there.

    p and q [n * pieces, m], each line in pieces; of_lines [3, n * pieces];
    of_columns [3, n / height * blocks * pieces, m], for each block of lines of each `height` lines.
    """
    blocks = -(-height // LINES)
    for i in range(p.shape[0]):
        line = i // pieces
        to = (line // height * blocks + line % height // LINES) * pieces + i % pieces
        p_sum, q_sum, x_sum = ZERO, ZERO, ZERO
        for j in range(p.shape[1]):
            s, t = p[i, j], q[i, j]
            ps, qt = _exp2(s), _exp2(t)
            x = qt * (t - s)
            p[i, j] = ps
            q[i, j] = qt
            p_sum += ps
            q_sum += qt
            x_sum += x
            of_columns[0, to, j] += ps
            of_columns[1, to, j] += qt
            of_columns[2, to, j] += x
        of_lines[0, i] = p_sum
        of_lines[1, i] = q_sum
        of_lines[2, i] = x_sum


@_kernel(types.void(MATRIX, MATRIX, MATRIX, STACK, types.int64, types.int64))
def _slope(p: Any, q: Any, by_line: Any, by_column: Any, height: Any, pieces: Any) -> None:
    """P * (line + column scale) - Q * (line + column scale), in place of P.

    p and q [n * pieces, m], each line in pieces; by_line [2, n * pieces]; by_column [2, n / height * pieces, m].
    """
    for i in range(p.shape[0]):
        of = i // pieces // height * pieces + i % pieces
        p_scale, q_scale = by_line[0, i], by_line[1, i]
        for j in range(p.shape[1]):
            p[i, j] = p[i, j] * (p_scale + by_column[0, of, j]) - q[i, j] * (q_scale + by_column[1, of, j])


@_kernel(types.void(LINE))
def _powers(logits: Any) -> None:
    for i in range(len(logits)):
        logits[i] = _exp2(logits[i])


class NumbaPasses(TorchPasses):
    """A loop for each pass over float32 tiles that lie row by row in memory or upright, key by key."""

    def sums(
        self, p: Tensor, t: Tensor, q: Tensor, x: Tensor, images: int, by_key: bool, known: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        if q is not t:
            # Where Q is known it is made again, in x: rarely more work than a loop more would be worth.
            q = (x if known else q).copy_(t)
        rows, keys = p.shape
        if p.is_contiguous():
            row_sums, key_sums = p.new_empty(3, rows, images), p.new_zeros(3, -(-rows // LINES), keys)
            _run(_sums, (p, q), row_sums, key_sums, rows, images)
            return row_sums, key_sums.sum(dim=1) if by_key else None
        width = keys // images
        row_sums, key_sums = p.new_zeros(3, images, -(-width // LINES), rows), p.new_empty(3, keys)
        _run(_sums, (p.mT, q.mT), key_sums, row_sums, width, 1)
        return row_sums.sum(dim=2).mT, key_sums if by_key else None

    def exponentials(self, p: Tensor, q: Tensor) -> None:
        for matrix in (p, q):
            _powers((matrix if matrix.is_contiguous() else matrix.mT).view(-1).numpy())

    def slope(self, p: Tensor, q: Tensor, x: Tensor, by_row: Tensor, by_key: Tensor | None) -> Tensor:
        rows, keys = p.shape
        images = by_row.shape[2]
        if by_key is None:
            by_key = by_row.new_zeros(2, keys, 1)
        if p.is_contiguous():
            _run(_slope, (p, q), by_row, by_key, rows, images)
        else:
            _run(_slope, (p.mT, q.mT), by_key, by_row.mT, keys // images, 1)
        return p


def _run(
    kernel: Callable[..., None], tiles: tuple[Tensor, Tensor], lines: Tensor, columns: Tensor, height: int, pieces: int
) -> None:
    """Call a kernel with all in the shapes that it takes; what it writes is contiguous, and so the same memory."""
    width = tiles[0].shape[1] // pieces
    p, q = (tile.view(-1, width).numpy() for tile in tiles)
    of_lines = lines.reshape(len(lines), -1).contiguous().numpy()
    of_columns = columns.reshape(len(columns), -1, width).contiguous().numpy()
    kernel(p, q, of_lines, of_columns, height, pieces)

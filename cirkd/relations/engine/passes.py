"""What happens to the entries of a tile between its products of matrices: the sums of its softmaxes, and the slope.

    entries = entries_for(device, dtype, count, trains)                        PyTorch's, or one kernel or loop each
    row_sums, key_sums = entries.sums(p, t, q, x, images, by_key, known)                  of logits p and t
    entries.again(p, q)                                                                   where logits were made again
    slope = entries.slope(p, q, x, by_row, by_key)

With P = 2 ** student logits and Q = 2 ** teacher logits: sums of P, of Q, and of Q times the difference of the logits;
then P and Q over the sums of their rows and columns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine.agreement import is_faster, is_right

# Entries of an operation from which a CPU takes compiled loops for them. To load these takes a second, once a process:
# soon made up for where an operation trains, and so is done again and again, hardly ever where it is done once.
WORTH_COMPILING, WORTH_COMPILING_ONCE = 2**22, 2**30


class Entries:
    """PyTorch's operations, one after the other; `sums` leaves P and Q in place of the logits."""

    def sums(
        self,
        p: Float[Tensor, "r c"],
        t: Float[Tensor, "r c"],
        q: Float[Tensor, "r c"],
        x: Float[Tensor, "r c"],
        images: int,
        by_key: bool,
        known: bool = False,
    ) -> tuple[Float[Tensor, "3 r m"], Float[Tensor, "3 c"] | None]:
        """Sums of P, of Q, and of Q * (t - p): over the keys of each image, and over the rows where `by_key`.

        Args:
            p, t: logits of student and teacher.
            q: where Q may be left; t itself where t is not needed after.
            x: to work in.
            images: how many of equal size the keys span.
            known: q holds Q already, from another student beside the same teacher.
        """
        torch.sub(t, p, out=x)
        p.exp2_()
        if not known:
            torch.exp2(t, out=q)
        x.mul_(q)
        matrices = p, q, x
        by_row = torch.stack([matrix.view(len(matrix), images, -1).sum(dim=2) for matrix in matrices])
        return by_row, torch.stack([matrix.sum(dim=0) for matrix in matrices]) if by_key else None

    def again(self, p: Float[Tensor, "r c"], q: Float[Tensor, "r c"]) -> None:
        """Bring logits that were computed again to what `sums` left in p and q."""
        p.exp2_()
        q.exp2_()

    def slope(
        self,
        p: Float[Tensor, "r c"],
        q: Float[Tensor, "r c"],
        x: Float[Tensor, "r c"],
        by_row: Float[Tensor, "2 r m"],
        by_key: Float[Tensor, "2 c 1"] | None,
    ) -> Float[Tensor, "r c"]:
        """In place of p: P and Q over the sums of their rows and, where keys are rows too, of their columns.

        Args:
            p, q: as `sums` or `again` left them.
            x: to work in.
            by_row: 1 / sums of P and Q over the keys of each image.
            by_key: the same over the rows; without them all keys are one image's.
        """
        if by_key is None:
            return p.mul_(by_row[0]).addcmul_(q, by_row[1], value=-1)
        spread = x.view(len(x), by_row.shape[2], -1)
        keys = by_key.view(2, by_row.shape[2], -1)
        torch.add(by_row[0, :, :, None], keys[0], out=spread)
        p.mul_(x)
        torch.add(by_row[1, :, :, None], keys[1], out=spread)
        return p.addcmul_(q, x, value=-1)


def entries_for(device: torch.device, dtype: torch.dtype, count: int, trains: bool) -> Entries:
    """PyTorch's operations, or what is faster and agrees with them; tried out once a process.

    On a GPU fused kernels, where they are faster there. On a CPU compiled loops, where they are worth loading: that
    goes by the work alone, not by measured times, so that a training that is resumed has the bits of one that is not.

    Args:
        count: entries of each network in the whole operation.
        trains: it has a gradient.
    """
    if dtype == torch.float32 and device.type == "cuda":
        return _fused_entries(device)
    least = WORTH_COMPILING if trains else WORTH_COMPILING_ONCE
    if dtype == torch.float32 and device.type == "cpu" and count >= least:
        return _compiled_entries()
    return Entries()


@functools.cache
def _fused_entries(device: torch.device) -> Entries:
    plain = Entries()
    try:
        from cirkd.relations.engine.triton_passes import FusedEntries
    except ImportError:  # PyTorch without Triton, as on Windows
        return plain
    fused = FusedEntries()
    return fused if _wins(fused, plain, device) else plain


@functools.cache
def _compiled_entries() -> Entries:
    """Compiled here and now, before any threads work with it."""
    device = torch.device("cpu")
    passes = _trial(device, side=80)

    def compiled() -> Entries:
        from cirkd.relations.engine.numba_passes import CompiledEntries

        return CompiledEntries()

    def both(make: Callable[[], Entries]) -> Sequence[Tensor]:
        return *passes(make()), *passes(make(), upright=True)

    return compiled() if is_right(lambda: both(compiled), lambda: both(Entries), device) else Entries()


def _wins(fused: Entries, plain: Entries, device: torch.device, side: int = 2048) -> bool:
    """Whether `fused` is right and faster than `plain` on a tile of so many rows and keys."""
    passes = _trial(device, side)
    return is_faster(lambda: passes(fused), lambda: passes(plain), device)


def _trial(device: torch.device, side: int) -> Callable[..., Sequence[Tensor]]:
    """Sums and slope of a tile of random logits, by any entries, on tiles that lie row by row or upright."""
    draw = torch.Generator().manual_seed(0)
    logits = (torch.rand(2, side, side, generator=draw) * 20 - 10).to(device)
    work = torch.empty(3, side, side, device=device)
    by_row, by_key = torch.rand(2, 2, side, 1, generator=draw).to(device)

    def passes(entries: Entries, upright: bool = False) -> Sequence[Tensor]:
        p, q, x = work.mT if upright else work
        p.copy_(logits[0])
        q.copy_(logits[1])
        row_sums, key_sums = entries.sums(p, q, q, x, 1, True)
        assert key_sums is not None
        return row_sums, key_sums, entries.slope(p, q, x, by_row, by_key).clone()

    return passes

"""What happens to the entries of a tile between its products of matrices, by PyTorch's operations: sums and slope.

    row_sums, key_sums = passes.sums(p, t, q, x, images, by_key, known)                   of logits p and t
    passes.exponentials(p, q)                                                             where logits were made again
    slope = passes.slope(p, q, x, by_row, by_key)

With P = 2 ** student logits and Q = 2 ** teacher logits: sums of P, of Q, and of Q times the difference of the logits;
then P and Q over the sums of their rows and columns.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def sums(
    p: Float[Tensor, "r c"],
    t: Float[Tensor, "r c"],
    q: Float[Tensor, "r c"],
    x: Float[Tensor, "r c"],
    images: int,
    by_key: bool,
    known: bool = False,
) -> tuple[Float[Tensor, "3 r m"], Float[Tensor, "3 c"] | None]:
    """Sums of P, of Q, and of Q * (t - p): over the keys of each image, and over the rows where `by_key`.

    Leaves P and Q in place of the logits.

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


def exponentials(p: Float[Tensor, "r c"], q: Float[Tensor, "r c"]) -> None:
    """In place of logits that were computed again: P and Q, as `sums` left them."""
    p.exp2_()
    q.exp2_()


def slope(
    p: Float[Tensor, "r c"],
    q: Float[Tensor, "r c"],
    x: Float[Tensor, "r c"],
    by_row: Float[Tensor, "2 r m"],
    by_key: Float[Tensor, "2 c 1"] | None,
) -> Float[Tensor, "r c"]:
    """In place of p: P and Q over the sums of their rows and, where keys are rows too, of their columns.

    Args:
        p, q: as `sums` or `exponentials` left them.
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

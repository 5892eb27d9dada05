"""Pixel embeddings, averaged over cells where asked for, and their cosine similarities: the relations of the method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from cirkd.relations.precision import full_precision


@full_precision
def normalize(x: Float[Tensor, " ..."], dim: int = -1) -> Float[Tensor, " ..."]:
    """l2-normalise `x` along `dim`, in float32 or float64.

    A zero vector stays zero and receives no gradient (dividing by a small epsilon would send it a huge one).

    Example:
        >>> import torch
        >>> normalize(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """
    return _Normalize.apply(x, dim)  # type: ignore[return-value]


class _Normalize(Function):
    """What autograd makes of the formula goes over the embeddings three times as often."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        unit, norm = unit_and_norm(x, dim)
        ctx.save_for_backward(x, unit, norm)
        ctx.dim = dim
        return unit

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> tuple[Tensor, None]:
        x, unit, norm = ctx.saved_tensors
        if torch.is_grad_enabled():  # of a derivative that will be derived once more
            unit, norm = unit_and_norm(x, ctx.dim)
        return before_normalized(grad_output[0], unit, norm, ctx.dim), None


def before_normalized(gradient: Tensor, unit: Tensor, norm: Tensor, dim: int = -1) -> Tensor:
    """The gradient by what was normalised, of one by the unit vectors: along them it vanishes."""
    along = (gradient * unit).sum(dim=dim, keepdim=True)
    return torch.addcmul(gradient, unit, along, value=-1) / norm


def unit_and_norm(x: Tensor, dim: int = -1) -> tuple[Tensor, Tensor]:
    """Normalised `x`, and the norms along `dim`, of which those near 0 count as infinite."""
    norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    norm = norm.masked_fill(norm < 1e-12, torch.inf)
    return x / norm, norm


@full_precision
def cosine_similarity(a: Float[Tensor, "n d"], b: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """The relation matrix: cosine of every row of `a` with every row of `b`, in [-1, 1]; 0 for a zero row.

    Example:
        >>> cosine_similarity(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[1., 0.]])
    """
    return normalize(a) @ normalize(b).T


def flatten_positions(embedding: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n d"]:
    """One row per position, in row-major order: n = h * w. A view.

    Example:
        >>> import torch
        >>> flatten_positions(torch.rand(2, 8, 4, 5)).shape
        torch.Size([2, 20, 8])
    """
    return embedding.flatten(2).transpose(1, 2)


def cells_of(image: Sequence[int], embedding: Sequence[int], stride: int) -> int:
    """How many positions of a map, per side, a cell of `stride` input pixels has; 1 for stride 0.

    Args:
        image: shape [b, H, W] of the network's input or its labels.
        embedding: shape [b, d, h, w] of the map.

    Raises:
        ValueError: the cells are smaller than the map's positions, or no whole number of them.

    Example:
        >>> cells_of((8, 256, 256), (8, 64, 64, 64), 16)
        4
    """
    if not stride:
        return 1
    # Strides are powers of two, and sides round up.
    own = 2 ** round(math.log2(max(image[1:]) / max(embedding[2:])))
    if stride % own:
        raise ValueError(
            f"relation stride {stride}: the map has a position every {own} pixels; choose a multiple of {own}, or 0"
        )
    return stride // own


def average_cells(embedding: Float[Tensor, "b d h w"], cells: int) -> Float[Tensor, "b d r c"]:
    """Mean embedding over cells of `cells` x `cells` positions; those at the right and lower edge may be smaller.

    Example:
        >>> import torch
        >>> average_cells(torch.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
        tensor([[ 2.5000,  4.5000],
                [10.5000, 12.5000]])
    """
    return embedding if cells == 1 else F.avg_pool2d(embedding, cells, ceil_mode=True)

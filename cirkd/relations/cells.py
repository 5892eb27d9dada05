"""Square cells of an embedding map: relations between cells instead of between all positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


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

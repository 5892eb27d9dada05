"""How fine the maps are that pixels are taken from.

Relations grow with the square of the positions. A decoder whose pixel embedding has the image's own resolution, as
Unet's has, would give tens of thousands of them in every image, most of them copies of their neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Grid = tuple[int, int]

MOST_POSITIONS = 4096
"""Positions of an image's grid at most: 64x64, as a map of stride 8 has for an image of 512x512."""


def rule(reference: str) -> str:
    """How the common grid comes about, for provenance; reference: the model whose grid it is."""
    return (
        f"embedding map of {reference}; other maps resampled to it bilinearly, labels nearest; maps of more than "
        f"{MOST_POSITIONS:,} positions averaged over cells before"
    )


def bounded(size: Grid) -> Grid:
    """The size itself, or where it has too many positions that of its cells of k x k, for the least k that will do."""
    height, width = size
    k = 1
    while -(-height // k) * -(-width // k) > MOST_POSITIONS:
        k += 1
    return -(-height // k), -(-width // k)


def averaged(values: Tensor) -> Tensor:
    """Maps [..., c, h, w] on the bounded grid: each of its positions the mean of the cell of the map that it covers."""
    import torch.nn.functional as F

    own = (int(values.shape[-2]), int(values.shape[-1]))
    return values if bounded(own) == own else F.adaptive_avg_pool2d(values, bounded(own))


def resampled(values: Tensor, size: Grid) -> Tensor:
    """[c, h, w] -> [c, *size], bilinear."""
    import torch.nn.functional as F

    if tuple(values.shape[1:]) == tuple(size):
        return values
    return F.interpolate(values[None], size=size, mode="bilinear", align_corners=False)[0]

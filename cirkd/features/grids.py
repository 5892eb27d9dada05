"""How fine the maps are that pixels are taken from.

Relations grow with the square of the positions. A decoder whose pixel embedding has the image's own resolution, as
Unet's has, would give tens of thousands of them in every image, most of them copies of their neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Grid = tuple[int, int]

MOST_POSITIONS = 4096
"""Positions of an image's grid at most: 64x64, as a map of stride 8 has for an image of 512x512."""


MOST_SHOWN = 16_384
"""The same for what is drawn position by position and takes no pairs of them: 128x128."""


def rule(reference: str, most: int = MOST_POSITIONS) -> str:
    """How the common grid comes about, for provenance; reference: the model whose grid it is."""
    return (
        f"embedding map of {reference}; other maps resampled to it bilinearly, labels by majority; maps of more than "
        f"{most:,} positions averaged over cells before"
    )


def bounded(size: Grid, most: int = MOST_POSITIONS) -> Grid:
    """The size itself, or where it has too many positions that of its cells of k x k, for the least k that will do."""
    height, width = size
    k = 1
    while -(-height // k) * -(-width // k) > most:
        k += 1
    return -(-height // k), -(-width // k)


def averaged(values: Tensor, most: int = MOST_POSITIONS) -> Tensor:
    """Maps [..., c, h, w] on the bounded grid: each of its positions the mean of the cell of the map that it covers."""
    import torch.nn.functional as F

    own = (int(values.shape[-2]), int(values.shape[-1]))
    grid = bounded(own, most)
    return values if grid == own else F.adaptive_avg_pool2d(values, grid)


def resampled(values: Tensor, size: Grid) -> Tensor:
    """[c, h, w] -> [c, *size], bilinear."""
    import torch.nn.functional as F

    if tuple(values.shape[1:]) == tuple(size):
        return values
    return F.interpolate(values[None], size=size, mode="bilinear", align_corners=False)[0]


def on_grid(labels: np.ndarray, size: Grid) -> np.ndarray:
    """Labels uint8 [H, W] on a grid (h, w): the value that most pixels of a cell have, the smallest of equals.

    Pixels that are unlabelled count as such: a cell that mostly is, is too. Where the grid is finer than the labels,
    a cell takes the pixel that it begins in.

    Example:
        >>> on_grid(np.array([[1, 1, 2], [1, 2, 2]], np.uint8), (1, 1)).tolist()
        [[1]]
    """
    height, width = labels.shape
    (top, bottom), (left, right) = _bounds(height, size[0]), _bounds(width, size[1])
    if size[0] > height or size[1] > width:
        return labels[top[:, None], left[None, :]]
    best, most = np.zeros(size, np.uint8), np.zeros(size, np.int64)
    for value in np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256)):
        # How many are above and left of each corner; four corners make the count of a cell.
        sums = np.zeros((height + 1, width + 1), np.int32)
        np.cumsum(np.cumsum(labels == value, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
        rows = sums[bottom] - sums[top]
        count = rows[:, right] - rows[:, left]
        larger = count > most
        best[larger], most[larger] = value, count[larger]
    return best


def _bounds(side: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of a side begin and end: those that `averaged` takes the means of, which share edges."""
    at = np.arange(count)
    return at * side // count, -(-(at + 1) * side // count)

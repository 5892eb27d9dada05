"""The maps that the linked view offers, of the positions that it shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from cirkd.analysis.explorer_block import ExplorerBlock
from cirkd.analysis.projection import Projection, project
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet, Pixels
from cirkd.features.sampling import balanced_sample

MAPS = {
    "pca": ("pca", "feature"),
    "relation": ("pca", "relation"),
    "umap": ("umap", "feature"),
    "tsne": ("tsne", "feature"),
}
"""name -> (method, space) of `project`."""
AT_ONCE = ("pca", "relation")
"""Maps that show every position and take no time; the others take seconds for every thousand positions and model."""
SAMPLE = 2000
"""Positions of the other maps at most: on two CPU cores, four models take some 10 seconds."""


def explorer_map(
    features: FeatureSet,
    block: ExplorerBlock,
    name: str,
    seed: int = 0,
    sample: int = SAMPLE,
    progress: Callable[[float, str], object] | None = None,
) -> Projection:
    """A 2-D map of the block's positions, for every model; maps of feature space lie on the reference's.

    Args:
        name: one of `MAPS`.
        sample: positions of a map that takes long, as many of each class as of any other as far as there are enough.

    Raises:
        StudyError: an unknown name, or fewer than 4 positions.
    """
    if name not in MAPS:
        raise StudyError(f"map {name!r} is unknown; choose one of: {', '.join(MAPS)}")
    method, space = MAPS[name]
    index = block.index
    if name not in AT_ONCE and len(index) > sample:
        chosen = balanced_sample(features.grouping().values[index], sample, seed)
        index = index[np.sort(chosen.index)]
    return project(features, method, 2, index, seed, space=space, progress=progress)


def cells_of(fine: Pixels, coarse: Pixels) -> Int64[np.ndarray, " p"]:
    """For every pixel of a fine grid the number of the coarse grid's pixel in whose cell it lies.

    Example:
        >>> from cirkd.features.extract import make_pixels
        >>> cells_of(make_pixels([(2, 4)], None), make_pixels([(1, 2)], None)).tolist()
        [0, 0, 1, 1, 0, 0, 1, 1]
    """
    if fine.grid == coarse.grid:
        return np.arange(len(fine))
    parts = []
    for image, ((h, w), (own_h, own_w)) in enumerate(zip(coarse.grid, fine.grid, strict=True)):
        rows, columns = np.arange(own_h) * h // own_h, np.arange(own_w) * w // own_w
        parts.append((coarse.of_image(image).start + rows[:, None] * w + columns).reshape(-1))
    return np.concatenate(parts)

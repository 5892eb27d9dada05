"""What the linked view shows of a study; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from cirkd.analysis.explorer_block import ExplorerBlock, explorer_block
from cirkd.analysis.explorer_maps import explorer_map
from cirkd.features.grids import MOST_POSITIONS

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.analysis.projection import Projection
    from cirkd.features.feature_set import FeatureSet, Pixels

__all__ = ["ExplorerResults", "cells_of"]


class ExplorerResults:
    """All pixels of all images in every model, on the networks' own grids, and maps of them."""

    features: Callable[[], FeatureSet]
    divergence: Callable[[float], Divergence]
    _keep: Callable[[Hashable, Callable[[], Any]], Any]
    _extract: Callable[[bool], FeatureSet]

    def fine_features(self) -> FeatureSet:
        """The features position by position of the networks' own grids; `features()` itself where that is as fine."""
        features = self.features()
        finest = max(h * w for h, w in (model.info.get("grid", (1, 1)) for model in features.models.values()))
        return features if finest <= MOST_POSITIONS else self._keep("fine features", lambda: self._extract(True))

    def explorer(self) -> ExplorerBlock:
        """What the linked view draws; see `cirkd.analysis.explorer_block`."""
        return self._keep("explorer", lambda: explorer_block(self.fine_features()))

    def explorer_map(self, name: str, progress: Callable[[float, str], object] | None = None) -> Projection:
        """A map of the linked view's positions: "pca", "relation", "umap" or "tsne"."""
        key = ("explorer map", name)
        return self._keep(key, lambda: explorer_map(self.fine_features(), self.explorer(), name, progress=progress))

    def explorer_divergence(self, temperature: float = 0.1) -> Divergence:
        """The divergence of every fine position: that of the cell of the relations' grid that it lies in."""
        found = self.divergence(temperature)
        cells = self.explorer_cells()
        return replace(found, per_pixel={name: values[cells] for name, values in found.per_pixel.items()})

    def explorer_cells(self) -> Int64[np.ndarray, " p"]:
        """For every fine position the pixel of `features()` whose cell it lies in."""
        return self._keep("cells", lambda: cells_of(self.fine_features().pixels, self.features().pixels))


def cells_of(fine: Pixels, coarse: Pixels) -> Int64[np.ndarray, " p"]:
    """For every pixel of a fine grid the number of the coarse grid's pixel in whose cell it lies.

    Example:
        >>> import numpy as np
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

"""What the linked view shows of a study; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from cirkd.analysis.explorer_block import ExplorerBlock, explorer_block
from cirkd.analysis.explorer_maps import explorer_map

if TYPE_CHECKING:
    from cirkd.analysis.projection import Projection
    from cirkd.features.feature_set import FeatureSet

__all__ = ["ExplorerResults"]


class ExplorerResults:
    """All pixels of all images in every model, and maps of them."""

    features: Callable[[], FeatureSet]
    _keep: Callable[[Hashable, Callable[[], Any]], Any]

    def explorer(self) -> ExplorerBlock:
        """What the linked view draws; see `cirkd.analysis.explorer_block`."""
        return self._keep("explorer", lambda: explorer_block(self.features()))

    def explorer_map(self, name: str, progress: Callable[[float, str], object] | None = None) -> Projection:
        """A map of the linked view's positions: "pca", "relation", "umap" or "tsne"."""
        key = ("explorer map", name)
        return self._keep(key, lambda: explorer_map(self.features(), self.explorer(), name, progress=progress))

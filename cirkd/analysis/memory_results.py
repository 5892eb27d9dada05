"""What a study tells about memory banks; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from cirkd.analysis.bank_map import BankMap, bank_map
from cirkd.analysis.memory_bank import MemoryBank, banks, memory_bank
from cirkd.analysis.published_indexing import PIXELS_PER_CLASS, StoredPixels, stored_pixels
from cirkd.data.errors import StudyError

if TYPE_CHECKING:
    from cirkd.features.feature_set import FeatureSet

__all__ = ["BankMap", "MemoryBank", "MemoryResults", "StoredPixels"]


class MemoryResults:
    """The memory banks of a study's models."""

    models: dict[str, Any]
    features: Callable[[], FeatureSet]
    _keep: Callable[[Hashable, Callable[[], Any]], Any]

    def memory_banks(self) -> tuple[str, ...]:
        """The models whose checkpoints hold a memory bank."""
        return banks(self.models)

    def memory_bank(self, name: str = "after") -> MemoryBank:
        """Fill, age and purity of the queues in a model's checkpoint."""
        model = self._model(name)
        return self._keep(("memory", name), lambda: memory_bank(self.features(), name, model))

    def bank_map(self, name: str = "after", method: str = "pca", seed: int = 0) -> BankMap:
        """Keys of a model's memory bank and the pixels in view, in one map."""
        model = self._model(name)
        return self._keep(
            ("bank map", name, method, seed), lambda: bank_map(self.features(), name, model, method, seed=seed)
        )

    def stored_pixels(self, per_class: int = PIXELS_PER_CLASS, seed: int = 0) -> StoredPixels:
        """What a step on the images in view stores in the pixel queue, here and by the published code's indexing."""
        return self._keep(("stored", per_class, seed), lambda: stored_pixels(self.features(), per_class, seed))

    def _model(self, name: str) -> Any:
        if name not in self.models:
            raise StudyError(f"there is no model {name!r}; this study has: {', '.join(self.models)}")
        return self.models[name]

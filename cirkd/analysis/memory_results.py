"""What a study tells about memory banks; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from cirkd.analysis.bank_map import BankMap, bank_map
from cirkd.analysis.bank_relations import bank_relations
from cirkd.analysis.batch_terms import BatchTerms, batch_terms
from cirkd.analysis.memory_bank import MemoryBank, banks, memory_bank
from cirkd.analysis.published_indexing import PIXELS_PER_CLASS, StoredPixels, stored_pixels
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import NEEDS_IMAGES

if TYPE_CHECKING:
    from cirkd.analysis.relations import RegionRelations
    from cirkd.features.feature_set import FeatureSet
    from cirkd.features.sources import ImageSource

__all__ = ["BankMap", "BatchTerms", "MemoryBank", "MemoryResults", "StoredPixels"]


class MemoryResults:
    """The memory banks of a study's models."""

    models: dict[str, Any]
    source: ImageSource
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

    def bank_relations(self, name: str = "after", image: int | None = 0, budget: int = 256) -> RegionRelations:
        """Relations of pixels with the newest regions of a model's memory bank."""
        model = self._model(name)
        key = ("bank relations", name, image, budget)
        return self._keep(key, lambda: bank_relations(self.features(), name, model, image, budget))

    def batch_terms(self, name: str = "after") -> BatchTerms:
        """The loss that training would report for the images in view, term by term."""
        if not self.models:
            raise StudyError(f"a batch's loss {NEEDS_IMAGES}")
        self.features()  # puts the models on their device
        source = self.source
        return self._keep(("terms", name), lambda: batch_terms(self.models, name, source.samples, source.classes))

    def _model(self, name: str) -> Any:
        if not self.models:
            raise StudyError(f"a memory bank {NEEDS_IMAGES}")
        if name not in self.models:
            raise StudyError(f"there is no model {name!r}; this study has: {', '.join(self.models)}")
        return self.models[name]

"""The study as a page sees it: results of `cirkd.study.Study`, with progress and a cancel around what takes long."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from app import work
from app.cached import StudyKey
from app.state import StudyState

if TYPE_CHECKING:
    from cirkd.analysis.lesson_results import GradientLesson, MemoryLesson, PixelLesson
    from cirkd.analysis.memory_results import BankMap, BatchTerms, MemoryBank, StoredPixels
    from cirkd.study import (
        Centroids,
        ClassRelations,
        Divergence,
        FeatureSet,
        PixelChange,
        PixelColors,
        PixelRelations,
        Projection,
        RegionRelations,
        RelationPair,
        Scores,
        StoredScore,
        Study,
    )


class Handle:
    """The current study. Every method waits on screen (progress, Cancel) and returns the study's result.

    study: the `Study` itself; key: hashable, for a page's own caches; state: what the user chose.
    """

    def __init__(self, study: Study, key: StudyKey, state: StudyState) -> None:
        self.study, self.key, self.state = study, key, state

    @property
    def names(self) -> tuple[str, ...]:
        """The models in view: teacher, before, after, others; any may be missing."""
        return self.study.names

    def features(self) -> FeatureSet:
        """Embeddings and predictions of all models on all images."""
        return work.run(("features", self.key), "Running the models on the images", self.study.features)

    def scores(self) -> Scores:
        """IoU, accuracy and confusion on the images in view."""
        return self._result("Scoring", "scores")

    def pixel_change(self, before: str = "before", after: str = "after") -> PixelChange:
        """Which pixels were fixed and which were broken."""
        return self._result("Comparing predictions", "pixel_change", before, after)

    def projection(self, method: str = "pca", **options: Any) -> Projection:
        """A map of pixel embeddings; options as in `Study.projection`."""
        return self._result(f"Projecting with {method.upper()}", "projection", method, **options)

    def relations(self, image_a: int | None = 0, image_b: int | None = 1, **options: Any) -> RelationPair:
        """Relation matrices of two images; options as in `Study.relations`."""
        return self._result("Relating pixels", "relations", image_a, image_b, **options)

    def region_relations(self, image: int | None = 0, **options: Any) -> RegionRelations:
        """Relations of pixels with regions."""
        return self._result("Relating pixels to regions", "region_relations", image, **options)

    def class_relations(self, across_images: bool = False) -> ClassRelations:
        """Class-by-class mean relations."""
        return self._result("Averaging relations", "class_relations", across_images)

    def divergence(self, temperature: float = 0.1) -> Divergence:
        """Relation divergence of every student to the teacher."""
        return self._result("Comparing relation distributions", "divergence", temperature)

    def centroids(self) -> Centroids:
        """Class centroids and the geometry around them."""
        return self._result("Measuring class centroids", "centroids")

    def memory_bank(self, name: str) -> MemoryBank:
        """Fill, age and purity of the queues in a model's checkpoint."""
        return self._result("Reading the memory bank", "memory_bank", name)

    def bank_map(self, name: str, method: str = "pca") -> BankMap:
        """Keys of a memory bank and the pixels in view, in one map."""
        return self._result(f"Projecting keys with {method.upper()}", "bank_map", name, method)

    def stored_pixels(self, per_class: int = 16) -> StoredPixels:
        """What a step stores in the pixel queue, here and by the published indexing."""
        return self._result("Choosing pixels for the memory", "stored_pixels", per_class)

    def telling_pixel(self, image: int, student: str | None) -> int:
        """A pixel of an image to begin with."""
        return self._result("Comparing relation distributions", "telling_pixel", image, student)

    def pixel_lesson(self, pixel: int, image: int, temperature: float) -> PixelLesson:
        """The formulas for one pixel and the pixels of another image."""
        return self._result("Relating one pixel", "pixel_lesson", pixel, image, temperature)

    def gradient_lesson(self, first: int, second: int, student: str, temperature: float) -> GradientLesson:
        """Value and gradient of the relation loss on two images."""
        return self._result("Taking the gradient", "gradient_lesson", first, second, student, temperature)

    def memory_lesson(self, name: str, temperature: float) -> MemoryLesson:
        """Memory losses against the bank and other keys."""
        return self._result("Relating pixels to keys", "memory_lesson", name, temperature)

    def bank_relations(self, name: str, image: int | None = 0, budget: int = 256) -> RegionRelations:
        """Relations of pixels with the regions of a memory bank."""
        return self._result("Relating pixels to the bank", "bank_relations", name, image, budget)

    def batch_terms(self, name: str) -> BatchTerms:
        """The loss that training would report for the images in view."""
        return self._result("Running the images as one batch", "batch_terms", name)

    def pixel_relations(self, pixel: int, **options: Any) -> PixelRelations:
        """One pixel's similarities and neighbours."""
        return self._result("Relating one pixel", "pixel_relations", pixel, **options)

    def pixel_colors(self, by: str, model: str | None = None, temperature: float = 0.1) -> PixelColors:
        """Colours of all pixels."""
        return self._result("Colouring pixels", "pixel_colors", by, model, temperature)

    def summary(self, temperature: float = 0.1) -> list[str]:
        """Two or three sentences on what distillation did."""
        return self._result("Summing up", "summary", temperature)

    def evaluate(self, split: str = "val") -> dict[str, StoredScore | None]:
        """Data-set-wide scores stored in the checkpoints."""
        return self.study.evaluate(split)

    def _result(self, label: str, method: str, *args: Any, **options: Any) -> Any:
        self.features()
        key: Hashable = (method, self.key, args, tuple(sorted(options.items())))
        return work.run(key, label, lambda _: getattr(self.study, method)(*args, **options))

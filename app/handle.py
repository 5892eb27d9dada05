"""The study as a page sees it: results of `cirkd.study.Study`, with progress and a cancel around what takes long."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from app import cached, work
from app.cached import StudyKey
from app.state import StudyState
from cirkd.analysis.stored_scores import stored_score

if TYPE_CHECKING:
    from cirkd.analysis.explorer_block import ExplorerBlock
    from cirkd.analysis.lesson_results import GradientLesson, MemoryLesson, PixelLesson
    from cirkd.analysis.memory_results import BankMap, BatchTerms, MemoryBank, StoredPixels
    from cirkd.data.sample import Sample
    from cirkd.study import (
        Centroids,
        ChangedPlace,
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

    key: hashable, for a page's own caches; state: what the user chose. Names, headers, pictures and stored scores
    are there at once: they need neither models nor PyTorch.
    """

    def __init__(self, key: StudyKey, state: StudyState) -> None:
        self.key, self.state = key, state

    @property
    def study(self) -> Study:
        """The `Study` itself, opened when first asked for.

        Raises:
            CirkdError: a model or an image cannot be opened.
        """
        what = "Opening the folder" if self.key.sampled else "Opening the models"
        return work.run(("open", self.key), what, lambda _: cached.study(self.key))

    @property
    def names(self) -> tuple[str, ...]:
        """The models in view: teacher, before, after, others; any may be missing."""
        return tuple(name for name, _, _ in self.key.models)

    def header(self, name: str) -> dict[str, Any]:
        """What a model's checkpoint, or a folder of its embeddings, says about it.

        A checkpoint of a foreign format says it only when opened.
        """
        if self.key.sampled:
            found = cached.stored(self.key.images)
            return found.settings.models[found.models[name]]
        path, stamp = next((path, stamp) for known, path, stamp in self.key.models if known == name)
        return cached.header(path, stamp) or vars(self.study.models[name].info)

    def sample(self, image: int) -> Sample:
        """An image in view, with its labels."""
        return cached.sample(self.key.images, self.key.names[image])

    def features(self) -> FeatureSet:
        """Embeddings and predictions of all models on all images."""
        study = self.study
        what = "Reading the stored pixels" if self.key.sampled else "Running the models on the images"
        return work.run(("features", self.key), what, study.features)

    def scores(self) -> Scores:
        """IoU, accuracy and confusion on the images in view."""
        return self._result("Scoring", "scores")

    def pixel_change(self, before: str = "before", after: str = "after") -> PixelChange:
        """Which pixels were fixed and which were broken."""
        return self._result("Comparing predictions", "pixel_change", before, after)

    def changed_places(self) -> list[ChangedPlace]:
        """Where in the images most was fixed and most was broken."""
        return self._result("Looking for what changed", "changed_places")

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

    def explorer(self) -> ExplorerBlock:
        """What the linked view draws."""
        return self._result("Packing the pixel embeddings", "explorer")

    def fine_features(self) -> FeatureSet:
        """The features position by position of the networks' own grids, which the linked view's numbers are of."""
        return self._result("Reading the networks' own grids", "fine_features")

    def explorer_divergence(self, temperature: float) -> Divergence:
        """Relation divergence of every pixel of `fine_features`."""
        return self._result("Comparing relation distributions", "explorer_divergence", temperature)

    def explorer_map(self, name: str) -> Projection:
        """A map of the linked view's positions."""
        self.explorer()
        study = self.study
        key = ("explorer_map", self.key, name)
        return work.run(key, f"Working out {name}", lambda report: study.explorer_map(name, progress=report))

    def summary(self, temperature: float = 0.1) -> list[str]:
        """Two or three sentences on what distillation did."""
        return self._result("Summing up", "summary", temperature)

    def evaluate(self, split: str = "val") -> dict[str, StoredScore | None]:
        """Data-set-wide scores stored in the checkpoints."""
        return {name: stored_score(self.header(name).get("provenance", {}), split) for name in self.names}

    def _result(self, label: str, method: str, *args: Any, **options: Any) -> Any:
        self.features()
        study = self.study
        key: Hashable = (method, self.key, args, tuple(sorted(options.items())))
        return work.run(key, label, lambda _: getattr(study, method)(*args, **options))

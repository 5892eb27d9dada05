"""The study: a teacher, students, images and settings, and everything that can be shown about them.

    study = Study.open(teacher="t.safetensors", before="b.safetensors", after="a.safetensors", images="streets")
    print(study.summary())

Opening a study runs nothing; the first result that needs the models' features extracts them. Each result is kept,
so that asking again, or asking for another result that stands on it, costs nothing. A study may be shared between
threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cirkd.analysis import pictures
from cirkd.analysis.centroids import Centroids
from cirkd.analysis.neighbours import PixelRelations
from cirkd.analysis.pictures import PixelColors
from cirkd.analysis.projection import METHODS, SPACES, Projection
from cirkd.analysis.relations import (
    ORDERS,
    ClassRelations,
    Divergence,
    RegionRelations,
    RelationPair,
)
from cirkd.analysis.scores import CHANGES, ModelScore, PixelChange, Scores
from cirkd.data.errors import CirkdError, StudyError
from cirkd.features.feature_set import AFTER, BEFORE, ROLES, TEACHER, FeatureSet, ModelFeatures, Pixels
from cirkd.features.sources import ImageSource, open_images, open_models

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

__all__ = [
    "AFTER",
    "BEFORE",
    "CHANGES",
    "METHODS",
    "ORDERS",
    "ROLES",
    "SPACES",
    "TEACHER",
    "Centroids",
    "CirkdError",
    "ClassRelations",
    "Divergence",
    "FeatureSet",
    "ModelFeatures",
    "ModelScore",
    "PixelChange",
    "PixelColors",
    "PixelRelations",
    "Pixels",
    "Projection",
    "RegionRelations",
    "RelationPair",
    "Scores",
    "Study",
    "StudyError",
    "pictures",
]

Progress = Callable[[float, str], object]
Result = TypeVar("Result")
KEPT_RESULTS = 48


class Study:
    """A teacher, students, images and settings. Make one with `Study.open`.

    Attributes:
        models: name -> loaded model, in the order teacher, before, after, others.
        source: the images and their classes.
        layer, device, precision: settings of the extraction, as asked for.
    """

    def __init__(
        self,
        models: Mapping[str, Any],
        source: ImageSource,
        *,
        layer: str = "decoder",
        device: str = "auto",
        precision: str = "auto",
        batch_size: int = 8,
    ) -> None:
        self.models = dict(models)
        self.source = source
        self.layer, self.device, self.precision, self.batch_size = layer, device, precision, batch_size
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._features: FeatureSet | None = None
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        teacher: Any = None,
        before: Any = None,
        after: Any = None,
        images: Any = "streets",
        *,
        students: Mapping[str, Any] | None = None,
        layer: str = "decoder",
        device: str = "auto",
        precision: str = "auto",
        split: str = "val",
        indices: Sequence[int] | None = None,
        classes: Classes | None = None,
        batch_size: int = 8,
    ) -> Study:
        """Open models and images; nothing is computed yet.

        Args:
            teacher, before, after: a checkpoint's path or a loaded model; any may be None.
            images: a data set's name ("streets", "streets/test"), a folder, files, a data set object, or a sequence
                of arrays uint8 [H, W, 3], PIL images or `Sample`s.
            students: further students by name.
            layer: "decoder" (what feeds the classifier) or "projected" (through the distillation's projection head,
                for the students that have one).
            device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", ...
            precision: "auto" (bf16 on GPUs that have it, else float32), "float32", "bf16" or "fp16".
            split, indices: which images of a data set; None = its first 6.
            classes: of the labels, where the images' source does not say.

        Raises:
            CheckpointError, DataError, StudyError: one line: what came, what was wanted, what to do.
        """
        named = {TEACHER: teacher, BEFORE: before, AFTER: after, **dict(students or {})}
        source = open_images(images, split=split, indices=indices, classes=classes)
        return cls(
            open_models(named, device), source,
            layer=layer, device=device, precision=precision, batch_size=batch_size,
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in order."""
        return tuple(self.models)

    def features(self, progress: Progress | None = None) -> FeatureSet:
        """Embeddings and predictions of all models on all images; extracted once.

        Args:
            progress: called with (fraction, text); an exception raised from it cancels and is passed on.
        """
        raise NotImplementedError

    def scores(self) -> Scores:
        """IoU, accuracy and confusion of every model on the images in view."""
        raise NotImplementedError

    def pixel_change(self, before: str = BEFORE, after: str = AFTER) -> PixelChange:
        """Which pixels were fixed and which were broken."""
        raise NotImplementedError

    def projection(
        self,
        method: str = "pca",
        dimensions: int = 2,
        budget: int = 3000,
        seed: int = 0,
        align: bool = True,
        space: str = "feature",
    ) -> Projection:
        """A map of a class-balanced sample of pixels, for every model."""
        raise NotImplementedError

    def relations(
        self, image_a: int | None = 0, image_b: int | None = 1, order: str = "class", budget: int = 256
    ) -> RelationPair:
        """Relation matrices of two images, or of all (None)."""
        raise NotImplementedError

    def region_relations(self, image: int | None = 0, budget: int = 256) -> RegionRelations:
        """Relations of pixels with the regions of the images in view."""
        raise NotImplementedError

    def class_relations(self, across_images: bool = False) -> ClassRelations:
        """Class-by-class mean relations."""
        raise NotImplementedError

    def divergence(self, temperature: float = 0.1) -> Divergence:
        """Relation divergence of every student to the teacher, per pixel, class and image pair."""
        raise NotImplementedError

    def centroids(self) -> Centroids:
        """Class centroids and the geometry around them, in native space."""
        raise NotImplementedError

    def pixel_relations(self, pixel: int, temperature: float = 0.1, neighbours: int = 10) -> PixelRelations:
        """One pixel's similarity with all others and its nearest neighbours, in every model."""
        raise NotImplementedError

    def pixel_colors(self, by: str, model: str | None = None, temperature: float = 0.1) -> PixelColors:
        """Colours of all pixels by "class", "prediction", "image", "error", "confidence", "divergence", "change"."""
        raise NotImplementedError

    def summary(self, temperature: float = 0.1) -> list[str]:
        """Two or three sentences on what distillation did, made from the numbers."""
        raise NotImplementedError

    def evaluate(self, split: str = "val") -> dict[str, Any]:
        """Scores on the whole split, as stored in the checkpoints when they were trained."""
        raise NotImplementedError

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cirkd.analysis import pictures
from cirkd.analysis.centroids import Centroids, centroids
from cirkd.analysis.changed_places import ChangedPlace, changed_places
from cirkd.analysis.choice import telling_images
from cirkd.analysis.explorer_results import ExplorerResults
from cirkd.analysis.lesson_results import LessonResults
from cirkd.analysis.memory_results import MemoryResults
from cirkd.analysis.pixel_colors import COLORINGS
from cirkd.analysis.pixel_results import PixelColors, PixelRelations, PixelResults
from cirkd.analysis.projection import DEFAULT_BUDGET, METHODS, SPACES, Projection, project
from cirkd.analysis.relations import (
    ORDERS,
    ClassRelations,
    Divergence,
    RegionRelations,
    RelationPair,
    class_means,
    divergence,
    region_relations,
    relation_pair,
)
from cirkd.analysis.scores import CHANGES, ModelScore, PixelChange, Scores, pixel_change, scores
from cirkd.analysis.stored_scores import StoredScore, stored_score
from cirkd.analysis.summary import sentences
from cirkd.data.errors import CirkdError, StudyError
from cirkd.export.study_export import Exports
from cirkd.features.feature_set import AFTER, BEFORE, NEEDS_IMAGES, ROLES, TEACHER, FeatureSet, ModelFeatures, Pixels
from cirkd.features.kept import KeptOutputs
from cirkd.features.sampling import PixelSample, balanced_sample
from cirkd.features.sources import ImageSource, open_images, open_models
from cirkd.features.stored import BUDGET, StoredFolder, open_stored, read_stored

if TYPE_CHECKING:
    from cirkd.data.sample import Classes

__all__ = [
    "AFTER",
    "BEFORE",
    "CHANGES",
    "COLORINGS",
    "METHODS",
    "ORDERS",
    "ROLES",
    "SPACES",
    "TEACHER",
    "Centroids",
    "ChangedPlace",
    "CirkdError",
    "ClassRelations",
    "Divergence",
    "FeatureSet",
    "KeptOutputs",
    "ModelFeatures",
    "ModelScore",
    "PixelChange",
    "PixelColors",
    "PixelRelations",
    "PixelSample",
    "Pixels",
    "Projection",
    "RegionRelations",
    "RelationPair",
    "Scores",
    "StoredScore",
    "Study",
    "StudyError",
    "pictures",
    "stored_score",
    "telling_images",
]

Progress = Callable[[float, str], object]
Result = TypeVar("Result")
KEPT_RESULTS = 48


class Study(PixelResults, ExplorerResults, MemoryResults, LessonResults, Exports):
    """A teacher, students, images and settings. Make one with `Study.open`, or with `Study.from_folder`.

    Attributes:
        models: name -> loaded model, in the order teacher, before, after, others; none in a study from a folder.
        source: the images and their classes.
        stored: the folder that the study is a sample of, if it is one.
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
        batch_size: int | None = None,
        outputs: KeptOutputs | None = None,
        stored: StoredFolder | None = None,
        budget: int = BUDGET,
    ) -> None:
        self.models = dict(models)
        self.source = source
        self.layer, self.device, self.precision, self.batch_size = layer, device, precision, batch_size
        self.outputs, self.stored, self.budget = outputs, stored, budget
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
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
        batch_size: int | None = None,
        outputs: KeptOutputs | None = None,
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
            batch_size: images at once; None = 8 on a GPU, 1 on a CPU; halves itself when memory runs out.
            outputs: shared by studies of the same loaded models: what one of them ran, the others need not.

        Raises:
            CheckpointError, DataError, StudyError: one line: what came, what was wanted, what to do.
        """
        named = {TEACHER: teacher, BEFORE: before, AFTER: after, **dict(students or {})}
        source = open_images(images, split=split, indices=indices, classes=classes)
        return cls(
            open_models(named, device), source,
            layer=layer, device=device, precision=precision, batch_size=batch_size, outputs=outputs,
        )  # fmt: skip

    @classmethod
    def from_folder(cls, path: Path | str, budget: int = BUDGET) -> Study:
        """A class-balanced sample of the pixels in a folder that `cirkd extract` wrote, as a study.

        Only the sample is read into memory, and no checkpoint is needed. What needs whole images (scores, relations
        of two images, divergence, the Explorer, lessons, a report) raises StudyError.

        Args:
            path: the folder; models have the names they were extracted under, see `cirkd.features.stored`.
            budget: pixels in all.

        Raises:
            StudyError: no such folder, or one that is not finished or cannot be read.
        """
        found = open_stored(path)
        source = ImageSource((), None, found.text())
        return cls(
            {}, source, layer=found.settings.layer, precision=found.settings.precision, stored=found, budget=budget
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in order."""
        return tuple(self.models if self.stored is None else self.stored.models)

    def features(self, progress: Progress | None = None) -> FeatureSet:
        """Embeddings and predictions of all models on all images; extracted once.

        Args:
            progress: called with (fraction, text); an exception raised from it cancels and is passed on.
        """
        if (stored := self.stored) is not None:
            return self._keep("features", lambda: read_stored(stored, self.budget))
        return self._keep("features", lambda: self._extract(False, progress))

    def _extract(self, fine: bool, progress: Progress | None = None) -> FeatureSet:
        from cirkd.features.extract import extract

        return extract(
            self.models, self.source.samples, layer=self.layer, device=self.device, precision=self.precision,
            batch_size=self.batch_size, progress=progress, classes=self.source.classes, kept=self.outputs, fine=fine,
        )  # fmt: skip

    def scores(self) -> Scores:
        """IoU, accuracy and confusion of every model on the images in view."""
        return self._keep("scores", lambda: scores(self.features()))

    def pixel_change(self, before: str = BEFORE, after: str = AFTER) -> PixelChange:
        """Which pixels were fixed and which were broken."""
        return self._keep(("change", before, after), lambda: pixel_change(self.features(), before, after))

    def changed_places(self, count: int = 3) -> list[ChangedPlace]:
        """Where in the images most was fixed and most was broken; see `cirkd.analysis.changed_places`."""
        return self._keep(("places", count), lambda: changed_places(self.features(), self.pixel_change(), count))

    def projection(
        self,
        method: str = "pca",
        dimensions: int = 2,
        budget: int = DEFAULT_BUDGET,
        seed: int = 0,
        align: bool = True,
        space: str = "feature",
        progress: Progress | None = None,
    ) -> Projection:
        """A map of a class-balanced sample of `budget` pixels, for every model; see `cirkd.analysis.project`."""
        key = ("projection", method, dimensions, budget, seed, align, space)
        return self._keep(
            key,
            lambda: project(
                self.features(), method, dimensions, self.sample(budget, seed), seed, align, space, progress=progress
            ),
        )

    def sample(self, budget: int = DEFAULT_BUDGET, seed: int = 0) -> PixelSample:
        """The class-balanced sample of pixels that a projection with these settings shows."""
        if budget < 1:
            raise StudyError(f"budget {budget}: choose at least 1 pixel")
        return balanced_sample(self.features().grouping().values, budget, seed)

    def relations(
        self, image_a: int | None = 0, image_b: int | None = 1, order: str = "class", budget: int = 256
    ) -> RelationPair:
        """Relation matrices of two images, or of all (None); with one image, of it with itself."""
        if image_b == 1 and len(self.source.samples) == 1:
            image_b = 0
        key = ("relations", image_a, image_b, order, budget)
        return self._keep(key, lambda: relation_pair(self.features(), image_a, image_b, order, budget))

    def region_relations(self, image: int | None = 0, budget: int = 256) -> RegionRelations:
        """Relations of pixels with the regions of the images in view."""
        return self._keep(("regions", image, budget), lambda: region_relations(self.features(), image, budget))

    def class_relations(self, across_images: bool = False) -> ClassRelations:
        """Class-by-class mean relations."""
        return self._keep(("classes", across_images), lambda: class_means(self.features(), across_images))

    def divergence(self, temperature: float = 0.1, progress: Progress | None = None) -> Divergence:
        """Relation divergence of every student to the teacher, per pixel, class and image pair."""
        return self._keep(
            ("divergence", temperature),
            lambda: divergence(
                self.features(), temperature, device=self.features().provenance["device"], progress=progress,
                kept=self.outputs.divergences if self.outputs else None,
            ),
        )  # fmt: skip

    def centroids(self) -> Centroids:
        """Class centroids and the geometry around them, in native space."""
        return self._keep("centroids", lambda: centroids(self.features()))

    def summary(self, temperature: float = 0.1) -> list[str]:
        """Two or three sentences on what distillation did, made from the numbers."""
        features = self.features()
        compared = self.divergence(temperature) if len(features.models) > 1 else None
        grouped = self.centroids() if features.grouping().present() else None
        return sentences(features, self.scores(), compared, grouped)

    def evaluate(self, split: str = "val") -> dict[str, StoredScore | None]:
        """Scores on a whole split, as stored in each checkpoint when it was trained; None where there are none."""
        if self.stored is not None:
            raise StudyError(f"a checkpoint's score {NEEDS_IMAGES}")
        return {name: stored_score(getattr(model.info, "provenance", {}), split) for name, model in self.models.items()}

    def _keep(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """The result kept under a key, made once; a failed or cancelled one is not kept."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
                if len(self._kept) > KEPT_RESULTS:
                    # All stand on the features, so these stay.
                    self._kept.pop(next(other for other in self._kept if other != "features"))
            self._kept.move_to_end(key)
            return self._kept[key]

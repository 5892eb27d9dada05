"""The study: a teacher, students, images and settings, and everything that can be shown about them.

    study = Study.open(teacher="t.safetensors", before="b.safetensors", after="a.safetensors", images="streets")
    print(study.summary())

Opening a study runs nothing; the first result that needs the models' features extracts them. Each result is kept,
so that asking again, or asking for another result that stands on it, costs nothing. A study may be shared between
threads.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.analysis.stored_scores import StoredScore, stored_score
from cirkd.cache import Cache
from cirkd.data.errors import StudyError
from cirkd.data.safe_palette import OWN, known
from cirkd.data.sample import Classes
from cirkd.declaration import Declaration, Progress
from cirkd.export.embeddings import write_embeddings, write_projector
from cirkd.export.table import Table, write_table
from cirkd.export.tables import tables
from cirkd.features.feature_set import AFTER, BEFORE, NEEDS_IMAGES, TEACHER, FeatureSet
from cirkd.features.sources import ImageSource, open_images, open_models
from cirkd.features.stored import BUDGET, StoredFolder, open_stored, read_stored
from cirkd.models.places import over_time
from cirkd.results import Results


class Study(Results):
    """A teacher, students, images and settings. Make one with `Study.open`, or with `Study.from_folder`.

    Its results are the methods of `cirkd.results.Results`: typed, computed once, kept in a cache of limited size.

    Attributes:
        models: name -> loaded model, in the order teacher, before, after, others; none in a study from a folder.
        source: the images and their classes.
        files: name -> checkpoint, of those models that were opened from one.
        stored: the folder that the study is a sample of, if it is one.
        layer, device, precision: settings of the extraction, as asked for.
        cache: where results and the models' outputs are kept; studies may share one.
    """

    def __init__(
        self,
        models: Mapping[str, Any],
        source: ImageSource,
        *,
        layer: str | Mapping[str, str] = "decoder",
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        cache: Cache | None = None,
        stored: StoredFolder | None = None,
        budget: int = BUDGET,
        palette: str = OWN,
    ) -> None:
        self.models = dict(models)
        self.files: dict[str, Path] = {}
        self.source = source
        self.layer, self.device, self.precision, self.batch_size = layer, device, precision, batch_size
        self.stored, self.budget, self.palette = stored, budget, known(palette)
        self.cache = cache or Cache()
        self._own = object()  # in the keys of its results: no other study has it

    @classmethod
    def open(
        cls,
        teacher: Any = None,
        before: Any = None,
        after: Any = None,
        images: Any = "streets",
        *,
        students: Mapping[str, Any] | str | Path | None = None,
        layer: str | Mapping[str, str] = "decoder",
        device: str = "auto",
        precision: str = "auto",
        split: str = "val",
        indices: Sequence[int] | None = None,
        classes: Classes | None = None,
        answers: Any = None,
        batch_size: int | None = None,
        cache: Cache | None = None,
        palette: str = OWN,
    ) -> Study:
        """Open models and images; nothing is computed yet.

        Args:
            teacher, before, after: a checkpoint's path or a loaded model; any may be None.
            images: a data set's name ("streets", "streets/test"), a folder, files, a data set object, or a sequence
                of arrays uint8 [H, W, 3], PIL images or `Sample`s.
            students: further students by name; or a folder of one student's checkpoints over time, see
                `cirkd.models.places.over_time`.
            layer: any name of `model.layers()`, for all models or a dict by model: "decoder" (what feeds the
                classifier), "projected" (through the distillation's projection head), "stage1" ... (the encoder), or a
                submodule.
                A model that has not the one layer named for all shows its decoder embedding, and a note says so.
            device: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", ...
            precision: "auto" (bf16 on GPUs that have it, else float32), "float32", "bf16" or "fp16".
            split, indices: which images of a data set; None = its first 6.
            classes: of the labels, where the images' source does not say.
            answers: what a file of another project does not tell, as `load_model` takes it, such as
                `{"encoder": "resnet34", "mean": (0.5, 0.5, 0.5)}`: one for all such files, or a dict of these by model.
            batch_size: images at once; None = 8 on a GPU, 1 on a CPU; halves itself when memory runs out.
            cache: shared by studies of the same loaded models: what one of them ran, the others need not.
            palette: classes in the colours of their data set ("own"), or in such as colour-blind viewers can tell
                apart ("safe").

        Raises:
            CheckpointError, DataError, StudyError: one line: what came, what was wanted, what to do.

        Example:
            >>> from cirkd import Study
            >>> study = Study.open("streets-teacher", "streets-few-baseline", "streets-few-cirkd", indices=range(2))
            >>> study.names
            ('teacher', 'before', 'after')
        """
        students = over_time(Path(students)) if isinstance(students, str | Path) else students
        named = {TEACHER: teacher, BEFORE: before, AFTER: after, **dict(students or {})}
        source = open_images(images, split=split, indices=indices, classes=classes)
        study = cls(
            open_models(named, device, answers),
            source,
            layer=layer,
            device=device,
            precision=precision,
            batch_size=batch_size,
            cache=cache,
            palette=palette,
        )
        study.files = {name: Path(model) for name, model in named.items() if isinstance(model, str | Path)}
        return study

    @classmethod
    def from_folder(
        cls, path: Path | str, budget: int = BUDGET, *, cache: Cache | None = None, palette: str = OWN
    ) -> Study:
        """A class-balanced sample of the pixels in a folder that `cirkd extract` wrote, as a study.

        Only the sample is read into memory, and no checkpoint is needed. What needs whole images (scores, relations
        of two images, divergence, the Explorer, lessons, a report) raises StudyError.

        Args:
            path: the folder; models have the names they were extracted under, see `cirkd.features.stored`.
            budget: pixels in all.
            palette: as of `open`.

        Raises:
            StudyError: no such folder, or one that is not finished or cannot be read.
        """
        found = open_stored(path)
        source = ImageSource((), None, found.text())
        return cls(
            {},
            source,
            layer=found.settings.layer,
            precision=found.settings.precision,
            stored=found,
            budget=budget,
            cache=cache,
            palette=palette,
        )

    def in_palette(self, palette: str) -> Study:
        """The same study with classes in the colours of a palette; of its results, only those with colours are anew."""
        other = copy.copy(self)
        other.palette = known(palette)
        return other

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in order."""
        return tuple(self.models if self.stored is None else self.stored.models)

    def extract(self, fine: bool = False, progress: Progress | None = None) -> FeatureSet:
        """Run the models over the images, or read the folder's sample."""
        from cirkd.features.extract import extract

        if self.stored is not None:
            return read_stored(self.stored, self.budget).in_palette(self.palette)
        found = extract(
            self.models,
            self.source.samples,
            layer=self.layer,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
            progress=progress,
            classes=self.source.classes,
            kept=self.cache,
            fine=fine,
            told=self.source.notes,
        )
        return found.in_palette(self.palette)

    def serve(self, declared: Declaration, arguments: dict[str, Any], progress: Progress | None = None) -> Any:
        """The result of a declaration for these arguments: made once, by one thread, and kept.

        Raises:
            StudyError: the study lacks what the result needs.
            Whatever `progress` raises: the work is given up, and nothing kept.
        """
        if declared.needs and (why := declared.lacking(self.features(progress))):
            raise StudyError(why)
        told = {"progress": progress} if declared.reports else {}
        return self.cache.get(self.key(declared, arguments), lambda: declared.function(self, **arguments, **told))

    def key(self, declared: Declaration, arguments: Mapping[str, Any]) -> Hashable:
        """Under what a result is kept in the cache."""
        return self._own, self.palette if declared.colors else "", declared.name, *arguments.items()

    def header(self, name: str) -> dict[str, Any]:
        """What a model says about itself: architecture, encoder, classes, provenance."""
        return vars(self.models[name].info)

    @property
    def data_name(self) -> str:
        """Of the data set that the images are from."""
        return self.source.text.split()[0]

    def evaluate(self, split: str = "val") -> dict[str, StoredScore | None]:
        """Scores on a whole split, as stored in each checkpoint when it was trained; None where there are none."""
        if self.stored is not None:
            raise StudyError(f"a checkpoint's score {NEEDS_IMAGES}")
        return {name: stored_score(getattr(model.info, "provenance", {}), split) for name, model in self.models.items()}

    def tables(self) -> dict[str, Table]:
        """name -> table, of all that this study has numbers for."""
        return {name: make() for name, make in tables(self).items()}

    def export_tables(self, folder: Path | str, kind: str = "csv") -> list[Path]:
        """Write every table to `folder` as "csv" or "parquet"."""
        return [write_table(table, Path(folder) / f"{name}.{kind}") for name, table in self.tables().items()]

    def export_embeddings(self, path: Path | str, budget: int | None = None, seed: int = 0) -> Path:
        """Write the embeddings of all pixels, or of a class-balanced sample of `budget`, as Parquet."""
        pixels = None if budget is None else self.sample(budget, seed).index
        return write_embeddings(self.features(), path, pixels)

    def export_projector(self, path: Path | str, budget: int = 2000, seed: int = 0) -> Path:
        """Write a class-balanced sample of `budget` pixels for the TensorBoard projector, to a folder or a .zip."""
        return write_projector(self.features(), np.asarray(self.sample(budget, seed).index), path)

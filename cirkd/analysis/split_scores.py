"""A whole split, image by image: what every model gets right, and how far its relations are from the teacher's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from cirkd.analysis.divergences import divergence
from cirkd.analysis.scores import ModelScore, Scores, confusion, score_of, unscored
from cirkd.analysis.split_records import Measured, Record, image_stamp
from cirkd.data.errors import StudyError
from cirkd.data.matching import match_classes
from cirkd.features.extract import extract
from cirkd.features.feature_set import TEACHER, FeatureSet, Progress
from cirkd.features.folder_settings import model_digest

if TYPE_CHECKING:
    from cirkd.data.sample import Classes, SegmentationData
    from cirkd.models.segmenter import Segmenter

_WRITTEN = 64
"""After so many images what is known is written to disk, so that little is lost when the process is."""


@dataclass(frozen=True, eq=False)
class SplitScores:
    """Every model on every image of a split.

    Attributes:
        names: of the N images.
        scores: of the whole split, and of each image by itself.
        divergence: model -> float64 [N], mean relation divergence of the image's pixels from the reference, in nats,
            each related to the pixels of its own image; 0 for the reference itself.
        reference: the model that divergence is measured from.
        confusions: model -> what was counted on each image, see `confused`.
        provenance: data, split, layer, precision, temperature, measured (how many images were not known before).
    """

    names: tuple[str, ...]
    scores: Scores
    divergence: dict[str, Float64[np.ndarray, " n"]]
    reference: str
    confusions: dict[str, tuple[Measured, ...]] = field(repr=False)
    provenance: dict[str, Any] = field(default_factory=dict)

    def miou_change(self, before: str, after: str) -> Float64[np.ndarray, " n"]:
        """How much mIoU each image gained from one model to the other, -1..1; nan = unlabelled, or not comparable."""
        return self._model(after).image_miou - self._model(before).image_miou

    def divergence_change(self, before: str, after: str) -> Float64[np.ndarray, " n"]:
        """How much relation divergence each image gained; below 0 the second model is closer to the reference."""
        return self.divergence[after] - self.divergence[before]

    def confused(self, model: str, label: int, predicted: int) -> Int64[np.ndarray, " n"]:
        """How many pixels of each image have this label and are taken for that class by a model."""
        cell = label * (len(self._model(model).iou) + 1) + predicted
        return np.array([item.counts[item.cells == cell].sum() for item in self.confusions[model]], np.int64)

    def _model(self, name: str) -> ModelScore:
        if name not in self.scores.models:
            raise StudyError(f"there is no model {name!r}; this study has: {', '.join(self.scores.models)}")
        return self.scores.models[name]


def split_scores(
    models: Mapping[str, Segmenter],
    data: SegmentationData,
    *,
    classes: Classes | None = None,
    layer: str | Mapping[str, str] = "decoder",
    device: str = "auto",
    precision: str = "auto",
    temperature: float = 0.1,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> SplitScores:
    """Measure every model on every image, one image at a time: memory does not grow with the split.

    Args:
        classes: of the labels; None = the data's, or where it names none the reference's.
        layer, device, precision: as of `cirkd.features.extract`.
        temperature: of the relation divergence.
        kept: folder where what is measured is kept. An image is measured again when its files change, a model when
            its weights or the reference's do, all when settings do.
        progress: called with (fraction, text); an exception raised from it cancels and is passed on, and what was
            measured until then is kept.

    Raises:
        StudyError: no model, or an image that cannot be run.
    """
    from cirkd.models.inference import resolve_device, resolve_precision
    from cirkd.models.taps import layer_of_each

    if not models or not len(data):
        raise StudyError("a split without images, or no model to run on them; choose both")
    reference = TEACHER if TEACHER in models else next(iter(models))
    known = classes or data.classes or models[reference].info.classes
    layers = {name: taken for name, (taken, _) in layer_of_each(models, layer).items()}
    precision = resolve_precision(precision, resolve_device(device))
    digests = {name: model_digest(model) for name, model in models.items()}
    common = (data.name, data.split, known.names, tuple(known.aliases.items()), precision, temperature)
    records = {
        name: Record(kept, (*common, digests[reference], layers[reference], digests[name], layers[name]))
        for name in models
    }

    def measure(index: int, stamp: str, lacking: list[str]) -> dict[str, Measured]:
        some = {model: models[model] for model in dict.fromkeys([reference, *lacking])}
        own = {model: layers[model] for model in some}
        features = extract(some, [data[index]], layer=own, device=device, precision=precision, classes=known)
        found = _measured(features, stamp, temperature)
        return {model: found[model] for model in lacking}

    measured = _complete(records, data, measure, progress)
    about = {"data": data.name, "split": data.split, "layer": layer, "precision": precision, "images": len(data)}
    about |= {"temperature": temperature, "measured": measured, "resolution": "full"}
    rows = {model: tuple(record.images[name] for name in data.names) for model, record in records.items()}
    return SplitScores(
        names=tuple(data.names),
        scores=_scores(models, data.name, known, rows, about),
        divergence={name: np.array([item.divergence or 0.0 for item in own]) for name, own in rows.items()},
        reference=reference,
        confusions=rows,
        provenance=about,
    )


def _complete(
    records: Mapping[str, Record],
    data: SegmentationData,
    measure: Callable[[int, str, list[str]], dict[str, Measured]],
    progress: Progress | None,
) -> int:
    """Measure what the records lack, and write it, also when the work is given up. Returns of how many images."""
    measured = 0
    try:
        for index, name in enumerate(data.names):
            if progress is not None:
                progress(index / len(data), f"image {index + 1} of {len(data)}")
            stamp = image_stamp(data, index)
            lacking = [model for model, record in records.items() if record.find(name, stamp) is None]
            if not lacking:
                continue
            for model, found in measure(index, stamp, lacking).items():
                records[model].images[name] = found
            measured += 1
            if measured % _WRITTEN == 0:
                _write(records)
    finally:
        if measured:
            _write(records)
    return measured


def _write(records: Mapping[str, Record]) -> None:
    for record in records.values():
        record.write()


def _measured(features: FeatureSet, stamp: str, temperature: float) -> dict[str, Measured]:
    """What every model made of the one image in these features."""
    several, device = len(features.models) > 1, features.provenance["device"]
    compared = divergence(features, temperature, device=device).mean if several else {}
    found = {}
    for name, model in features.models.items():
        matrix = np.zeros(0, np.int64)
        if features.labels is not None and model.comparable:
            matrix = confusion(features.labels[0], model.prediction_maps[0], len(features.classes)).reshape(-1)
        cells = np.flatnonzero(matrix)
        found[name] = Measured(stamp, cells, matrix[cells], compared.get(name))
    return found


def _scores(
    models: Mapping[str, Segmenter],
    data: str,
    classes: Classes,
    rows: Mapping[str, tuple[Measured, ...]],
    about: dict[str, Any],
) -> Scores:
    count, labelled = len(classes), any(len(item.cells) for own in rows.values() for item in own)
    scored = {}
    for name, own in rows.items():
        known = match_classes(models[name].info.classes, classes, data).table is not None
        note = "" if labelled else "no image of this split is labelled"
        note = note if known else f"{name} predicts other classes than the labels"
        scored[name] = unscored(count, len(own), note) if note else score_of(_matrices(own, count))
    every = [np.sum([matrix.sum(axis=1) for matrix in _matrices(own, count)], axis=0) for own in rows.values()]
    pixels = max(every, key=lambda labels: int(labels.sum()))  # a model of other classes has counted none
    return Scores(scored, pixels, about)


def _matrices(measured: tuple[Measured, ...], classes: int) -> Iterator[Int64[np.ndarray, "c c+1"]]:
    """The confusion matrix of each image, one at a time."""
    for item in measured:
        matrix = np.zeros(classes * (classes + 1), np.int64)
        matrix[item.cells] = item.counts
        yield matrix.reshape(classes, classes + 1)

"""Chosen pixels: what they consist of, how well each model does on them, and a table of them to take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from cirkd.analysis.projection import Projection
from cirkd.analysis.scores import confusion, score_of
from cirkd.features.feature_set import IGNORED, FeatureSet, ModelFeatures

if TYPE_CHECKING:
    import pyarrow as pa

    from cirkd.analysis.divergences import Divergence
    from cirkd.data.sample import Classes


@dataclass(frozen=True)
class Composition:
    """The make-up of some pixels.

    Attributes:
        pixels: how many.
        classes: (class, pixels), most frequent first; class 255 = in no class.
        images: (image's number, pixels), in the images' order; only images that have some.
        grouped_by: what a pixel's class is: "label" or "prediction of NAME".
    """

    pixels: int
    classes: tuple[tuple[int, int], ...]
    images: tuple[tuple[int, int], ...]
    grouped_by: str


def composition(features: FeatureSet, pixels: Sequence[int]) -> Composition:
    """Count classes and images among some pixels, given by their numbers in the feature set."""
    chosen = np.asarray(pixels, dtype=np.int64)
    grouping = features.grouping()
    classes = sorted(_counts(grouping.values[chosen]), key=lambda pair: (-pair[1], pair[0]))
    images = _counts(features.pixels.image[chosen])
    return Composition(len(chosen), tuple(classes), tuple(images), grouping.source)


@dataclass(frozen=True)
class SelectionScore:
    """How one model does on some pixels of the grid.

    Attributes:
        accuracy: share of the labelled ones predicted right, 0..1; nan where none is or the classes differ.
        miou: mean IoU of the classes labelled among them, counting these pixels alone; nan as above.
        confidence: mean probability of the predicted class, 0..1.
        divergence: mean relation divergence in nats; nan where it was not given.
    """

    accuracy: float
    miou: float
    confidence: float
    divergence: float


def selection_scores(
    features: FeatureSet, pixels: Sequence[int], divergence: Divergence | None = None
) -> dict[str, SelectionScore]:
    """Score every model on some pixels, given by their numbers in the feature set."""
    chosen = np.asarray(pixels, np.int64)
    return {name: _score(features, model, chosen, divergence) for name, model in features.models.items()}


def selection_table(
    features: FeatureSet,
    pixels: Sequence[int],
    maps: Mapping[str, Projection] | None = None,
    divergence: Divergence | None = None,
    embeddings: bool = False,
) -> pa.Table:
    """One line per pixel: image, row, column, label; of every model its prediction, confidence, divergence, places.

    A model's columns are called as in other tables, `prediction_NAME`.

    Args:
        pixels: their numbers in the feature set.
        maps: name -> a 2-D map; pixels that it leaves out have null there.
        embeddings: add every model's embedding, not normalised, as a list of fixed size.
    """
    import pyarrow as pa

    chosen = np.asarray(pixels, np.int64)
    where = features.pixels
    columns: dict[str, Any] = {
        "pixel": chosen,
        "image": [features.image_names[i] for i in where.image[chosen].tolist()],
        "row": where.row[chosen],
        "column": where.column[chosen],
        "label": class_names(where.label[chosen], features.classes),
    }
    for name, model in features.models.items():
        columns[f"prediction_{name}"] = class_names(model.prediction[chosen], model.classes)
        columns[f"confidence_{name}"] = model.confidence[chosen]
        if divergence is not None and name in divergence.per_pixel:
            columns[f"divergence_{name}"] = divergence.per_pixel[name][chosen]
        for title, item in (maps or {}).items():
            for axis, letter in enumerate("xy"):
                columns[f"{title}_{letter}_{name}"] = _placed(item, name, axis, chosen)
        if embeddings:
            rows = model.embedding[chosen]
            columns[f"embedding_{name}"] = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    return pa.table(columns)


def as_csv(table: pa.Table) -> bytes:
    """The table as UTF-8 text with a line of names."""
    from pyarrow import csv

    buffer = BytesIO()
    csv.write_csv(table, buffer)
    return buffer.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    from pyarrow import parquet

    buffer = BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _score(
    features: FeatureSet, model: ModelFeatures, chosen: np.ndarray, divergence: Divergence | None
) -> SelectionScore:
    label, prediction = features.pixels.label[chosen], model.prediction[chosen]
    accuracy = miou = float("nan")
    if model.comparable and (label != IGNORED).any():
        found = score_of([confusion(label, prediction, len(features.classes))])
        accuracy, miou = found.pixel_accuracy, found.miou
    values = None if divergence is None else divergence.per_pixel.get(model.name)
    mean = float("nan") if values is None or not len(chosen) else float(values[chosen].mean())
    confidence = float(model.confidence[chosen].mean()) if len(chosen) else float("nan")
    return SelectionScore(accuracy, miou, confidence, mean)


def class_names(values: UInt8[np.ndarray, " n"], classes: Classes) -> list[str | None]:
    """The name of each pixel's class; None where it has none."""
    names = [*classes.names, *[None] * (256 - len(classes.names))]
    return [names[value] for value in values.tolist()]


def _placed(item: Projection, name: str, axis: int, chosen: np.ndarray) -> list[float | None]:
    place = dict(zip(item.index.tolist(), item.coordinates[name][:, axis].tolist(), strict=True))
    return [place.get(pixel) for pixel in chosen.tolist()]


def _counts(values: np.ndarray) -> list[tuple[int, int]]:
    found, counts = np.unique(values, return_counts=True)
    return [(int(v), int(c)) for v, c in zip(found, counts, strict=True)]

"""The numbers of a study as tables, and tables as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.class_fisher import fisher_by_class
from cirkd.data.errors import ExportError, StudyError
from cirkd.export.files import whole

if TYPE_CHECKING:
    import pyarrow

    from cirkd.analysis.split_scores import SplitScores
    from cirkd.results import Results

FORMATS = ("csv", "parquet")


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        name: for files; title: for people.
        columns: header -> values: text, whole numbers or numbers (nan = none).
        about: what the numbers are and how they were made.
    """

    name: str
    title: str
    columns: Mapping[str, Sequence[Any] | np.ndarray]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def arrow(self) -> pyarrow.Table:
        """As an Arrow table; nan becomes null, `about` goes into the metadata."""
        import pyarrow as pa

        arrays = {name: pa.array(list(map(_plain, values)), from_pandas=True) for name, values in self.columns.items()}
        return pa.table(arrays).replace_schema_metadata({"cirkd": json.dumps(dict(self.about), default=str)})

    def csv(self) -> str:
        """As CSV with a header; nan becomes nothing."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        rows = zip(*(map(_plain, values) for values in self.columns.values()), strict=True)
        writer.writerows(["" if value is None or value != value else value for value in row] for row in rows)
        return text.getvalue()


def write_table(table: Table, path: Path | str) -> Path:
    """Write a table as its file's name says: .csv or .parquet.

    Raises:
        ExportError: another ending, or a place that cannot be written to.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise ExportError(f"{path}: tables are written as {' or '.join(FORMATS)}; end the name with one of them")
    with whole(path) as temporary:
        if kind == "csv":
            temporary.write_text(table.csv(), encoding="utf-8")
        else:
            import pyarrow.parquet as pq

            pq.write_table(table.arrow(), temporary)
    return path


def tables(study: Results) -> dict[str, Callable[[], Table]]:
    """name -> what makes the table, of all that this study has numbers for."""
    features = study.features()
    if features.sampled:
        return {name: lambda make=make: make(study) for name, make in _GEOMETRY.items()}
    found: dict[str, Callable[[Results], Table]] = {"models": models}
    if features.has_labels:
        found |= {"iou": iou, "image-scores": image_scores, "confusion": confusion}
        if {"before", "after"} <= set(features.models):
            found["fixed-broken"] = fixed_broken
    if len(features.models) > 1:
        found |= {"divergence-classes": divergence_classes, "divergence-pairs": divergence_pairs}
    if features.grouping().present():
        found |= {**_GEOMETRY, "stored-pixels": stored}
    if len(features.models) > 1:
        found["layers"] = layers
    if study.memory_banks():
        found["memory-bank"] = memory_bank
    return {name: lambda make=make: make(study) for name, make in found.items()}


def table(study: Results, name: str) -> Table:
    """One table of a study.

    Raises:
        StudyError: it has no such table.
    """
    known = tables(study)
    if name not in known:
        raise StudyError(f"there is no table {name!r} here; this study has: {', '.join(known)}")
    return known[name]()


def models(study: Results) -> Table:
    """The models: what they are, and their scores on the images in view."""
    features = study.features()
    found = features.models.values()
    scored = study.scores().models
    return Table(
        "models",
        "Models",
        {
            "model": list(features.models),
            "architecture": [str(model.info.get("architecture", "")) for model in found],
            "encoder": [str(model.info.get("encoder", "")) for model in found],
            "parameters": [model.info.get("parameters") for model in found],
            "layer": [model.layer for model in found],
            "embedding_width": [int(model.embedding.shape[1]) for model in found],
            "miou": [scored[name].miou for name in features.models],
            "pixel_accuracy": [scored[name].pixel_accuracy for name in features.models],
        },
        features.provenance,
    )


def iou(study: Results) -> Table:
    """IoU of every class."""
    names, scores = study.features().classes.names, study.scores()
    shown = [c for c in range(len(names)) if scores.present[c]]
    pixels = next(iter(scores.models.values())).confusion.sum(axis=1)
    columns: dict[str, Any] = {"class": [names[c] for c in shown], "pixels": [int(pixels[c]) for c in shown]}
    columns |= {f"iou_{name}": score.iou[shown] for name, score in scores.models.items()}
    columns |= {f"accuracy_{name}": score.class_accuracy[shown] for name, score in scores.models.items()}
    if {"before", "after"} <= set(scores.models):
        columns["iou_change"] = scores.iou_change("before", "after")[shown]
    return Table("iou", "IoU by class", columns, scores.provenance)


def image_scores(study: Results) -> Table:
    """mIoU and pixel accuracy of every image."""
    scores = study.scores()
    columns: dict[str, Any] = {"image": list(study.features().image_names)}
    columns |= {f"miou_{name}": score.image_miou for name, score in scores.models.items()}
    columns |= {f"accuracy_{name}": score.image_accuracy for name, score in scores.models.items()}
    return Table("image-scores", "Scores by image", columns, scores.provenance)


def confusion(study: Results) -> Table:
    """How many pixels of each class every model takes for each class; pairs that no model has are left out."""
    names, models = study.features().classes.names, study.scores().models
    cells = np.argwhere(sum(score.confusion for score in models.values()))
    columns: dict[str, Any] = {"label": [names[a] for a, _ in cells], "predicted": [names[b] for _, b in cells]}
    columns |= {f"pixels_{name}": score.confusion[cells[:, 0], cells[:, 1]] for name, score in models.items()}
    return Table("confusion", "What is taken for what", columns, study.scores().provenance)


def split_images(found: SplitScores, before: str, after: str) -> Table:
    """The images of a whole split, those that lost most mIoU first; where none is labelled, by divergence gained."""
    change, drift = found.miou_change(before, after), found.divergence_change(before, after)
    order = np.argsort(-drift if np.isnan(change).all() else change, kind="stable")
    scores = found.scores.models
    columns: dict[str, Any] = {"image": [found.names[i] for i in order]}
    columns |= {"miou_change": change[order], "divergence_change": drift[order]}
    columns |= {f"miou_{name}": score.image_miou[order] for name, score in scores.items()}
    columns |= {f"accuracy_{name}": score.image_accuracy[order] for name, score in scores.items()}
    columns |= {f"divergence_{name}": values[order] for name, values in found.divergence.items()}
    about = {**found.provenance, "from": before, "to": after, "reference": found.reference}
    return Table("split-images", "Images of the whole split by what changed", columns, about)


def fixed_broken(study: Results) -> Table:
    """Pixels that distillation fixed and broke, by class."""
    names, change = study.features().classes.names, study.pixel_change()
    shown = np.flatnonzero(change.by_class.sum(axis=1))
    columns: dict[str, Any] = {"class": [names[c] for c in shown]}
    for i, kind in enumerate(("correct_in_both", "wrong_in_both", "fixed", "broken")):
        columns[kind] = change.by_class[shown, i]
    return Table("fixed-broken", "Fixed and broken pixels by class", columns, change.provenance)


def divergence_classes(study: Results) -> Table:
    """Mean relation divergence of every class's pixels."""
    found, known = study.divergence(), study.features().grouping()
    shown = known.present()
    columns: dict[str, Any] = {"class": [known.classes.names[c] for c in shown]}
    columns |= {f"divergence_{name}": values[shown] for name, values in found.by_class.items()}
    about = {**found.provenance, "temperature": found.temperature, "reference": found.reference}
    return Table("divergence-classes", "Relation divergence by class", columns, about)


def divergence_pairs(study: Results) -> Table:
    """Mean relation divergence of every ordered image pair: the terms of the mini-batch loss."""
    found, names = study.divergence(), study.features().image_names
    rows = [
        {"model": name, "rows_of": row, "related_to": column, "divergence": float(matrix[i, j])}
        for name, matrix in found.by_pair.items()
        for i, row in enumerate(names)
        for j, column in enumerate(names)
    ]
    about = {**found.provenance, "temperature": found.temperature, "reference": found.reference}
    return Table("divergence-pairs", "Relation divergence by image pair", _columns(rows), about)


def class_geometry(study: Results) -> Table:
    """Compactness, separation and distance to the teacher of every class."""
    found, names = study.centroids(), study.features().grouping().classes.names
    columns: dict[str, Any] = {"class": [names[c] for c in found.classes], "pixels": found.counts}
    for measure in ("compactness", "separation", "nearest_centroid_by_class", "row_distance"):
        columns |= {f"{measure}_{name}": values for name, values in getattr(found, measure).items()}
    columns |= {f"fisher_{name}": values for name, values in fisher_by_class(study.features()).items()}
    if {"before", "after"} <= set(found.cosine):
        columns["drift"] = found.drift("before", "after")
        columns["approach"] = found.approach("before", "after")
    return Table("centroids", "Geometry by class", columns, found.provenance)


def geometry(study: Results) -> Table:
    """The geometry of every model as a whole."""
    found = study.centroids()
    measures = ("fisher_ratio", "silhouette", "nearest_centroid_accuracy", "cka_to_teacher", "neighbour_overlap")
    columns: dict[str, Any] = {"model": list(found.cosine)}
    columns |= {measure: [getattr(found, measure)[name] for name in found.cosine] for measure in measures}
    return Table("geometry", "Geometry by model", columns, {**found.provenance, "reference": found.reference})


def class_relations(study: Results) -> Table:
    """Mean relation of every pair of classes."""
    found, names = study.class_relations(), study.features().grouping().classes.names
    cells = [(a, b) for a in range(len(found.classes)) for b in range(len(found.classes))]
    columns: dict[str, Any] = {
        "class": [names[found.classes[a]] for a, _ in cells],
        "with": [names[found.classes[b]] for _, b in cells],
    }
    columns |= {f"relation_{name}": matrix.reshape(-1) for name, matrix in found.matrices.items()}
    return Table("class-relations", "Mean relations of classes", columns, found.provenance)


def layers(study: Results) -> Table:
    """CKA of every layer of every student with every layer of the reference."""
    found = study.layer_similarity()
    rows = [
        {"model": name, "layer": layer, f"layer_of_{found.reference}": other, "cka": float(matrix[i, j])}
        for name, matrix in found.cka.items()
        for i, layer in enumerate(found.layers[name])
        for j, other in enumerate(found.layers[found.reference])
    ]
    about = {"positions": found.positions, "images": found.images, "seed": found.seed, "reference": found.reference}
    return Table("layers", "Similarity of layers (debiased linear CKA)", _columns(rows), about)


_GEOMETRY: dict[str, Callable[[Results], Table]] = {
    "centroids": class_geometry,
    "geometry": geometry,
    "class-relations": class_relations,
}
"""The tables that a sample of pixels has, too."""


def memory_bank(study: Results) -> Table:
    """Fill, age and purity of every class's queues."""
    bank_of = {name: study.memory_bank(name) for name in study.memory_banks()}
    about = {
        name: {"steps": bank.steps, "purity_measured_by": bank.measured_by, "note": bank.note}
        for name, bank in bank_of.items()
    }
    rows = [
        {
            "model": name,
            "queue": kind,
            "class": label,
            "size": state.size,
            "held": int(state.held[c]),
            "written": int(state.written[c]),
            **dict(zip(("newest_age", "median_age", "oldest_age"), state.age[c].tolist(), strict=True)),
            "purity": float(state.purity[c]),
        }
        for name, bank in bank_of.items()
        for kind, state in bank.queues.items()
        for c, label in enumerate(bank.classes.names)
    ]
    return Table("memory-bank", "Memory bank", _columns(rows), about)


def stored(study: Results) -> Table:
    """What a training step stores under each class, and what the published indexing would."""
    found = study.stored_pixels()
    columns: dict[str, Any] = {"class": [found.classes.names[c] for c in found.present]}
    columns |= {f"purity_{kind}": values for kind, values in found.purity.items()}
    return Table("stored-pixels", "Purity of what is stored, and as published", columns, found.provenance)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of the same keys as columns; there is at least one."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _plain(value: Any) -> Any:
    """A number as Python has it; nan as None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and value != value else value

"""The numbers of a study as tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cirkd.analysis.centroids import MODEL_MEASURES
from cirkd.export.table import Table
from cirkd.features.feature_set import compared

if TYPE_CHECKING:
    from cirkd.analysis.divergences import Divergence
    from cirkd.analysis.split_scores import SplitScores
    from cirkd.results import Results


def tables(study: Results) -> dict[str, Callable[[], Table]]:
    """name -> what makes the table, of all that this study has numbers for."""
    features = study.features()
    has = {
        "images": not features.sampled,
        "labels": features.has_labels,
        "pair": {"before", "after"} <= set(features.models),
        "several": len(features.models) > 1,
        "classes": bool(features.grouping().present()),
        "bank": bool(study.memory_banks()),
    }
    return {name: partial(_table, study, name) for name, entry in _TABLES.items() if all(has[n] for n in entry.needs)}


def _table(study: Results, name: str) -> Table:
    return Table(name, _TABLES[name].title, *_TABLES[name].make(study))


def split_images(found: SplitScores, before: str, after: str) -> Table:
    """The images of a whole split, those that lost most mIoU first; where none is labelled, by divergence gained."""
    change, drift = found.miou_change(before, after), found.divergence_change(before, after)
    order = np.argsort(-drift if np.isnan(change).all() else change, kind="stable")
    scores = found.scores.models.items()
    columns = {
        "image": [found.names[i] for i in order],
        "miou_change": change[order],
        "divergence_change": drift[order],
        **_each("miou", {name: score.image_miou[order] for name, score in scores}),
        **_each("accuracy", {name: score.image_accuracy[order] for name, score in scores}),
        **_each("divergence", {name: values[order] for name, values in found.divergence.items()}),
    }
    about = {**found.provenance, "from": before, "to": after, "reference": found.reference}
    return Table("split-images", "Images of the whole split by what changed", columns, about)


_Made = tuple[dict[str, Any], Mapping[str, Any]]
"""A table's columns, and what they are about."""


def _models(study: Results) -> _Made:
    """What the models are, and their scores on the images in view."""
    features, scored = study.features(), study.scores().models.values()
    found = features.models.values()
    columns = {
        "model": list(features.models),
        "architecture": [str(model.info.get("architecture", "")) for model in found],
        "encoder": [str(model.info.get("encoder", "")) for model in found],
        "parameters": [model.info.get("parameters") for model in found],
        "layer": [model.layer for model in found],
        "embedding_width": [int(model.embedding.shape[1]) for model in found],
        "miou": [score.miou for score in scored],
        "pixel_accuracy": [score.pixel_accuracy for score in scored],
    }
    return columns, features.provenance


def _iou(study: Results) -> _Made:
    names, scores = study.features().classes.names, study.scores()
    shown = np.flatnonzero(scores.present)
    columns = {
        "class": [names[c] for c in shown],
        "pixels": scores.labelled[shown],
        **_each("iou", {name: score.iou[shown] for name, score in scores.models.items()}),
        **_each("accuracy", {name: score.class_accuracy[shown] for name, score in scores.models.items()}),
    }
    if {"before", "after"} <= set(scores.models):
        columns["iou_change"] = scores.iou_change("before", "after")[shown]
    return columns, scores.provenance


def _image_scores(study: Results) -> _Made:
    scores = study.scores()
    columns = {
        "image": list(study.features().image_names),
        **_each("miou", {name: score.image_miou for name, score in scores.models.items()}),
        **_each("accuracy", {name: score.image_accuracy for name, score in scores.models.items()}),
    }
    return columns, scores.provenance


def _confusion(study: Results) -> _Made:
    """How many pixels of each class every model takes for each class; pairs that no model has are left out."""
    names, scores = study.features().classes.names, study.scores()
    label, predicted = np.nonzero(np.sum([score.confusion for score in scores.models.values()], axis=0))
    columns = {
        "label": [names[c] for c in label],
        "predicted": [names[c] for c in predicted],
        **_each("pixels", {name: score.confusion[label, predicted] for name, score in scores.models.items()}),
    }
    return columns, scores.provenance


def _fixed_broken(study: Results) -> _Made:
    names, change = study.features().classes.names, study.pixel_change()
    shown = np.flatnonzero(change.by_class.sum(axis=1))
    kinds = ("correct_in_both", "wrong_in_both", "fixed", "broken")
    columns = {kind: change.by_class[shown, i] for i, kind in enumerate(kinds)}
    return {"class": [names[c] for c in shown], **columns}, change.provenance


def _divergence_classes(study: Results) -> _Made:
    found, known = study.divergence(), study.features().grouping()
    shown = known.present()
    columns = _each("divergence", {name: values[shown] for name, values in found.by_class.items()})
    return {"class": [known.classes.names[c] for c in shown], **columns}, _compared(found)


def _divergence_pairs(study: Results) -> _Made:
    """Mean relation divergence of every ordered image pair: the terms of the mini-batch loss."""
    found, names = study.divergence(), study.features().image_names
    heads = ("model", "rows_of", "related_to", "divergence")
    return _cells(found.by_pair, dict.fromkeys(found.by_pair, names), names, heads), _compared(found)


def _compared(found: Divergence) -> Mapping[str, Any]:
    return {**found.provenance, "temperature": found.temperature, "reference": found.reference}


def _class_geometry(study: Results) -> _Made:
    found, names = study.centroids(), study.features().grouping().classes.names
    columns: dict[str, Any] = {"class": [names[c] for c in found.classes], "pixels": found.counts}
    for measure in ("compactness", "separation", "nearest_centroid_by_class", "row_distance"):
        columns |= _each(measure, getattr(found, measure))
    columns |= _each("fisher", found.fisher_by_class)
    about = dict(found.provenance)
    if pair := compared(found.cosine):
        columns["drift"] = found.drift(*pair)
        if found.reference not in pair:
            columns["approach"] = found.approach(*pair)
        about |= {"from": pair[0], "to": pair[1]}
    return columns, about


def _geometry(study: Results) -> _Made:
    found = study.centroids()
    columns = {measure: [getattr(found, measure)[name] for name in found.cosine] for measure in MODEL_MEASURES}
    return {"model": list(found.cosine), **columns}, {**found.provenance, "reference": found.reference}


def _class_relations(study: Results) -> _Made:
    found, known = study.class_relations(), study.features().grouping().classes
    names = [known.names[c] for c in found.classes]
    pairs = list(itertools.product(names, names))
    columns = {"class": [one for one, _ in pairs], "with": [other for _, other in pairs]}
    relations = {name: matrix.reshape(-1) for name, matrix in found.matrices.items()}
    return {**columns, **_each("relation", relations)}, found.provenance


def _layers(study: Results) -> _Made:
    """CKA of every layer of every student with every layer of the reference."""
    found, of = study.layer_similarity(), study.features().reference
    about = {"positions": found.positions, "images": found.images, "seed": found.seed, "reference": of}
    return _cells(found.cka, found.layers, found.layers[of], ("model", "layer", f"layer_of_{of}", "cka")), about


def _cells(
    matrices: Mapping[str, np.ndarray], rows: Mapping[str, Sequence[str]], columns: Sequence[str], heads: Sequence[str]
) -> dict[str, Any]:
    """A line for every cell of every model's matrix."""
    lines = [
        (name, row, column, float(matrix[i, j]))
        for name, matrix in matrices.items()
        for i, row in enumerate(rows[name])
        for j, column in enumerate(columns)
    ]
    return {head: list(values) for head, values in zip(heads, zip(*lines, strict=True), strict=True)}


def _memory_bank(study: Results) -> _Made:
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
    return {head: [row[head] for row in rows] for head in rows[0]}, about


def _stored(study: Results) -> _Made:
    found = study.stored_pixels()
    names = [found.classes.names[c] for c in found.present]
    return {"class": names, **_each("purity", found.purity)}, found.provenance


class _Entry(NamedTuple):
    """title; what makes it; needs: what a study must have for it (keys of `has` in `tables`)."""

    title: str
    make: Callable[[Results], _Made]
    needs: tuple[str, ...]


_TABLES = {
    "models": _Entry("Models", _models, ("images",)),
    "iou": _Entry("IoU by class", _iou, ("images", "labels")),
    "image-scores": _Entry("Scores by image", _image_scores, ("images", "labels")),
    "confusion": _Entry("Confusion matrices", _confusion, ("images", "labels")),
    "fixed-broken": _Entry("Fixed and broken pixels by class", _fixed_broken, ("images", "labels", "pair")),
    "divergence-classes": _Entry("Relation divergence by class", _divergence_classes, ("images", "several")),
    "divergence-pairs": _Entry("Relation divergence by image pair", _divergence_pairs, ("images", "several")),
    "centroids": _Entry("Geometry by class", _class_geometry, ("classes",)),
    "geometry": _Entry("Geometry by model", _geometry, ("classes",)),
    "class-relations": _Entry("Mean relations of classes", _class_relations, ("classes",)),
    "stored-pixels": _Entry("Purity of what is stored, and as published", _stored, ("images", "classes")),
    "layers": _Entry("Similarity of layers (debiased linear CKA)", _layers, ("images", "several")),
    "memory-bank": _Entry("Memory bank", _memory_bank, ("images", "bank")),
}


def _each(measure: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A measure's column for every model."""
    return {f"{measure}_{name}": of for name, of in values.items()}

"""Run the models over the images and collect a `FeatureSet`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.data.errors import StudyError
from cirkd.data.matching import Matching, match_classes
from cirkd.data.unscored import label_counts, unscored_notes
from cirkd.features.feature_set import IGNORED, TEACHER, FeatureSet, ModelFeatures, Pixels, Progress
from cirkd.features.grids import MOST_POSITIONS, MOST_SHOWN, Grid, on_grid, resampled, rule

if TYPE_CHECKING:
    from cirkd.cache import Cache
    from cirkd.data.sample import Classes, Sample
    from cirkd.features.forward import ImageOutput, Runner
    from cirkd.models.segmenter import Segmenter

nearest = on_grid
"""The name that `on_grid` had before a cell took its majority; scripts go on with it."""


def extract(
    models: Mapping[str, Segmenter],
    images: Sequence[Sample],
    *,
    layer: str | Mapping[str, str] = "decoder",
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    progress: Progress | None = None,
    classes: Classes | None = None,
    kept: Cache | None = None,
    fine: bool = False,
    told: Sequence[str] = (),
) -> FeatureSet:
    """Embeddings, predictions and confidences of every model at every grid position of every image.

    Args:
        models: in the order to show them; the grid is that of "teacher", or of the first, see `cirkd.features.grids`.
        images: of any sizes; those of one size go through a model together.
        layer: for all models, or a dict by model, as `cirkd.models.taps.layer_of_each` takes it.
        device, precision: as of `cirkd.models.inference`; results are float32 in any case.
        batch_size: images at once; None = 8 on a GPU, 1 on a CPU; halves itself when memory runs out.
        classes: what the labels are numbered in; None = the reference model's. A model of others is not scored.
        kept: outputs of earlier calls, used again where model, image and settings are the same, and added to.
        fine: for what is drawn position by position: up to 16,384 of them, too many to relate all with all.
        told: what is to be said of the images' files, a line each; it goes to the notes.

    Raises:
        StudyError: no model or image, an unknown layer, device or precision, memory too small, numbers not finite.
    """
    from cirkd.features.forward import Runner

    if not models or not images:
        lacking = "an image; choose at least one" if models else "a model; give a teacher, a before or an after"
        raise StudyError(f"a study without {lacking}")
    runner = Runner(device, precision, batch_size, kept)
    started = time.perf_counter()
    reference = TEACHER if TEACHER in models else next(iter(models))
    numbered = classes if classes is not None else models[reference].info.classes
    found, grid = _run_all(runner, models, images, layer, reference, numbered, progress, fine)
    labels, label_notes = _labels(images, numbered)
    if classes is None and labels is not None:
        label_notes.append(f"the labels' classes have no names: they are taken to be numbered as {reference}'s")
    return FeatureSet(
        classes=numbered,
        image_names=tuple(sample.name for sample in images),
        images=tuple(np.ascontiguousarray(sample.image) for sample in images),
        labels=labels,
        pixels=make_pixels(grid, labels),
        models=found,
        provenance={
            "layer": layer if isinstance(layer, str) else ", ".join(f"{name}={own}" for name, own in layer.items()),
            "device": str(runner.device),
            "precision": runner.precision,
            "grid": rule(reference, MOST_SHOWN if fine else MOST_POSITIONS),
            "averaged": _averaged(found[reference].info["grid"], grid[0]),
            "reference": reference,
            "batch_size": runner.batch.size,
            "seconds": time.perf_counter() - started,
            "notes": [note for note in [*(model.note for model in found.values()), *told, *label_notes] if note],
        },
    )


def _run_all(
    runner: Runner,
    models: Mapping[str, Segmenter],
    images: Sequence[Sample],
    layer: str | Mapping[str, str],
    reference: str,
    classes: Classes,
    progress: Progress | None,
    fine: bool,
) -> tuple[dict[str, ModelFeatures], tuple[Grid, ...]]:
    """Every model's features, and the grid of each image: that of the reference's embedding map."""
    from cirkd.models.taps import layer_of_each

    layers = layer_of_each(models, layer)
    outputs = {
        name: runner.run(name, model, images, layers[name][0], _reporter(progress, name, i, len(models), len(images)))
        for i, (name, model) in enumerate(models.items())
    }
    if fine:
        outputs = {
            name: [replace(output, embedding=output.fine_embedding, logits=output.fine_logits) for output in of_model]
            for name, of_model in outputs.items()
        }
    grid, own = tuple(_grid(output) for output in outputs[reference]), outputs[reference][0].grid
    # An output is let go as soon as it has been turned into arrays.
    found = {
        name: _model_features(name, models[name], layers[name], outputs.pop(name), grid, classes, own)
        for name in models
    }
    return found, grid


def make_pixels(grid: Sequence[Grid], labels: Sequence[np.ndarray] | None) -> Pixels:
    """All positions of all grids, each with the label that most of its pixels have."""
    places = [np.indices(size, np.int32).reshape(2, -1) for size in grid]
    row, column = np.concatenate(places, axis=1)
    image = np.repeat(np.arange(len(grid), dtype=np.int32), [h * w for h, w in grid])
    label = np.full(len(row), IGNORED, np.uint8)
    if labels is not None:
        label = np.concatenate([on_grid(own, size).ravel() for own, size in zip(labels, grid, strict=True)])
    return Pixels(image, row, column, label, tuple(grid))


def _reporter(progress: Progress | None, name: str, position: int, models: int, images: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        if progress is not None:
            progress((position + done / images) / models, f"{name}: image {min(done + 1, images)} of {images}")

    report(0)
    return report


def _grid(output: ImageOutput) -> Grid:
    h, w = output.embedding.shape[1:]
    return int(h), int(w)


def _model_features(
    name: str,
    model: Segmenter,
    layers: tuple[str, str],
    outputs: list[ImageOutput],
    grid: Sequence[Grid],
    classes: Classes,
    own_of_reference: Grid,
) -> ModelFeatures:
    """One model's arrays on the common grid; `layers`: the one taken, and what is to be said of it."""
    from cirkd.models.inference import best_class

    matching = match_classes(model.info.classes, classes, "this study")
    table = matching.table
    renumber = np.arange(256, dtype=np.uint8) if table is None else table
    embeddings, predictions, confidences = [], [], []
    for output, size in zip(outputs, grid, strict=True):
        embeddings.append(resampled(output.embedding, size).flatten(1).T.numpy())
        prediction, confidence = best_class(resampled(output.logits, size))
        predictions.append(prediction.flatten().numpy())
        confidences.append(confidence.flatten().numpy())
    return ModelFeatures(
        name=name,
        layer=layers[0],
        embedding=np.ascontiguousarray(np.concatenate(embeddings), dtype=np.float32),
        prediction=renumber[np.concatenate(predictions)],
        confidence=np.concatenate(confidences).astype(np.float32),
        prediction_maps=tuple(renumber[output.prediction] for output in outputs),
        confidence_maps=tuple(output.confidence for output in outputs),
        classes=model.info.classes if table is None else classes,
        info=_info(model, outputs[0].grid),
        comparable=table is not None,
        note=_note(name, layers, outputs, grid, matching, own_of_reference),
    )


def _note(
    name: str,
    layers: tuple[str, str],
    outputs: list[ImageOutput],
    grid: Sequence[Grid],
    matching: Matching,
    own_of_reference: Grid,
) -> str:
    """What is special about a model's features, in one line; averaging as the reference's is said with that."""
    notes = [layers[1]] if layers[1] else []
    averaged = next((output for output in outputs if output.grid != _grid(output)), None)
    if averaged and averaged.grid != own_of_reference:
        notes.append(f"{name}: {_averaged(averaged.grid, _grid(averaged))}, so that relations stay in bounds")
    if any(_grid(output) != size for output, size in zip(outputs, grid, strict=True)):
        own = _grid(outputs[0])
        notes.append(f"{name}: maps of {own[0]}x{own[1]} resampled to {grid[0][0]}x{grid[0][1]}")
    if matching.note:
        scored = "" if matching.table is not None else "its predictions are not scored: "
        notes.append(f"{name}: {scored}{matching.note}")
    return "; ".join(notes)


def _averaged(own: Grid, grid: Grid) -> str:
    """That a map was averaged, with both sizes; "" where it was not finer than the grid."""
    return "" if tuple(own) == tuple(grid) else f"maps of {own[0]}x{own[1]} averaged to {grid[0]}x{grid[1]}"


def _info(model: Segmenter, grid: Grid) -> dict[str, Any]:
    from cirkd.features.forward import parameter_count

    names = ("architecture", "encoder", "output_stride", "embedding_channels", "auxiliary", "provenance", "notes")
    known = {name: getattr(model.info, name) for name in names if hasattr(model.info, name)}
    return {**known, "parameters": parameter_count(model), "grid": grid}


def _labels(images: Sequence[Sample], classes: Classes) -> tuple[tuple[np.ndarray, ...] | None, list[str]]:
    """Labels with 255 for everything that is no class, and notes on how they were read and what they hide."""
    notes = list(dict.fromkeys(sample.note for sample in images if sample.note))
    if all(sample.label is None for sample in images):
        return None, notes
    labels, counts = [], np.zeros(256, np.int64)
    for sample in images:
        if sample.label is None:
            labels.append(np.full(sample.image.shape[:2], IGNORED, np.uint8))
            continue
        counts += label_counts(sample.label)
        known = (sample.label < len(classes)) & (sample.label != classes.ignore_index)
        labels.append(np.where(known, sample.label, IGNORED).astype(np.uint8))
    known = any((label != IGNORED).any() for label in labels)
    return tuple(labels) if known else None, [*notes, *unscored_notes(counts, classes)]

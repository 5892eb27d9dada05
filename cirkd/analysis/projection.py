"""Pixel embeddings in two or three dimensions, for looking at; no number in a result is measured in such a map."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from cirkd.analysis.alignment import procrustes
from cirkd.analysis.layout import parameters, principal_axes, stoppable
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import PixelSample, balanced_sample

Progress = Callable[[float, str], object]
METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
SPACES = {"feature": "own features", "relation": "shared relations"}
"""By what pixels are laid out, and in which space: their names for people."""
DEFAULT_BUDGET = 2000
LEAST_PIXELS = 4


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of the same S pixels for each model.

    Attributes:
        coordinates: name -> float32 [S, k], k = 2 or 3.
        index: int64 [S], the pixels' numbers in the feature set.
        labels: uint8 [S], the class each pixel counts as (see `FeatureSet.grouping`), for colours.
        method: "pca", "umap" or "tsne".
        space: "feature" = each model's own embedding space, laid on the reference's map by Procrustes;
            "relation" = every pixel described by its cosines to the same anchor pixels, one map for all models.
        dimensions: k.
        aligned: whether the maps were laid on the reference's.
        residual: name -> share of the map's variance that no rotation, reflection, scale and shift could bring onto
            the reference's map, 0 (same map) .. 1 (nothing in common); empty if not aligned.
        explained: name -> share of the variance on each axis of a PCA, length k; empty for the other methods.
        sample: how many pixels of each class were chosen, of how many; None if the index was given.
        provenance: reference, parameters of the method, seed, grouped_by, seconds.
    """

    coordinates: dict[str, Float32[np.ndarray, "s k"]]
    index: Int64[np.ndarray, " s"]
    labels: UInt8[np.ndarray, " s"]
    method: str
    space: str
    dimensions: int
    aligned: bool
    residual: dict[str, float]
    explained: dict[str, tuple[float, ...]]
    sample: PixelSample | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def project(
    features: FeatureSet,
    method: str = "pca",
    dimensions: int = 2,
    index: Int64[np.ndarray, " s"] | PixelSample | None = None,
    seed: int = 0,
    align: bool = True,
    space: str = "feature",
    anchors: int = 256,
    progress: Progress | None = None,
) -> Projection:
    """Lay the l2-normalised embeddings of some pixels out in two or three dimensions, for every model.

    Args:
        method: "pca", "umap" or "tsne" (cosine metric; neighbourhoods shrink where there are few pixels).
        dimensions: 2 or 3.
        index: the pixels; None = a class-balanced sample of 2000.
        seed: of UMAP and t-SNE; the same seed gives the same map.
        align: lay each map of feature space on the reference's by orthogonal Procrustes.
        space: "feature" or "relation". In relation space a pixel is described by its cosines to the same anchor
            pixels in every model; PCA axes are the reference's, UMAP and t-SNE lay all models out at once. There
            the map is one for all models, so nothing is aligned.
        anchors: how many anchor pixels, class-balanced.
        progress: called with (fraction, text) before each map; an exception raised from it cancels and is passed on.

    Raises:
        StudyError: an unknown method or space, other than 2 or 3 dimensions, fewer than 4 pixels, or a pixel
            that is not there.
    """
    started = time.perf_counter()
    grouping = features.grouping()
    if index is None:
        index = balanced_sample(grouping.values, DEFAULT_BUDGET, seed)
    sample = index if isinstance(index, PixelSample) else None
    chosen = np.asarray(sample.index if sample else index, np.int64)
    _check(method, dimensions, space, chosen, len(features.pixels))
    found = (
        _relation_maps(features, method, dimensions, chosen, seed, anchors, progress)
        if space == "relation"
        else _feature_maps(features, method, dimensions, chosen, seed, align, progress)
    )
    made = parameters(method, len(chosen)) | ({"anchors": anchors} if space == "relation" else {})
    return Projection(
        coordinates={name: points.astype(np.float32) for name, points in found.coordinates.items()},
        index=chosen,
        labels=grouping.values[chosen],
        method=method,
        space=space,
        dimensions=dimensions,
        aligned=bool(found.residual),
        residual=found.residual,
        explained=found.explained,
        sample=sample,
        provenance=_provenance(features, chosen, seed) | {"parameters": made, "seconds": time.perf_counter() - started},
    )


def _provenance(features: FeatureSet, index: np.ndarray, seed: int) -> dict[str, Any]:
    return {
        "reference": features.reference,
        "pixels": len(index),
        "of": len(features.pixels),
        "seed": seed,
        "grouped_by": features.grouping().source,
    }


def _check(method: str, dimensions: int, space: str, index: np.ndarray, pixels: int) -> None:
    if method not in METHODS:
        raise StudyError(f"projection {method!r} is unknown; choose one of: {', '.join(METHODS)}")
    if space not in SPACES:
        raise StudyError(f"space {space!r} is unknown; choose one of: {', '.join(SPACES)}")
    if dimensions not in (2, 3):
        raise StudyError(f"{dimensions} dimensions cannot be drawn; choose 2 or 3")
    if len(index) < LEAST_PIXELS:
        raise StudyError(f"{len(index)} pixels are too few to project; choose at least {LEAST_PIXELS}")
    if index.min() < 0 or index.max() >= pixels:
        raise StudyError(f"pixel {index.max()} is not among the {pixels} of this study; choose the pixels again")


@dataclass(frozen=True, eq=False)
class _Maps:
    """name -> coordinates [S, k], share of variance by axis, and what alignment could not bring onto the reference."""

    coordinates: dict[str, np.ndarray]
    explained: dict[str, tuple[float, ...]]
    residual: dict[str, float] = field(default_factory=dict)


def _feature_maps(
    features: FeatureSet,
    method: str,
    dimensions: int,
    index: np.ndarray,
    seed: int,
    align: bool,
    progress: Progress | None,
) -> _Maps:
    coordinates, explained = {}, {}
    for done, (name, model) in enumerate(features.models.items()):
        still = _still(progress, done / len(features.models), f"{METHODS[method]} of {name}, {len(index)} pixels")
        rows = model.unit_embedding()[index]
        if method == "pca":
            axes = principal_axes(rows, dimensions)
            coordinates[name], explained[name] = axes.project(rows), axes.explained
        else:
            coordinates[name] = stoppable(rows, method, dimensions, seed, still)
    maps = _Maps(coordinates, explained)
    return _align(maps, features.reference) if align and len(coordinates) > 1 else maps


def _relation_maps(
    features: FeatureSet,
    method: str,
    dimensions: int,
    index: np.ndarray,
    seed: int,
    anchors: int,
    progress: Progress | None,
) -> _Maps:
    anchor = balanced_sample(features.grouping().values, anchors, seed).index
    units = {name: model.unit_embedding() for name, model in features.models.items()}
    rows = {name: unit[index] @ unit[anchor].T for name, unit in units.items()}
    if method == "pca":
        axes = principal_axes(rows[features.reference], dimensions)
        return _Maps({name: axes.project(item) for name, item in rows.items()}, {features.reference: axes.explained})
    still = _still(progress, 0.0, f"{METHODS[method]} of all models together, {len(index)} pixels each")
    together = stoppable(np.concatenate(list(rows.values())), method, dimensions, seed, still)
    return _Maps(dict(zip(rows, np.split(together, len(rows)), strict=True)), {})


def _align(maps: _Maps, reference: str) -> _Maps:
    target = maps.coordinates[reference]
    moved = {name: procrustes(points, target) for name, points in maps.coordinates.items()}
    kept = {name: item.points for name, item in moved.items()} | {reference: target}
    residual = {name: item.residual for name, item in moved.items()} | {reference: 0.0}
    return _Maps(kept, maps.explained, residual)


def _still(progress: Progress | None, share: float, text: str) -> Callable[[], object] | None:
    """Says how far a projection is, now and whenever it is called again."""
    if progress is None:
        return None
    progress(share, text)
    return partial(progress, share, text)

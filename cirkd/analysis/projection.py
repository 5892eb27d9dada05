"""Pixel embeddings in two or three dimensions, for looking at; no number in a result is measured in such a map."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from cirkd.analysis.explorer_block import ExplorerBlock
from cirkd.analysis.layout import laid_out, parameters, principal_axes
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet, Pixels, Progress
from cirkd.features.sampling import PixelSample, balanced_sample

METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
SPACES = {"feature": "own features", "relation": "shared relations"}
"""By what pixels are laid out, and in which space: their names for people."""
HOW_LONG = "PCA is instant. UMAP and t-SNE take ten seconds or more the first time."
DEFAULT_BUDGET = 2000
LEAST_PIXELS = 4
MAPS = {
    "pca": ("pca", "feature"),
    "relation": ("pca", "relation"),
    "umap": ("umap", "feature"),
    "tsne": ("tsne", "feature"),
}
"""name -> (method, space) of `project`."""
AT_ONCE = ("pca", "relation")
"""Maps that show every position and take no time; the others take seconds for every thousand positions and model."""
SAMPLE = 2000
"""Positions of the other maps at most: on two CPU cores, four models take some 10 seconds."""


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
    residual: dict[str, float] = {}
    if space == "relation":
        points, explained = _relation_maps(features, method, dimensions, chosen, seed, anchors, progress)
    else:
        points, explained = _feature_maps(features, method, dimensions, chosen, seed, progress)
        if align and len(points) > 1:
            points, residual = _aligned(points, features.reference)
    made = parameters(method, len(chosen)) | ({"anchors": anchors} if space == "relation" else {})
    about = {"reference": features.reference, "pixels": len(chosen), "of": len(features.pixels), "seed": seed}
    about |= {"grouped_by": grouping.source, "parameters": made, "seconds": time.perf_counter() - started}
    return Projection(
        coordinates={name: at.astype(np.float32) for name, at in points.items()},
        index=chosen,
        labels=grouping.values[chosen],
        method=method,
        space=space,
        dimensions=dimensions,
        aligned=bool(residual),
        residual=residual,
        explained=explained if method == "pca" else {},
        sample=sample,
        provenance=about,
    )


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
        wrong = index[(index < 0) | (index >= pixels)][0]
        raise StudyError(f"pixel {wrong} is not among the {pixels} of this study; choose the pixels again")


Points = dict[str, np.ndarray]
"""name -> coordinates [S, k]."""
Explained = dict[str, tuple[float, ...]]
"""name -> share of the variance on each principal axis."""


def _feature_maps(
    features: FeatureSet, method: str, dimensions: int, index: np.ndarray, seed: int, progress: Progress | None
) -> tuple[Points, Explained]:
    """A map for each model, of its own embeddings."""
    points, explained = {}, {}
    for done, (name, model) in enumerate(features.models.items()):
        still = _still(progress, done / len(features.models), f"{METHODS[method]} of {name}, {len(index)} pixels")
        unit = model.unit_embedding()
        axes = principal_axes(unit[index], dimensions, unit)
        points[name], explained[name] = laid_out(unit[index], axes, method, seed, still), axes.explained
    return points, explained


def _relation_maps(
    features: FeatureSet,
    method: str,
    dimensions: int,
    index: np.ndarray,
    seed: int,
    anchors: int,
    progress: Progress | None,
) -> tuple[Points, Explained]:
    """One map for all models, of their cosines to the anchors, on the reference's axes or from there on."""
    anchor = balanced_sample(features.grouping().values, anchors, seed).index

    def described(name: str, pixels: np.ndarray | slice) -> np.ndarray:
        unit = features.models[name].unit_embedding()
        return unit[pixels] @ unit[anchor].T

    reference, names = features.reference, list(features.models)
    axes = principal_axes(described(reference, index), dimensions, described(reference, slice(None)))
    still = _still(progress, 0.0, f"{METHODS[method]} of all models together, {len(index)} pixels each")
    if method == "pca":  # of very many pixels, too: one model's at a time
        points = {name: axes.project(described(name, index)) for name in names}
    else:
        together = laid_out(np.concatenate([described(name, index) for name in names]), axes, method, seed, still)
        points = dict(zip(names, np.split(together, len(names)), strict=True))
    return points, {reference: axes.explained}


def _aligned(points: Points, reference: str) -> tuple[Points, dict[str, float]]:
    """The maps laid on the reference's, and what could not be brought onto it."""
    moved = {name: procrustes(at, points[reference]) for name, at in points.items() if name != reference}
    residual = {name: moved[name][1] if name in moved else 0.0 for name in points}
    return {name: moved[name][0] if name in moved else at for name, at in points.items()}, residual


def _still(progress: Progress | None, share: float, text: str) -> Callable[[], object] | None:
    """Says how far a projection is, now and whenever it is called again."""
    if progress is None:
        return None
    progress(share, text)
    return partial(progress, share, text)


def procrustes(
    points: Float[np.ndarray, "n k"], target: Float[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, "n k"], float]:
    """Move `points` onto `target` with the least squared error; row i belongs to row i.

    Allowed are a rotation or reflection, one scale for all axes, and a shift. Points or targets that all coincide
    have the residual 1 (0 where both do).

    Returns:
        The moved points, and the residual: the share of the target's variance that they miss, 0 (on it) .. 1.

    Source: Gower and Dijksterhuis, Procrustes Problems (2004), chapter 4; the residual is scipy's "disparity".
    """
    centre, goal = points.mean(axis=0), target.mean(axis=0)
    centred, wanted = np.asarray(points - centre, float), np.asarray(target - goal, float)
    size, wanted_size = float((centred**2).sum()), float((wanted**2).sum())
    if size == 0 or wanted_size == 0:
        return centred + goal, 0.0 if size == wanted_size else 1.0
    left, values, right = np.linalg.svd(centred.T @ wanted)
    residual = 1 - values.sum() ** 2 / (size * wanted_size)
    return values.sum() / size * centred @ (left @ right) + goal, float(np.clip(residual, 0.0, 1.0))


def explorer_map(
    features: FeatureSet,
    block: ExplorerBlock,
    name: str,
    seed: int = 0,
    sample: int = SAMPLE,
    progress: Progress | None = None,
) -> Projection:
    """A 2-D map of the block's positions, for every model; maps of feature space lie on the reference's.

    Args:
        name: one of `MAPS`.
        sample: positions of a map that takes long, as many of each class as of any other as far as there are enough.

    Raises:
        StudyError: an unknown name, or fewer than 4 positions.
    """
    if name not in MAPS:
        raise StudyError(f"map {name!r} is unknown; choose one of: {', '.join(MAPS)}")
    method, space = MAPS[name]
    index = block.index
    if name not in AT_ONCE and len(index) > sample:
        chosen = balanced_sample(features.grouping().values[index], sample, seed)
        index = index[np.sort(chosen.index)]
    return project(features, method, 2, index, seed, space=space, progress=progress)


def coarse_pixels(fine: Pixels, coarse: Pixels) -> Int64[np.ndarray, " p"]:
    """For every pixel of a fine grid the number of the coarse grid's pixel in whose cell it lies.

    Example:
        >>> from cirkd.features.extract import make_pixels
        >>> coarse_pixels(make_pixels([(2, 4)], None), make_pixels([(1, 2)], None)).tolist()
        [0, 0, 1, 1, 0, 0, 1, 1]
    """
    if fine.grid == coarse.grid:
        return np.arange(len(fine))
    parts = []
    for image, ((h, w), (own_h, own_w)) in enumerate(zip(coarse.grid, fine.grid, strict=True)):
        rows, columns = np.arange(own_h) * h // own_h, np.arange(own_w) * w // own_w
        parts.append((coarse.of_image(image).start + rows[:, None] * w + columns).reshape(-1))
    return np.concatenate(parts)

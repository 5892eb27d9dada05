"""Rows laid out in two or three dimensions by PCA, UMAP or t-SNE, each with its settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from cirkd.analysis import apart
from cirkd.analysis.agreement import nearest_neighbours


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes [k, d] around a mean [d], and the share of the variance on each; rows of zeros where the data
    have fewer dimensions than were asked for."""

    mean: np.ndarray
    axes: np.ndarray
    explained: tuple[float, ...]

    def project(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        return (rows - self.mean) @ self.axes.T


def principal_axes(rows: Float[np.ndarray, "n d"], dimensions: int) -> Axes:
    """Exact PCA. Each axis points to where its largest weight is positive, so that maps do not flip."""
    mean = rows.mean(axis=0, dtype=np.float64)
    centred = rows - mean
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    axes = np.zeros((dimensions, rows.shape[1]))
    known = min(dimensions, rows.shape[1])
    axes[:known] = vectors[:, :known].T
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.where(axes[np.arange(dimensions), largest] < 0, -1, 1)[:, None]
    total = values.sum()
    shares = [float(value / total) if total > 0 else 0.0 for value in values[:known]]
    return Axes(mean, axes, tuple(shares + [0.0] * (dimensions - known)))


def parameters(method: str, count: int) -> dict[str, Any]:
    """Settings for this many pixels: neighbourhoods must be smaller than the sample."""
    if method == "umap":
        return {"metric": "cosine", "n_neighbors": min(15, count - 1), "min_dist": 0.1, "n_epochs": 200}
    if method == "tsne":
        return {
            "metric": "cosine",
            "perplexity": float(min(30, max(1, (count - 1) // 3))),
            "init": "pca",
            "max_iter": 750,
        }
    return {"solver": "exact"}


def stoppable(
    rows: Float[np.ndarray, "n d"], method: str, dimensions: int, seed: int, still: Callable[[], object] | None
) -> Float[np.ndarray, "n k"]:
    """UMAP or t-SNE of some rows, by cosine, with the settings of `parameters`, from their principal axes on.

    In a process of its own where there is something to call that may end it by raising an exception.
    """
    # Here, as PyTorch is loaded here already, and not in that process.
    neighbours = nearest(rows, parameters(method, len(rows))["n_neighbors"]) if method == "umap" else None
    if still is None:
        return lay_out(rows, method, dimensions, seed, neighbours)
    return apart.call(__name__, "lay_out", rows, method, dimensions, seed, neighbours, still=still)


def lay_out(
    rows: Float[np.ndarray, "n d"],
    method: str,
    dimensions: int,
    seed: int,
    neighbours: tuple[np.ndarray, np.ndarray] | None = None,
) -> Float[np.ndarray, "n k"]:
    """What `stoppable` gives. neighbours: what `nearest` gives, for UMAP."""
    settings = parameters(method, len(rows))
    start = principal_axes(rows, dimensions).project(rows)
    start = (start / max(float(start[:, 0].std()), 1e-12)).astype(np.float32)
    if method == "tsne":
        from sklearn.manifold import TSNE

        settings["init"] = 1e-4 * start
        return TSNE(dimensions, random_state=seed, **settings).fit_transform(rows)
    # UMAP stretches each axis to one length, so one along which nothing differs needs some spread to begin with.
    noise = np.random.default_rng(seed).normal(size=start.shape).astype(np.float32)
    start = np.where(np.ptp(start, axis=0) > 1e-6, start, 1e-4 * noise)
    settings |= {"init": start, "precomputed_knn": (*neighbours, None) if neighbours else None}
    with warnings.catch_warnings():
        # A seed makes UMAP use one thread, and without an index of neighbours it can place no further rows; it warns.
        warnings.simplefilter("ignore")
        return np.asarray(_umap()(n_components=dimensions, random_state=seed, **settings).fit_transform(rows))


def nearest(
    rows: Float[np.ndarray, "n d"], count: int
) -> tuple[Int[np.ndarray, "n count"], Float32[np.ndarray, "n count"]]:
    """Each row's nearest rows by cosine, itself first, and their cosine distances.

    Exact, and sooner there than by UMAP's own search, whose compilation alone takes seconds.
    """
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    found = nearest_neighbours(unit.astype(np.float32), count - 1)
    distances = 1 - np.einsum("nd,nkd->nk", unit, unit[found])
    itself = np.arange(len(rows))[:, None]
    indices = np.concatenate([itself, found], 1).astype(np.int32)
    return indices, np.concatenate([0.0 * itself, np.maximum(distances, 0)], 1).astype(np.float32)


def _umap() -> Any:
    """umap-learn's class; what numba compiles for it is kept on disk for the next process, as umap-learn leaves out."""
    from numba.core.dispatcher import Dispatcher
    from umap import UMAP, layouts, umap_

    for compiled in (*vars(umap_).values(), *vars(layouts).values()):
        if isinstance(compiled, Dispatcher):
            try:
                compiled.enable_caching()
            except RuntimeError:  # numba finds no folder to write to
                break
    return UMAP

"""Rows laid out in two or three dimensions by PCA, UMAP or t-SNE, each with its settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from cirkd.analysis import apart
from cirkd.analysis.geometry import nearest_neighbours

AT_A_TIME = 4096
"""Rows that are held in double precision at once."""


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes [k, d] around a mean [d], and the share of the variance on each; rows of zeros where the data
    have fewer dimensions than were asked for."""

    mean: np.ndarray
    axes: np.ndarray
    explained: tuple[float, ...]

    def project(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        return np.concatenate([part @ self.axes.T for part in _centred(rows, self.mean)])


def principal_axes(
    rows: Float[np.ndarray, "n d"], dimensions: int, whole: Float[np.ndarray, "m d"] | None = None
) -> Axes:
    """Exact PCA, each axis with a sign that does not depend on which of the rows were chosen.

    Args:
        whole: all the rows that `rows` are a choice of; None = they are all.

    PCA leaves the signs open. Of all rows, the longer tail lies on the positive side of each axis (where tails are
    alike, its largest weight is positive); the axes of a choice point along those, so that two maps of other pixels
    of the same images are not mirrored against each other.
    """
    axes = _axes(rows, dimensions)
    if whole is not None and len(whole) > len(rows):
        sides = (axes.axes * principal_axes(whole, dimensions).axes).sum(axis=1)
    else:
        at = axes.project(rows)
        tails = (at**3).mean(axis=0) / np.maximum((at**2).mean(axis=0), 1e-24) ** 1.5
        largest = np.abs(axes.axes).argmax(axis=1)
        sides = tails + 1e-6 * axes.axes[np.arange(dimensions), largest]
    return replace(axes, axes=axes.axes * np.where(sides < 0, -1, 1)[:, None])


def _axes(rows: np.ndarray, dimensions: int) -> Axes:
    mean = rows.mean(axis=0, dtype=np.float64)
    scatter = sum((part.T @ part for part in _centred(rows, mean)), np.zeros((rows.shape[1],) * 2))
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values[::-1], 0)
    axes, shares = np.zeros((dimensions, rows.shape[1])), np.zeros(dimensions)
    known = min(dimensions, rows.shape[1])
    axes[:known] = vectors[:, ::-1][:, :known].T
    if values.sum() > 0:
        shares[:known] = values[:known] / values.sum()
    return Axes(mean, axes, tuple(shares.tolist()))


def _centred(rows: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Rows less their mean, some at a time: in double precision all would be twice as large as they are."""
    for start in range(0, max(len(rows), 1), AT_A_TIME):
        yield rows[start : start + AT_A_TIME] - mean


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


def laid_out(
    rows: Float[np.ndarray, "n d"], axes: Axes, method: str, seed: int, still: Callable[[], object] | None
) -> Float[np.ndarray, "n k"]:
    """The rows on these axes, or by UMAP or t-SNE from there on: by cosine, with the settings of `parameters`.

    UMAP and t-SNE run in a process of its own where there is something to call that may end it by raising an exception.
    """
    start = axes.project(rows)
    if method == "pca":
        return start
    # Here, as PyTorch is loaded here already, and not in that process.
    neighbours = nearest(rows, parameters(method, len(rows))["n_neighbors"]) if method == "umap" else None
    if still is None:
        return lay_out(rows, start, method, seed, neighbours)
    return apart.call(__name__, "lay_out", rows, start, method, seed, neighbours, still=still)


def lay_out(
    rows: Float[np.ndarray, "n d"],
    start: Float[np.ndarray, "n k"],
    method: str,
    seed: int,
    neighbours: tuple[np.ndarray, np.ndarray] | None = None,
) -> Float[np.ndarray, "n k"]:
    """UMAP or t-SNE from where rows lie at the start. neighbours: what `nearest` gives, for UMAP."""
    settings = parameters(method, len(rows))
    start = (start / max(float(start[:, 0].std()), 1e-12)).astype(np.float32)
    if method == "tsne":
        from sklearn.manifold import TSNE

        settings["init"] = 1e-4 * start
        return TSNE(start.shape[1], random_state=seed, **settings).fit_transform(rows)
    # UMAP stretches each axis to one length, so one along which nothing differs needs some spread to begin with.
    noise = np.random.default_rng(seed).normal(size=start.shape).astype(np.float32)
    start = np.where(np.ptp(start, axis=0) > 1e-6, start, 1e-4 * noise)
    settings |= {"init": start, "precomputed_knn": (*neighbours, None) if neighbours else None}
    with warnings.catch_warnings():
        # A seed makes UMAP use one thread, and without an index of neighbours it can place no further rows; it warns.
        warnings.simplefilter("ignore")
        return np.asarray(_umap()(n_components=start.shape[1], random_state=seed, **settings).fit_transform(rows))


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

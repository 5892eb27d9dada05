"""How well a model's classes lie together and apart in its own space, and how far two models agree at any widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Integer

from cirkd.analysis.relations import group_sums


@dataclass(frozen=True, eq=False)
class Geometry:
    """Measures of K classes; what each is: see `cirkd.analysis.centroids.Centroids`.

    Attributes:
        vectors: float64 [K, d], l2-normalised centroids.
        cosine: float64 [K, K].
        compactness, separation, fisher_by_class, accuracy_by_class: float64 [K].
        fisher_ratio, accuracy: one number each.
    """

    vectors: Float64[np.ndarray, "k d"]
    cosine: Float64[np.ndarray, "k k"]
    compactness: Float64[np.ndarray, " k"]
    separation: Float64[np.ndarray, " k"]
    fisher_by_class: Float64[np.ndarray, " k"]
    accuracy_by_class: Float64[np.ndarray, " k"]
    fisher_ratio: float
    accuracy: float


def geometry_of(unit: Float32[np.ndarray, "n d"], member: Integer[np.ndarray, " n"], count: int) -> Geometry:
    """Centroids of `count` classes, none empty, and what lies around them.

    Args:
        unit: l2-normalised embeddings.
        member: the class of each, 0..count-1.
    """
    sizes = np.bincount(member, minlength=count).astype(np.float64)
    means = group_sums(unit, member, count) / sizes[:, None]
    lengths = np.linalg.norm(means, axis=1)
    vectors = means / np.maximum(lengths, 1e-12)[:, None]
    cosine = np.clip(vectors @ vectors.T, -1, 1)
    others = cosine - 4 * np.eye(count)
    nearest = (unit @ vectors.T.astype(np.float32)).argmax(axis=1)
    right = np.bincount(member, weights=nearest == member, minlength=count)
    between, within = _scatter(unit, member, means, sizes)
    return Geometry(
        vectors=vectors,
        cosine=cosine,
        # The mean cosine of unit vectors to the direction of their mean is the length of that mean.
        compactness=lengths,
        separation=1 - others.max(axis=1) if count > 1 else np.full(count, np.nan),
        accuracy_by_class=right / sizes,
        # Squares are taken of float32 rows: what is left below this is rounding.
        fisher_by_class=np.divide(between, within, out=np.full(count, np.inf), where=within > 1e-9),
        fisher_ratio=_fisher_ratio(float(sizes @ between), float(sizes @ within), len(member)),
        accuracy=float(right.sum() / len(member)),
    )


def cosine_silhouette(unit: Float[np.ndarray, "n d"], groups: Integer[np.ndarray, " n"]) -> float:
    """Mean silhouette by cosine distance, -1..1; nan with fewer than two groups or no pixel to spare.

    Source: Rousseeuw (1987); scikit-learn's `silhouette_score`.
    """
    kinds, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if not 2 <= len(kinds) < len(unit):
        return float("nan")
    # Mean cosine distances follow from the groups' sums: no matrix of all pairs is needed.
    products = unit.astype(np.float64) @ group_sums(unit, member, len(kinds)).T
    rows = np.arange(len(unit))
    own_size = sizes[member]
    length = (unit.astype(np.float64) ** 2).sum(axis=1)
    within = 1 - (products[rows, member] - length) / np.maximum(own_size - 1, 1)
    between = 1 - products / sizes
    between[rows, member] = np.inf
    nearest = between.min(axis=1)
    scale = np.maximum(np.maximum(within, nearest), 1e-12)
    return float(np.where(own_size > 1, (nearest - within) / scale, 0.0).mean())


def _scatter(
    unit: np.ndarray, member: np.ndarray, means: np.ndarray, sizes: np.ndarray
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Squared distance of each class's mean from the mean of all pixels, and its pixels' mean one from their mean."""
    between = ((means - sizes @ means / sizes.sum()) ** 2).sum(axis=1)
    squares = np.bincount(member, weights=(unit.astype(np.float64) ** 2).sum(axis=1), minlength=len(sizes)) / sizes
    return between, squares - (means**2).sum(axis=1)


def _fisher_ratio(between: float, within: float, pixels: int) -> float:
    """inf where classes are points apart, nan where all are one point."""
    if within <= 1e-12 * pixels:
        return float("inf") if between > 0 else float("nan")
    return between / within


def debiased_cka(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n e"]) -> float:
    """Debiased linear CKA: about 0 for unrelated embeddings of any width, 1 for the same up to rotation and scale.

    Goes by the widths, never by pixels x pixels. Needs at least 4 pixels, otherwise nan; nan too where one embedding
    does not vary. Can fall slightly below 0.

    Source: Kornblith et al. (2019), linear CKA, with the unbiased HSIC of Song et al. (2012), eq. 5.
    """
    if len(x) < 4:
        return float("nan")
    # The estimator does not see a shift; centred rows keep the digits.
    a, b = (rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64) for rows in (x, y))
    own = _hsic(a, a) * _hsic(b, b)
    return _hsic(a, b) / float(np.sqrt(own)) if own > 0 else float("nan")


def _hsic(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased HSIC of linear kernels with their diagonals set to 0."""
    n = len(x)
    x_norm, y_norm = (x**2).sum(axis=1), (y**2).sum(axis=1)
    x_rows, y_rows = x @ x.sum(axis=0) - x_norm, y @ y.sum(axis=0) - y_norm
    trace = ((x.T @ y) ** 2).sum() - x_norm @ y_norm
    whole = x_rows.sum() * y_rows.sum() / ((n - 1) * (n - 2))
    return float((trace + whole - 2 / (n - 2) * (x_rows @ y_rows)) / (n * (n - 3)))


def nearest_neighbours(unit: Float[np.ndarray, "n d"], count: int) -> Int[np.ndarray, "n k"]:
    """The `count` rows most similar by cosine to each row, itself left out, most similar first.

    Args:
        unit: l2-normalised rows.
    """
    import torch

    from cirkd.relations import most_similar

    rows = torch.from_numpy(unit)
    return most_similar(rows, rows, count, themselves=False).key.numpy()


def overlap(a: Int[np.ndarray, "n k"], b: Int[np.ndarray, "n k"]) -> float:
    """Mean share of the neighbours that two models have in common, 0..1; nan without neighbours."""
    if a.size == 0:
        return float("nan")
    together = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return float((together[:, 1:] == together[:, :-1]).sum() / a.size)

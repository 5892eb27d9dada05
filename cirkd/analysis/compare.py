"""Matrices of several models side by side: their differences, and the scales on which they can be compared by eye."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class MatrixComparison:
    """The same matrix of cosines from several models.

    Attributes:
        matrices: name -> [n, m], -1..1; nan = no value.
        differences: name -> that model's matrix minus the reference's, for every other model.
        reference: the model that the others are subtracted from.
        low, high: one scale for all matrices: their range, rounded outwards to tenths, within -1..1.
        limit: one scale for all differences, -limit..limit: the 99.5 % quantile of their absolute values, rounded
            up to two digits (a few pairs may lie beyond); at least 0.01.
    """

    matrices: dict[str, Float[np.ndarray, "n m"]]
    differences: dict[str, Float[np.ndarray, "n m"]]
    reference: str
    low: float
    high: float
    limit: float


def compare_matrices(matrices: Mapping[str, Float[np.ndarray, "n m"]], reference: str) -> MatrixComparison:
    """Put the matrices of several models on common scales.

    A reference that is not among them is replaced by the first model.

    Raises:
        ValueError: no matrix was given.
    """
    if not matrices:
        raise ValueError("no matrices: give at least one model's")
    if reference not in matrices:
        reference = next(iter(matrices))
    differences = {name: m - matrices[reference] for name, m in matrices.items() if name != reference}
    low, high = _range(list(matrices.values()))
    return MatrixComparison(dict(matrices), differences, reference, low, high, _limit(list(differences.values())))


def _finite(arrays: list[np.ndarray]) -> np.ndarray:
    values = np.concatenate([np.asarray(a, dtype=np.float64).ravel() for a in arrays]) if arrays else np.zeros(0)
    return values[np.isfinite(values)]


def _range(arrays: list[np.ndarray]) -> tuple[float, float]:
    values = _finite(arrays)
    if not values.size:
        return 0.0, 1.0
    low = max(math.floor(float(values.min()) * 10 + 1e-6) / 10, -1.0)
    high = min(math.ceil(float(values.max()) * 10 - 1e-6) / 10, 1.0)
    return (low, high) if high > low else (max(low - 0.1, -1.0), min(high + 0.1, 1.0))


def _limit(arrays: list[np.ndarray]) -> float:
    values = _finite(arrays)
    if not values.size:
        return 0.01
    return max(math.ceil(float(np.quantile(np.abs(values), 0.995)) * 100 - 1e-6) / 100, 0.01)

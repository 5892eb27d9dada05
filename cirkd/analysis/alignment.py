"""Laying one set of points on another by a rotation, a reflection, one scale and a shift."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


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

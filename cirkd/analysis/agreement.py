"""How far two embeddings of the same pixels agree, whatever their widths."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


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

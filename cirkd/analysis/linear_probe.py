"""A linear probe: what a linear classifier can read from a frozen network's embeddings."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer, Real


def linear_probe(
    train: Real[np.ndarray, "n d"],
    train_labels: Integer[np.ndarray, " n"],
    val: Real[np.ndarray, "m d"],
    val_labels: Integer[np.ndarray, " m"],
) -> float:
    """Mean accuracy over classes, in percent, of a logistic regression fitted to `train` and asked about `val`.

    Columns are brought to mean 0 and deviation 1 by those of `train`. Classes that `train` lacks count as missed.

    Example:
        >>> rows = np.array([[-1.0], [-2.0], [1.0], [2.0]])
        >>> linear_probe(rows, np.array([0, 0, 1, 1]), rows, np.array([0, 0, 1, 1]))
        100.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(train, train_labels)
    right = fitted.predict(val) == val_labels
    return float(100 * np.mean([right[val_labels == label].mean() for label in np.unique(val_labels)]))

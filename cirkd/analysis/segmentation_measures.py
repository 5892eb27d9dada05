"""Measures of a segmentation network beside IoU.

Boundary IoU: how well the outlines of classes are met, where IoU is ruled by the inside of large regions. Expected
calibration error: how far a network's confidence is from how often it is right. A linear probe: what a linear
classifier can read from its embeddings.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer, Real
from torch import Tensor

SHARE = 0.005
"""Width of the band along an outline, as a share of the image's diagonal, that the authors take for Cityscapes."""
BINS = 15


def band_width(height: int, width: int, share: float = SHARE) -> int:
    """Pixels that the band along an outline is wide, at least 1.

    Example:
        >>> band_width(256, 512)
        3
    """
    return max(1, round(share * math.hypot(height, width)))


def boundary_counts(
    prediction: Integer[Tensor, "h w"], label: Integer[Tensor, "h w"], num_classes: int, band: int
) -> tuple[Integer[Tensor, " c"], Integer[Tensor, " c"]]:
    """Intersection and union, in pixels, of the bands along the outlines of each class in one image.

    The band of a class is its pixels that lie within `band` pixels (by rows and columns) of one of another class, or
    of the image's edge. Pixels without a label count for neither map. Boundary IoU of a data set is the sum of the
    intersections over the sum of the unions.

    Args:
        label: classes; outside [0, num_classes) is unlabelled.

    Source: Boundary IoU (Cheng et al., CVPR 2021).

    Example:
        >>> label = torch.tensor([[0, 0, 1, 1]] * 4)
        >>> both, either = boundary_counts(label, label, 2, 1)
        >>> bool((both == either).all())
        True
    """
    known = (label >= 0) & (label < num_classes)
    bands = [_bands(torch.where(known, each, -1), num_classes, band) for each in (prediction, label)]
    return (bands[0] & bands[1]).flatten(1).sum(1), (bands[0] | bands[1]).flatten(1).sum(1)


def _bands(classes: Tensor, num_classes: int, band: int) -> Tensor:
    """bool [c, h, w]: each class's pixels near to where it ends."""
    member = classes == torch.arange(num_classes, device=classes.device)[:, None, None]
    outside = F.pad((~member).float(), (band,) * 4, value=1.0)
    near = F.max_pool2d(F.max_pool2d(outside, (1, 2 * band + 1), 1), (2 * band + 1, 1), 1) > 0
    return member & near


def calibration_counts(logits: Float[Tensor, "c h w"], label: Integer[Tensor, "h w"]) -> Float[Tensor, "3 bins"]:
    """One image's labelled pixels by confidence, in 15 equal bins: how many, sum of confidences, how many right.

    The confidence of a pixel is the largest of its class probabilities.

    Args:
        label: classes; outside [0, c) is unlabelled.
    """
    known = (label >= 0) & (label < len(logits))
    confidence, predicted = logits.double().softmax(0).max(0)
    confidence, right = confidence[known], (predicted == label)[known].double()
    place = (confidence * BINS).long().clamp(max=BINS - 1)
    rows = torch.stack([torch.ones_like(confidence), confidence, right])
    return torch.zeros(3, BINS, dtype=torch.float64, device=logits.device).index_add_(1, place, rows)


def calibration_error(counts: Float[Tensor, "3 bins"]) -> float:
    """Expected calibration error in percent from the counts of all images together; nan without a labelled pixel.

    Source: Guo et al. (ICML 2017), eq. 5, over pixels.

    Example:
        >>> calibration_error(calibration_counts(torch.zeros(2, 1, 4), torch.tensor([[0, 0, 1, 1]])))
        0.0
    """
    number, confidence, right = counts
    return float(100 * (confidence - right).abs().sum() / number.sum()) if number.sum() else float("nan")


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

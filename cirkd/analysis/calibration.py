"""Expected calibration error: how far a network's confidence is from how often it is right."""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor

BINS = 15


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

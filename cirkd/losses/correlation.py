"""Correlation of class probabilities instead of their divergence (DIST)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import full_precision, normalize


@full_precision
def inter_class_correlation(
    student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"], temperature: float = 1.0
) -> Float[Tensor, ""]:
    """1 - Pearson's correlation of student's and teacher's class probabilities at a pixel, mean over pixels, in [0, 2].

    Times temperature^2. A pixel of equal probabilities has no correlation and counts 1. Only the student receives a
    gradient.

    Example:
        >>> import torch
        >>> logits = torch.tensor([2.0, 0.0, -1.0]).reshape(1, 3, 1, 1)
        >>> float(inter_class_correlation(logits, 2 * logits)) < 0.1 < float(inter_class_correlation(logits, -logits))
        True

    Source: knowledge distillation from a stronger teacher (DIST; Huang et al., NeurIPS 2022), inter-class term.
    """
    p, q = _probabilities(student, temperature), _probabilities(teacher.detach(), temperature)
    return temperature**2 * _distance(p, q)


@full_precision
def intra_class_correlation(
    student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"], temperature: float = 1.0
) -> Float[Tensor, ""]:
    """1 - Pearson's correlation of a class's probabilities at all pixels of the batch, mean over classes, in [0, 2].

    Times temperature^2. Only the student receives a gradient.

    Source: DIST (Huang et al., NeurIPS 2022), intra-class term; pixels are its instances.

    Example:
        >>> import torch
        >>> logits = torch.rand(2, 3, 4, 4)
        >>> intra_class_correlation(logits, logits).item() < 1e-6
        True
    """
    p, q = _probabilities(student, temperature), _probabilities(teacher.detach(), temperature)
    return temperature**2 * _distance(p.T, q.T)


def _probabilities(logits: Tensor, temperature: float) -> Float[Tensor, "n c"]:
    return torch.softmax(logits / temperature, dim=1).movedim(1, 3).flatten(0, 2)


def _distance(p: Float[Tensor, "r k"], q: Float[Tensor, "r k"]) -> Float[Tensor, ""]:
    """1 - mean correlation of the rows."""
    centered = (normalize(x - x.mean(dim=1, keepdim=True)) for x in (p, q))
    return 1 - torch.mul(*centered).sum(dim=1).mean()

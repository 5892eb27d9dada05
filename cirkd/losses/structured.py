"""Pairwise structure within one image (SKD)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import flatten_positions, full_precision, normalize


@full_precision
def structured_pairwise(student: Float[Tensor, "b ds h w"], teacher: Float[Tensor, "b dt h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of the cosine matrices within each image, after 2x2 max pooling.

    Widths may differ. Only the student receives a gradient.

    Source: structured knowledge distillation (Liu et al., CVPR 2019), pairwise term.
    """
    s, t = _pooled_rows(student), _pooled_rows(teacher.detach())
    return F.mse_loss(s @ s.transpose(1, 2), t @ t.transpose(1, 2))


def _pooled_rows(embedding: Tensor) -> Tensor:
    return normalize(flatten_positions(F.max_pool2d(embedding, 2, ceil_mode=True)))

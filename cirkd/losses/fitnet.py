"""FitNet: mean squared difference of the embeddings after a trained projection."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import full_precision


@full_precision
def hint(projected_student: Float[Tensor, "b d h w"], teacher: Float[Tensor, "b d h w"]) -> Float[Tensor, ""]:
    """Mean squared error of the student's embedding after its 1x1 projection to the teacher's width.

    Only the student receives a gradient.

    Source: FitNets (Romero et al., ICLR 2015).

    Example:
        >>> import torch
        >>> hint(torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4))
        tensor(1.)
    """
    return F.mse_loss(projected_student, teacher.detach())

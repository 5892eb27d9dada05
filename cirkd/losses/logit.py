"""Distillation of class probabilities."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import full_precision


@full_precision
def logit_distillation(
    student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"], temperature: float = 1.0
) -> Float[Tensor, ""]:
    """KL(teacher || student) of the class probabilities, mean over all positions, in nats, times temperature^2.

    Only the student receives a gradient.

    Example:
        >>> import torch
        >>> logits = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
        >>> logit_distillation(logits, logits + 5)  # probabilities are the same
        tensor(0.)

    Source: Hinton et al., 2015, at every position; L_kd of CIRKD (Yang et al., CVPR 2022).
    """
    return softmax_divergence(student / temperature, teacher / temperature).sum(dim=1).mean() * temperature**2


def softmax_divergence(student: Tensor, teacher: Tensor, dim: int = 1) -> Tensor:
    """Summands of KL(teacher || student) of the softmaxes of logits along `dim`; no gradient goes to the teacher."""
    log_p, log_q = F.log_softmax(student, dim), F.log_softmax(teacher.detach(), dim)
    return F.kl_div(log_p, log_q, reduction="none", log_target=True)

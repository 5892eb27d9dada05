"""Distillation of class probabilities: logit_distillation(student [b,c,h,w], teacher [b,c,h,w], temperature)."""

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
    log_p = F.log_softmax(student / temperature, dim=1)
    log_q = F.log_softmax(teacher.detach() / temperature, dim=1)
    divergence = F.kl_div(log_p, log_q, reduction="none", log_target=True).sum(dim=1)
    return divergence.mean() * temperature**2

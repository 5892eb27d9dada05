"""Where each channel looks (CWD): channel_wise(student [b,c,h,w], teacher [b,c,h,w], temperature=4.0)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import full_precision


@full_precision
def channel_wise(
    student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"], temperature: float = 4.0
) -> Float[Tensor, ""]:
    """KL(teacher || student) of each channel's softmax over positions, mean over channels, times temperature^2.

    Takes embeddings of equal width, or logits. Only the student receives a gradient.

    Example:
        >>> import torch
        >>> maps = torch.randn(2, 8, 4, 4)
        >>> float(channel_wise(maps + 1, maps)) < 1e-5  # where channels look does not change
        True

    Source: channel-wise knowledge distillation (Shu et al., ICCV 2021).
    """
    log_p = F.log_softmax(student.flatten(2) / temperature, dim=2)
    log_q = F.log_softmax(teacher.detach().flatten(2) / temperature, dim=2)
    divergence = F.kl_div(log_p, log_q, reduction="none", log_target=True).sum(dim=2)
    return divergence.mean() * temperature**2

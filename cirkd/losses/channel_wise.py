"""Channel-wise distillation (CWD): KL divergence of each channel's softmax over positions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from cirkd.losses.logit import softmax_divergence
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
    student, teacher = (x.flatten(2) / temperature for x in (student, teacher))
    return softmax_divergence(student, teacher, dim=2).sum(dim=2).mean() * temperature**2

"""The task itself: cross-entropy of the class probabilities."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations import full_precision


@full_precision
def segmentation_cross_entropy(
    logits: Float[Tensor, "b c h w"], labels: Integer[Tensor, "b H W"], ignore_index: int = 255
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats over the labelled pixels, at the label's size.

    Logits are upsampled bilinearly with align_corners=True. 0 if every pixel is ignored.

    Example:
        >>> import torch
        >>> segmentation_cross_entropy(torch.zeros(1, 2, 1, 1), torch.tensor([[[0, 255]]]))  # log 2
        tensor(0.6931)

    Raises:
        ValueError: logits and labels differ in batch.
    """
    if len(logits) != len(labels):
        raise ValueError(f"{len(logits)} logit maps for {len(labels)} label maps: must be the same images")
    labels = labels.long()
    size = (labels.shape[1], labels.shape[2])
    if logits.shape[2:] != labels.shape[1:]:
        # In channels_last the softmax after it would copy the whole upsampled map.
        logits = F.interpolate(logits.contiguous(), size=size, mode="bilinear", align_corners=True)
    total = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="sum")
    return total / (labels != ignore_index).sum().clamp(min=1)

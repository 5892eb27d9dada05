"""Class probabilities at boundaries and inside regions apart (BPKD)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from cirkd.losses.logit import softmax_divergence
from cirkd.relations import full_precision, resize_labels


def boundary_mask(labels: Integer[Tensor, "b h w"], num_classes: int) -> Bool[Tensor, "b h w"]:
    """Labelled positions with a position of another class among their eight neighbours.

    Labels outside [0, num_classes) are neither at a boundary nor make one.

    Example:
        >>> import torch
        >>> boundary_mask(torch.tensor([[[0, 0, 1, 255]]]), 2)
        tensor([[[False,  True,  True, False]]])
    """
    known = (labels >= 0) & (labels < num_classes)
    highest = F.max_pool2d(labels.float().masked_fill(~known, -1), 3, 1, 1)
    lowest = -F.max_pool2d((-labels).float().masked_fill(~known, -num_classes), 3, 1, 1)
    return known & (highest != lowest)


@full_precision
def boundary_distillation(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    labels: Integer[Tensor, "b H W"],
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """KL(teacher || student) of the class probabilities, mean over the positions at boundaries, in nats.

    Times temperature^2; 0 without boundaries. Labels are brought to the map by nearest neighbour. Only the student
    receives a gradient.

    Source: boundary privileged knowledge distillation (BPKD; Liu et al., WACV 2024), edge loss.

    Example:
        >>> import torch
        >>> logits, labels = torch.rand(1, 2, 4, 4), torch.tensor([[[0, 0, 1, 1]] * 4])
        >>> boundary_distillation(logits, logits, labels).item() < 1e-6
        True
    """
    at_boundary, _ = split_at_boundaries(student, labels)
    divergence = softmax_divergence(student / temperature, teacher / temperature).sum(dim=1)
    return (divergence * at_boundary).sum() / at_boundary.sum().clamp(min=1) * temperature**2


@full_precision
def body_distillation(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    labels: Integer[Tensor, "b H W"],
    temperature: float = 4.0,
) -> Float[Tensor, ""]:
    """KL(teacher || student) of each class's softmax over the positions inside regions, mean over classes, in nats.

    Times temperature^2; an image without such positions counts 0. The softmax over positions is what the paper means
    by a constraint on shapes. Only the student receives a gradient.

    Source: BPKD (Liu et al., WACV 2024), body loss.

    Example:
        >>> import torch
        >>> logits, labels = torch.eye(2)[None].expand(2, 2, 2)[None], torch.zeros(1, 2, 2, dtype=torch.long)
        >>> body_distillation(logits, logits, labels).item() < 1e-6
        True
    """
    _, inside = split_at_boundaries(student, labels)
    inside = inside.flatten(1)[:, None]
    scaled = ((x.flatten(2) / temperature).masked_fill(~inside, -1e4) for x in (student, teacher))
    divergence = softmax_divergence(*scaled, dim=2) * inside
    return divergence.sum(dim=2).mean() * temperature**2


def split_at_boundaries(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which positions of the logits' grid are at a boundary, and which are labelled and not.

    Example:
        >>> import torch
        >>> split_at_boundaries(torch.zeros(1, 2, 1, 4), torch.tensor([[[0, 0, 1, 255]]]))
        (tensor([[[False,  True,  True, False]]]), tensor([[[ True, False, False, False]]]))
    """
    classes = logits.shape[1]
    small = resize_labels(labels, (logits.shape[2], logits.shape[3]))
    at_boundary = boundary_mask(small, classes)
    return at_boundary, (small >= 0) & (small < classes) & ~at_boundary

"""Variation of embeddings within classes (IFVD)."""

from __future__ import annotations

from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations import flatten_positions, full_precision, normalize, resize_labels
from cirkd.relations.regions import class_members


@full_precision
def intra_class_variation(
    student: Float[Tensor, "b ds h w"],
    teacher: Float[Tensor, "b dt h w"],
    labels: Integer[Tensor, "b H W"],
    num_classes: int,
) -> Float[Tensor, ""]:
    """Mean squared difference of the pixels' cosines to the mean embedding of their class in their image.

    The mean is over all pixels; those outside the classes count as agreeing. Labels of another size are brought
    to the map by nearest neighbour. Only the student receives a gradient.

    Source: intra-class feature variation distillation (Wang et al., ECCV 2020).

    Example:
        >>> import torch
        >>> maps, labels = torch.rand(1, 4, 2, 2), torch.tensor([[[0, 0], [1, 1]]])
        >>> intra_class_variation(maps, maps, labels, num_classes=2).item() < 1e-6
        True
    """
    small = resize_labels(labels, (student.shape[2], student.shape[3]))
    members = class_members(small, num_classes).flatten(2).to(student.dtype)
    difference = _cosine_to_center(student, members) - _cosine_to_center(teacher.detach(), members)
    return (difference * members.sum(dim=1)).square().mean()


def _cosine_to_center(embedding: Tensor, members: Tensor) -> Tensor:
    rows = flatten_positions(embedding)
    # The published sums are divided by count + 1e-6, which also serves absent classes.
    centers = (members @ rows) / (members.sum(dim=2, keepdim=True) + 1e-6)
    return (normalize(rows) * normalize(members.transpose(1, 2) @ centers)).sum(dim=2)

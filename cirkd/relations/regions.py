"""Labels on the grid of a map, and the regions they make: the pixels of one class in one image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations.precision import full_precision
from cirkd.relations.similarity import flatten_positions, normalize


@dataclass(frozen=True)
class Regions:
    """r regions, in image order, then class order.

    Attributes:
        embedding: l2-normalised mean embedding of each region.
        image: the image of each region.
        label: the class of each region.
    """

    embedding: Float[Tensor, "r d"]
    image: Integer[Tensor, " r"]
    label: Integer[Tensor, " r"]


@full_precision
def region_embeddings(
    embedding: Float[Tensor, "b d h w"], labels: Integer[Tensor, "b h w"], *, num_classes: int
) -> Regions:
    """Mean embedding of each class in each image, l2-normalised.

    Labels outside [0, num_classes) are ignored. Regions come in image order, then class order; an image
    without labelled pixels has none.

    Raises:
        ValueError: labels and embedding differ in batch or size.

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3.
    """
    check_label_map(embedding, labels)
    member = class_members(labels, num_classes).to(embedding.dtype)
    # A product with memberships, not a scatter: scattered sums on a GPU differ from run to run.
    sums = member.flatten(2) @ flatten_positions(embedding)
    counts = member.flatten(2).sum(dim=2)
    image, label = counts.nonzero(as_tuple=True)
    return Regions(normalize(sums[image, label] / counts[image, label, None]), image, label)


def class_members(labels: Integer[Tensor, "b h w"], num_classes: int) -> Tensor:
    """Whether each pixel belongs to each class: bool [b, num_classes, h, w]."""
    return labels[:, None] == torch.arange(num_classes, device=labels.device)[:, None, None]


def resize_labels(labels: Integer[Tensor, "b H W"], size: tuple[int, int]) -> Integer[Tensor, "b h w"]:
    """Labels on a map of (h, w), by nearest neighbour; int64."""
    if tuple(labels.shape[1:]) == tuple(size):
        return labels.long()
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].long()


def check_label_map(embedding: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless labels [b, h, w] lie on the grid of embedding [b, d, h, w]."""
    wanted = (embedding.shape[0], *embedding.shape[2:])
    if tuple(labels.shape) != wanted:
        raise ValueError(
            f"labels {list(labels.shape)} for a map of {list(wanted)}: must be the same grid; "
            "use cirkd.relations.resize_labels(labels, size)"
        )


def group_sizes(group: Integer[Tensor, " n"], groups: int) -> Integer[Tensor, " g"]:
    """How many rows are of each group, in [0, groups); unlike bincount, a GPU need not be waited for."""
    return torch.zeros(groups, dtype=torch.int64, device=group.device).scatter_add_(0, group, torch.ones_like(group))


def rank_in_group(
    group: Integer[Tensor, " n"], groups: int, by: Float[Tensor, " n"] | None = None
) -> Integer[Tensor, " n"]:
    """How many rows of the same group (in [0, groups)) come before each row.

    Args:
        by: numbers in [0, 1) that the rows of a group are ordered by; None leaves them in their order.
    """
    counts = group_sizes(group, groups)
    order = torch.argsort(group if by is None else group.double() + by, stable=True)
    first = counts.cumsum(0) - counts
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(group), device=group.device) - first[group[order]]
    return rank

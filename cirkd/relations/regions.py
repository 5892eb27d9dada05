"""Labels on the grid of a map, and the regions they make: the pixels of one class in one image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations.precision import full_precision
from cirkd.relations.similarity import flatten_positions, normalize

# Pieces of an image that sums over its regions are taken of.
PIECES = 64


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

    Example:
        >>> regions = region_embeddings(torch.ones(1, 4, 2, 2), torch.tensor([[[0, 0], [2, 255]]]), num_classes=3)
        >>> regions.label, regions.embedding[0]
        (tensor([0, 2]), tensor([0.5000, 0.5000, 0.5000, 0.5000]))

    Raises:
        ValueError: labels and embedding differ in batch or size.

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3.
    """
    means, count = region_means(embedding, labels, num_classes=num_classes)
    image, label = count.nonzero(as_tuple=True)
    return Regions(means[image, label], image, label)


@full_precision
def region_means(
    embedding: Float[Tensor, "b d h w"], labels: Integer[Tensor, "b h w"], *, num_classes: int
) -> tuple[Float[Tensor, "b c d"], Float[Tensor, "b c"]]:
    """As `region_embeddings`, of every class in every image, and its number of pixels; without any it is zero.

    Raises:
        ValueError: labels and embedding differ in batch or size.

    Example:
        >>> import torch
        >>> means, counts = region_means(torch.ones(1, 3, 2, 2), torch.tensor([[[0, 0], [1, 1]]]), num_classes=3)
        >>> counts
        tensor([[2., 2., 0.]])
    """
    wanted = (embedding.shape[0], *embedding.shape[2:])
    if tuple(labels.shape) != wanted:
        raise ValueError(
            f"labels {list(labels.shape)} for a map of {list(wanted)}: must be the same grid; "
            "use cirkd.relations.resize_labels(labels, size)"
        )
    member = class_members(labels, num_classes).flatten(2).to(embedding.dtype)
    # A product with memberships, not a scatter: scattered sums on a GPU differ from run to run. In pieces, because one
    # product of few rows and columns leaves most of a GPU idle.
    images, _, positions = member.shape
    pieces = math.gcd(positions, PIECES)
    shared = member.view(images, num_classes, pieces, positions // pieces).permute(0, 2, 1, 3)
    rows = flatten_positions(embedding).reshape(images, pieces, positions // pieces, embedding.shape[1])
    sums, count = (shared @ rows).sum(dim=1), member.sum(dim=2)
    return normalize(sums / count.clamp(min=1)[..., None]), count


def class_members(labels: Integer[Tensor, "b h w"], num_classes: int) -> Tensor:
    """Whether each pixel belongs to each class: bool [b, num_classes, h, w]."""
    return labels[:, None] == torch.arange(num_classes, device=labels.device)[:, None, None]


def resize_labels(labels: Integer[Tensor, "b H W"], size: tuple[int, int]) -> Integer[Tensor, "b h w"]:
    """Labels on a map of (h, w), by nearest neighbour; int64.

    Example:
        >>> resize_labels(torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 1]]]), (1, 2))
        tensor([[[0, 1]]])
    """
    if tuple(labels.shape[1:]) == tuple(size):
        return labels.long()
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].long()


def majority_labels(
    labels: Integer[Tensor, "b H W"], size: tuple[int, int], *, num_classes: int
) -> Integer[Tensor, "b h w"]:
    """Labels on a map of (h, w) cells: the class that most pixels of a cell have, the smallest of equals; int64.

    For maps that are means over cells, see `average_cells`. Labels outside [0, num_classes) count together as -1,
    which a cell has where more of its pixels do than have any one class.

    Example:
        >>> majority_labels(torch.tensor([[[1, 0, 255, 255], [0, 0, 255, 1]]]), (1, 2), num_classes=2)
        tensor([[[ 0, -1]]])
    """
    known = class_members(labels, num_classes)
    votes = torch.cat([known, ~known.any(dim=1, keepdim=True)], dim=1).float()
    best = F.adaptive_avg_pool2d(votes, size).argmax(dim=1)
    return best.masked_fill(best == num_classes, -1)

"""Which pixels and which slots of a memory a step takes: drawn, or given to repeat a step that was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations.gather import own_share
from cirkd.relations.random_numbers import uniform
from cirkd.relations.regions import class_members

Indexing = Literal["own", "published"]


@dataclass(frozen=True)
class GivenDraws:
    """The random choices of one step at a `RelationMemory`, given instead of drawn.

    Attributes:
        pixel_slots, region_slots: slots of the queues whose rows are the keys, the same for every class.
        pixel_ranks: for each image here and each class, which of its pixels are enqueued and in what order: numbers
            from 0 to one less than it has; -1 where it has no more.

    Example:
        >>> import torch
        >>> labels = torch.tensor([[[1, 0, 1, 1]]])
        >>> draws = GivenDraws(torch.tensor([0]), torch.tensor([0]), torch.tensor([[[0, -1], [2, 0]]]))
        >>> choose_pixels(labels, 2, 2, draws)[0].tolist()
        [[1, 0, 3, 0]]
        >>> choose_pixels(labels, 2, 2, draws, "published")[0].tolist()
        [[0, 0, 2, 0]]
    """

    pixel_slots: Integer[Tensor, " k"]
    region_slots: Integer[Tensor, " l"]
    pixel_ranks: Integer[Tensor, "b c n"]


Draws = torch.Generator | GivenDraws | None
"""Where a memory's random choices come from; None is PyTorch's own generator."""


def choose_pixels(
    labels: Integer[Tensor, "b h w"], num_classes: int, per_class: int, draws: Draws = None, indexing: Indexing = "own"
) -> tuple[Integer[Tensor, "b n"], Integer[Tensor, "b n"]]:
    """A random choice of up to `per_class` pixels for each class in each image.

    Args:
        indexing: "own" chooses among the pixels of the class. "published" does what the authors' published code does:
            it draws among the numbers 0..m-1 for a class of m pixels in an image, and takes them as positions of the
            whole image, so that what is stored under a class is whatever lies first in raster order.

    Returns:
        Positions in the flattened image, class by class, n = num_classes * per_class (fewer of images with fewer
        pixels than that), and the class each is stored under; -1 where a class has no more of them.

    Raises:
        ValueError: given draws are not those of these images.
    """
    if isinstance(draws, GivenDraws):
        return _given(labels, num_classes, draws.pixel_ranks, indexing)
    return least_drawn(labels, draw_for(labels, draws), num_classes, per_class, indexing)


def draw_for(labels: Integer[Tensor, "b h w"], generator: torch.Generator | None) -> Float[Tensor, "b h w"]:
    """A random number for each pixel."""
    # Where several processes train, each draws for the images of all: together they choose as one would.
    images, here = own_share(tuple(labels.shape))
    return uniform(images, *labels.shape[1:], generator=generator, device=labels.device)[here]


def least_drawn(
    labels: Integer[Tensor, "b h w"],
    draw: Float[Tensor, "b h w"],
    num_classes: int,
    per_class: int,
    indexing: Indexing,
) -> tuple[Integer[Tensor, "b n"], Integer[Tensor, "b n"]]:
    """As `choose_pixels`: those of each class where `draw` is least."""
    candidate = class_members(labels, num_classes).flatten(2)
    if indexing == "published":
        numbers = torch.arange(candidate.shape[2], device=labels.device)
        candidate = numbers < candidate.sum(dim=2, keepdim=True)
    order = draw.flatten(1)[:, None].expand(candidate.shape).masked_fill(~candidate, 2.0)
    drawn, position = order.topk(min(per_class, order.shape[2]), dim=2, largest=False)
    classes = torch.arange(num_classes, device=labels.device)[:, None]
    return position.flatten(1), classes.expand(position.shape).masked_fill(drawn >= 2.0, -1).flatten(1)


def _given(labels: Tensor, num_classes: int, ranks: Tensor, indexing: Indexing) -> tuple[Tensor, Tensor]:
    member = class_members(labels, num_classes).flatten(2)
    ranks = ranks.to(labels.device)
    if ranks.shape[:2] != member.shape[:2] or (ranks.amax(dim=2) >= member.sum(dim=2)).any():
        raise ValueError(
            f"pixel ranks {list(ranks.shape)} for {len(labels)} images of {num_classes} classes: want ranks below the "
            "number of a class's pixels, for each class in each image; give those that were drawn for these labels"
        )
    place = ranks.clamp(min=0)
    if indexing == "own":
        place = torch.searchsorted(member.cumsum(dim=2), place + 1).clamp(max=member.shape[2] - 1)
    classes = torch.arange(num_classes, device=labels.device)[:, None]
    position = place.masked_fill(ranks < 0, 0)
    return position.flatten(1), classes.expand(ranks.shape).masked_fill(ranks < 0, -1).flatten(1)

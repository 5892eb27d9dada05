"""Per-pixel divergences and nearest neighbours for display, computed without storing relation matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from cirkd.relations.engine.products import make_logits
from cirkd.relations.engine.tiles import Rectangle, Scratch, cut, divergences, first_pass, parts, tile_entries
from cirkd.relations.engine.workers import workers_for
from cirkd.relations.precision import full_precision

# Keys compared with at a time: enough that what is kept of them is few.
KEYS_AT_ONCE = 4096


class Similar(NamedTuple):
    """The keys most similar to each row, by their numbers, most similar first."""

    similarity: Float[Tensor, "n c"]
    key: Integer[Tensor, "n c"]


@torch.no_grad()
@full_precision
def divergence_maps(
    students: Sequence[Float[Tensor, "p _"]],
    teacher: Float[Tensor, "p e"],
    images: Sequence[slice],
    temperature: float,
    progress: Callable[[float], object] | None = None,
) -> tuple[Float[Tensor, "s p n"], Float[Tensor, "s p"]]:
    """Divergence of every pixel's relations, in nats, for several students beside one teacher.

    Args:
        students, teacher: l2-normalised rows of the same pixels.
        images: which rows are an image's; they may differ in size.
        progress: called with the share done; what it raises is passed on.

    Returns:
        KL(teacher || student) of the relations to the pixels of each image, the terms of the mini-batch loss; and of
        those to the pixels of all images at once.

    Raises:
        ValueError: the temperature is not positive.

    Example:
        >>> import torch
        >>> rows = torch.nn.functional.normalize(torch.rand(6, 3), dim=1)
        >>> maps, jointly = divergence_maps([rows], rows, [slice(0, 3), slice(3, 6)], 0.1)
        >>> maps.shape, jointly.shape
        (torch.Size([1, 6, 2]), torch.Size([1, 6]))
    """
    usual = tile_entries(teacher.device)
    t, *networks = (make_logits(rows, rows, temperature, "float32") for rows in (teacher, *students))
    by_image = teacher.new_zeros(len(networks), len(teacher), len(images), dtype=t.dtype)
    whole = teacher.new_zeros(len(networks), 3, len(teacher), dtype=t.dtype)
    pairs = [(i, j) for i in range(len(images)) for j in range(i, len(images))]
    with workers_for(teacher.device) as workers:
        scratch = Scratch(t.dtype, teacher.device, usual, workers=workers.count, students=len(networks))
        for done, (i, j) in enumerate(pairs):
            if progress is not None:
                progress(done / len(pairs))
            rectangle = Rectangle(images[i], images[j], square=i == j)
            pieces = cut(rectangle, math.isqrt(usual), usual)
            first = first_pass(rectangle, pieces, networks, t, scratch, workers)
            sides = [(i, j, first.row_sums)]
            if first.key_sums is not None and i != j:
                sides.append((j, i, first.key_sums))
            for image, other, sums in sides:
                by_image[:, images[image], other] = divergences(sums.transpose(0, 1))[..., 0]
                whole[:, :, images[image]] += sums[..., 0]
    return by_image.to(teacher.dtype), divergences(whole.transpose(0, 1)).to(teacher.dtype)


@torch.no_grad()
@full_precision
def most_similar(
    rows: Float[Tensor, "n d"], keys: Float[Tensor, "k d"], count: int, themselves: bool = True
) -> Similar:
    """The `count` keys of the largest cosine with each row; all keys where there are fewer.

    Example:
        >>> rows = torch.eye(3)
        >>> most_similar(rows[:1], rows, count=1).key
        tensor([[0]])

    Args:
        rows, keys: l2-normalised.
        themselves: False where the rows are the keys, and none is to be its own neighbour.
    """
    count = max(0, min(count, len(keys) - (not themselves)))
    similarity = rows.new_zeros(len(rows), count)
    index = torch.zeros(len(rows), count, dtype=torch.int64, device=rows.device)
    size = max(1, tile_entries(rows.device) // KEYS_AT_ONCE)
    for block in parts(slice(0, len(rows)), size) if count else []:
        best = Similar(similarity[block, :0], index[block, :0])
        for part in parts(slice(0, len(keys)), KEYS_AT_ONCE):
            product = rows[block] @ keys[part].T
            if not themselves:
                _blank_diagonal(product, part.start - block.start)
            new = product.topk(min(count, product.shape[1]), dim=1)
            merged = torch.cat([best.similarity, new.values], 1), torch.cat([best.key, new.indices + part.start], 1)
            kept = merged[0].topk(min(count, merged[0].shape[1]), dim=1)
            best = Similar(kept.values, merged[1].gather(1, kept.indices))
        similarity[block], index[block] = best
    return Similar(similarity, index)


def _blank_diagonal(product: Tensor, offset: int) -> None:
    """Put -inf where column j of a tile is the key that row j + offset is."""
    if -product.shape[1] < offset < product.shape[0]:
        product.diagonal(-offset).fill_(-math.inf)

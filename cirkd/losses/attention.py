"""Attention transfer (AT): attention maps of student and teacher."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.relations import full_precision, normalize

PUBLISHED_POSITIONS = 64 * 128
"""Positions of an embedding map in the published runs: crops of 512x1024 pixels at stride 8."""


@full_precision
def attention_transfer(student: Float[Tensor, "b ds h w"], teacher: Float[Tensor, "b dt h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of the attention maps. Widths may differ; only the student receives a gradient.

    Attention has norm 1 over the positions of a map, so this mean shrinks as maps grow: see `as_published`.

    Source: attention transfer (Zagoruyko and Komodakis, ICLR 2017).

    Example:
        >>> import torch
        >>> here, there = torch.eye(2)[None, None], 1 - torch.eye(2)[None, None]
        >>> attention_transfer(here, 3 * here).item() < 1e-6 < attention_transfer(here, there).item()
        True
    """
    return F.mse_loss(attention_map(student), attention_map(teacher.detach()))


def as_published(value: Tensor, positions: int) -> Tensor:
    """A mean over the positions of maps of norm 1, as it would be on a map of the published size.

    Weights were published for maps of 8,192 positions; on one of 512 they would act 16 times as strongly.
    """
    return value * (positions / PUBLISHED_POSITIONS)


def attention_map(embedding: Float[Tensor, "b d h w"], size: tuple[int, int] | None = None) -> Float[Tensor, "b n"]:
    """Mean square over channels at each position, l2-normalised over the n = h * w positions of an image.

    Args:
        size: resample to (h, w) bilinearly first.
    """
    energy = embedding.square().mean(dim=1, keepdim=True)
    if size is not None and tuple(energy.shape[2:]) != size:
        energy = F.interpolate(energy, size=size, mode="bilinear", align_corners=False)
    return normalize(energy.flatten(1))

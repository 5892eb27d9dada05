"""Relations between channels (the second version of the method)."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.losses.memory import memory_relation
from cirkd.relations import Precision, full_precision, normalize, pairwise_divergence, product_precision

CHANNEL_POOL = 4
"""Sides of the squares that are averaged."""


@full_precision
def channel_pool(embedding: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c p q"]:
    """The map average-pooled 4x4, sizes rounded up: what channels are compared on, before any projection."""
    return F.avg_pool2d(embedding, CHANNEL_POOL, ceil_mode=True)


def minibatch_channel_relation(
    student: Float[Tensor, "b c n"],
    teacher: Float[Tensor, "b c n"],
    temperature: float = 0.1,
    *,
    precision: Precision | None = None,
) -> Float[Tensor, ""]:
    """Mean divergence of the relations between the channels of every ordered pair of images, in nats.

    Rows are channels, l2-normalised here over their n positions: maps pooled by `channel_pool`, the student's then
    projected to the teacher's width, flattened. Only the student receives a gradient.

    Args:
        precision: of the products of matrices, as in `minibatch_pixel_relation`.

    Raises:
        ValueError: shapes differ, or the temperature is not positive.

    Source: CIRKDv2, mini-batch channel-to-channel; as eq. 1 of CIRKD.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"student rows {list(student.shape)} and teacher rows {list(teacher.shape)}: must be the same shape; "
            "project the student to the teacher's width first"
        )
    return pairwise_divergence(student, teacher, temperature, product_precision(precision, student))


def memory_channel_relation(
    student: Float[Tensor, "b c n"],
    teacher: Float[Tensor, "b c n"],
    keys: Float[Tensor, "k n"],
    temperature: float = 0.1,
) -> Float[Tensor, ""]:
    """Mean divergence of the channels' relations to the keys of a channel memory, in nats.

    Source: CIRKDv2, memory channel-to-channel; as eq. 2 of CIRKD.
    """
    return memory_relation(student.flatten(0, 1), teacher.flatten(0, 1), keys, temperature)


@full_precision
def channel_difference(student: Float[Tensor, "b c n"], teacher: Float[Tensor, "b c n"]) -> Float[Tensor, ""]:
    """Mean squared difference of the l2-normalised channels. Only the student receives a gradient.

    Source: CIRKDv2, mean-squared term.
    """
    return F.mse_loss(normalize(student), normalize(teacher.detach()))

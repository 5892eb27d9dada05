"""Relations within the mini-batch, between pixels of all its images.

minibatch_pixel_relation(student [b,ds,h,w], teacher [b,dt,h,w], temperature=0.1) -> scalar
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from cirkd.relations import flatten_positions, full_precision, normalize, pairwise_divergence


@full_precision
def minibatch_pixel_relation(
    student: Float[Tensor, "b ds h w"], teacher: Float[Tensor, "b dt h w"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    """Mean divergence of the relations between the pixels of every ordered pair of images, in nats.

    For each pair (i, j), i = j included, and each pixel of i: KL(teacher || student) of the softmax, at
    `temperature`, of its cosines with all pixels of j. Widths may differ. Only the student receives a gradient.
    Holds the relation matrices of one pair at a time.

    Raises:
        ValueError: student and teacher differ in batch or map size, or the temperature is not positive.

    Source: CIRKD (Yang et al., CVPR 2022), eq. 1: pixel-to-pixel over the mini-batch.
    """
    if student.shape[0] != teacher.shape[0] or student.shape[2:] != teacher.shape[2:]:
        raise ValueError(
            f"student map {list(student.shape)} and teacher map {list(teacher.shape)}: batch, height and width "
            "must be the same; resize one to the other"
        )
    return pairwise_divergence(
        normalize(flatten_positions(student)), normalize(flatten_positions(teacher.detach())), temperature
    )

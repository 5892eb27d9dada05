"""Relations within the mini-batch, between pixels of all its images."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from cirkd.relations import Precision, flatten_positions, pairwise_divergence, product_precision


def minibatch_pixel_relation(
    student: Float[Tensor, "b ds h w"],
    teacher: Float[Tensor, "b dt h w"],
    temperature: float = 0.1,
    *,
    precision: Precision | None = None,
    across_processes: bool = False,
) -> Float[Tensor, ""]:
    """Mean divergence of the relations between the pixels of every ordered pair of images, in nats.

    For each pair (i, j), i = j included, and each pixel of i: KL(teacher || student) of the softmax, at
    `temperature`, of its cosines with all pixels of j. Widths may differ. Only the student receives a gradient.
    Memory grows with the embeddings, not with their relation matrices.

    Example:
        >>> import torch
        >>> teacher = torch.randn(2, 256, 4, 4)
        >>> float(minibatch_pixel_relation(teacher, teacher)) < 1e-6
        True

    Args:
        precision: of the products of matrices: float32, or bf16 for speed (the value within 0.5 % or 2e-4 nats, the
            gradient within 5 % of its norm, at temperatures from 0.02); None takes bf16 under autocast. Softmax and
            sums are in float32 in any case.
        across_processes: relate the images here to those of all processes of torch.distributed. Averaged over the
            processes, as is done with gradients, value and gradient are those of one process with all images.

    Raises:
        ValueError: student and teacher differ in batch or map size, the temperature is not positive, or the batches
            of several processes differ in shape.

    Source: CIRKD (Yang et al., CVPR 2022), eq. 1: pixel-to-pixel over the mini-batch.
    """
    if student.shape[0] != teacher.shape[0] or student.shape[2:] != teacher.shape[2:]:
        raise ValueError(
            f"student map {list(student.shape)} and teacher map {list(teacher.shape)}: batch, height and width "
            "must be the same; resize one to the other"
        )
    rows = flatten_positions(student), flatten_positions(teacher)
    return pairwise_divergence(*rows, temperature, product_precision(precision, student), across_processes)

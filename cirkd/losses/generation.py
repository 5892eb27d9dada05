"""The teacher's embedding made out of a part of the student's (MGD), and contrasts within it (Af-DCD)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cirkd.relations import full_precision
from cirkd.relations.gather import own_share
from cirkd.relations.random_numbers import uniform

MASKED = 0.75
"""Share of the positions that the generator does not see."""
GROUPS, PATCH, POOL = 16, 4, 4
"""Of Af-DCD: groups of channels, sides of a patch of positions, and of the squares that are max-pooled before."""


class FeatureGenerator(nn.Module):
    """Makes a teacher's embedding of a student's of which most positions are masked.

    1x1 convolution to the teacher's width, the mask, and two 3x3 convolutions with a ReLU between them.

    Source: masked generative distillation (MGD; Yang et al., ECCV 2022), for dense prediction.

    Example:
        >>> import torch
        >>> FeatureGenerator(8, 16)(torch.rand(1, 8, 4, 4), torch.ones(1, 1, 4, 4)).shape
        torch.Size([1, 16, 4, 4])
    """

    def __init__(self, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.align = nn.Conv2d(student_width, teacher_width, 1)
        self.generate = nn.Sequential(
            nn.Conv2d(teacher_width, teacher_width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(teacher_width, teacher_width, 3, padding=1),
        )

    def forward(
        self, embedding: Float[Tensor, "b ds h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b dt h w"]:
        return self.generate(self.align(embedding) * mask)


def random_mask(
    embedding: Float[Tensor, "b d h w"], generator: torch.Generator | None = None
) -> Float[Tensor, "b 1 h w"]:
    """1 where a position is seen, 0 where it is masked: each with probability `MASKED`."""
    # Where several processes train, each draws for the images of all: together they mask as one would.
    images, here = own_share(tuple(embedding.shape))
    drawn = uniform(images, 1, *embedding.shape[2:], generator=generator, device=embedding.device)[here]
    return (drawn >= MASKED).to(embedding.dtype)


@full_precision
def masked_generation(generated: Float[Tensor, "b d h w"], teacher: Float[Tensor, "b d h w"]) -> Float[Tensor, ""]:
    """Squared distance of generated and teacher's embedding, mean over positions.

    Only what is generated receives a gradient. The published code adds up positions: with its weight of 0.00002 and
    4,096 positions an image, this mean has the weight 0.082.

    Example:
        >>> import torch
        >>> masked_generation(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
        tensor(3.)

    Source: MGD (Yang et al., ECCV 2022).
    """
    return (generated - teacher.detach()).square().sum(dim=1).mean()


@full_precision
def dense_contrast(
    generated: Float[Tensor, "b d h w"], teacher: Float[Tensor, "b d h w"], temperature: float = 0.07
) -> Float[Tensor, ""]:
    """How well a group of channels at a position finds the teacher's, among all other groups nearby, in nats.

    Channels are cut into 16 groups, the map into patches of 4x4 positions. For each group at each position: the
    cross-entropy of a softmax over minus the L1 distances, at `temperature`, to the teacher's same group there and to
    its other groups at all positions of the patch. Summed over groups, mean over positions. Maps of at least 16x16
    positions are max-pooled 4x4 first; rows and columns beyond the last whole patch are left out. A width that 16 does
    not divide has as many groups as both share. Only what is generated receives a gradient.

    Source: augmentation-free dense contrastive distillation (Af-DCD; Fan et al., NeurIPS 2023), omni-contrasting.

    Example:
        >>> import torch
        >>> same = torch.eye(4)[None].reshape(1, 4, 2, 2)
        >>> dense_contrast(same, same).item() < dense_contrast(same, same.flip(3)).item()
        True
    """
    both = torch.stack([generated, teacher.detach()])
    if min(both.shape[3:]) >= POOL * PATCH:
        both = F.max_pool2d(both.flatten(0, 1), POOL).unflatten(0, both.shape[:2])
    groups = math.gcd(GROUPS, both.shape[2])
    ours, theirs = _patches(both, groups)
    logits = -torch.cdist(ours, theirs, p=1) / temperature
    group = torch.arange(ours.shape[1], device=ours.device) % groups
    other = group[:, None] != group
    itself = torch.eye(len(group), dtype=torch.bool, device=ours.device)
    compared = logits.masked_fill(~(other | itself), -math.inf)
    return (compared.logsumexp(dim=2) - logits.diagonal(dim1=1, dim2=2)).mean() * groups


def _patches(maps: Float[Tensor, "2 b d h w"], groups: int) -> Float[Tensor, "2 p n g"]:
    """Patches of all images, each with its positions' groups of channels, the groups of a position together."""
    sides = [min(PATCH, side) for side in maps.shape[3:]]
    rows, columns = (size // side for size, side in zip(maps.shape[3:], sides, strict=True))
    whole = maps[..., : rows * sides[0], : columns * sides[1]]
    cut = whole.reshape(*maps.shape[:2], groups, -1, rows, sides[0], columns, sides[1])
    return cut.permute(0, 1, 4, 6, 5, 7, 2, 3).flatten(4, 6).flatten(1, 3)

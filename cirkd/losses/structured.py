"""Structured knowledge distillation (SKD): pairwise similarities within an image, and its optional adversarial term."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import spectral_norm

from cirkd.relations import flatten_positions, full_precision, normalize

_SLOPE = 0.1


@full_precision
def structured_pairwise(student: Float[Tensor, "b ds h w"], teacher: Float[Tensor, "b dt h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of the cosine matrices within each image, after 2x2 max pooling.

    Widths may differ. Only the student receives a gradient.

    Source: structured knowledge distillation (Liu et al., CVPR 2019), pairwise term.

    Example:
        >>> import torch
        >>> maps = torch.rand(2, 4, 8, 8)
        >>> structured_pairwise(maps, maps).item() < 1e-6
        True
    """
    s, t = _pooled_rows(student), _pooled_rows(teacher.detach())
    return F.mse_loss(s @ s.transpose(1, 2), t @ t.transpose(1, 2))


def _pooled_rows(embedding: Tensor) -> Tensor:
    return normalize(flatten_positions(F.max_pool2d(embedding, 2, ceil_mode=True)))


class Discriminator(nn.Module):
    """Normalised logits through three strided 3x3 convolutions of spectral norm 1, and a score for each position.

    Args:
        num_classes: Channels of the logits.
        width: Of the first layer; each further one doubles it.

    Source: structured knowledge distillation (Liu et al., CVPR 2019), holistic term, without its attention layers.

    Example:
        >>> import torch
        >>> Discriminator(num_classes=3)(torch.rand(2, 3, 64, 64)).shape
        torch.Size([2, 1, 8, 8])
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        widths = (num_classes, width, 2 * width, 4 * width)
        layers: list[nn.Module] = [nn.BatchNorm2d(num_classes)]
        for inputs, outputs in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 3, 2, 1)), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))

    def forward(self, logits: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 p q"]:
        return self.layers(logits)


def student_deception(discriminator: Discriminator, student: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """How far the student's logits are from passing for a teacher's: the mean score, negated.

    Only the student receives a gradient.

    Source: structured knowledge distillation (Liu et al., CVPR 2019), holistic term.

    Example:
        >>> import torch
        >>> judge = Discriminator(num_classes=3)
        >>> student_deception(judge, torch.rand(2, 3, 64, 64)).shape
        torch.Size([])
    """
    fixed = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
    return -functional_call(discriminator, fixed, (student,)).float().mean()


def teacher_recognition(
    discriminator: Discriminator, student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"]
) -> Float[Tensor, ""]:
    """Hinge loss of the discriminator: scores above 1 for the teacher, below -1 for the student.

    Only the discriminator receives a gradient.

    Source: structured knowledge distillation (Liu et al., CVPR 2019), holistic term; the hinge of its code.

    Example:
        >>> import torch
        >>> judge = Discriminator(num_classes=3)
        >>> teacher_recognition(judge, torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)).shape
        torch.Size([])
    """
    real, made = discriminator(teacher.detach()).float(), discriminator(student.detach()).float()
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()

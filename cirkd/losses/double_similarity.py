"""Similarities between stages of a network, and between classes (DSD)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from cirkd.losses.attention import as_published, attention_map
from cirkd.relations import full_precision, normalize

CATEGORY_TEMPERATURE = 4.0


@full_precision
def pixel_similarity(
    student_stages: Sequence[Float[Tensor, "b _ _ _"]],
    teacher_stages: Sequence[Float[Tensor, "b _ _ _"]],
    *,
    published_size: bool = False,
) -> Float[Tensor, ""]:
    """Mean squared difference of the l2-normalised changes of attention between all pairs of stages, mean over pairs.

    Each difference is as on a map of the published size where `published_size` (see `attention.as_published`). Widths
    may differ; student and teacher maps of a stage must have the same size. Where two stages differ in size,
    the attention of the earlier is resampled to the later's. Only the student receives a gradient.

    Raises:
        ValueError: fewer than two stages, or unequal numbers of them.

    Source: double similarity distillation (Feng et al., TIP 2021), pixel-wise term.

    Example:
        >>> import torch
        >>> stages = [torch.rand(2, 3, 4, 4), torch.rand(2, 6, 4, 4)]
        >>> pixel_similarity(stages, stages).item() < 1e-6
        True
    """
    if len(student_stages) != len(teacher_stages) or len(student_stages) < 2:
        raise ValueError(
            f"{len(student_stages)} student and {len(teacher_stages)} teacher stages: want two or more, in pairs"
        )
    differences = []
    for earlier, later in combinations(range(len(student_stages)), 2):
        student = _change(student_stages[earlier], student_stages[later])
        teacher = _change(teacher_stages[earlier].detach(), teacher_stages[later].detach())
        value = F.mse_loss(student, teacher)
        differences.append(as_published(value, student.shape[1]) if published_size else value)
    return torch.stack(differences).mean()


@full_precision
def category_similarity(
    student_logits: Float[Tensor, "b c h w"], teacher_logits: Float[Tensor, "b c h w"]
) -> Float[Tensor, ""]:
    """Mean squared difference of the class-by-class similarities of where each class is seen.

    Logits are average-pooled 2x2; a class's distribution is their softmax over positions at temperature 4, the
    similarity of two classes its product. Only the student receives a gradient.

    Source: double similarity distillation (Feng et al., TIP 2021), category-wise term.

    Example:
        >>> import torch
        >>> logits = torch.rand(2, 3, 4, 4)
        >>> category_similarity(logits, logits).item() < 1e-6
        True
    """
    return F.mse_loss(_category_relations(student_logits), _category_relations(teacher_logits.detach()))


def _change(earlier: Tensor, later: Tensor) -> Tensor:
    size = (later.shape[2], later.shape[3])
    return normalize(attention_map(later) - attention_map(earlier, size))


def _category_relations(logits: Tensor) -> Tensor:
    pooled = F.avg_pool2d(logits, 2, ceil_mode=True).flatten(2)
    where = torch.softmax(pooled / CATEGORY_TEMPERATURE, dim=2)
    return where @ where.transpose(1, 2)

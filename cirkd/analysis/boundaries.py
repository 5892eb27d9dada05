"""Boundary IoU: how well the outlines of classes are met, where IoU is ruled by the inside of large regions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Integer
from torch import Tensor

SHARE = 0.005
"""Width of the band along an outline, as a share of the image's diagonal, that the authors take for Cityscapes."""


def band_width(height: int, width: int, share: float = SHARE) -> int:
    """Pixels that the band along an outline is wide, at least 1.

    Example:
        >>> band_width(256, 512)
        3
    """
    return max(1, round(share * math.hypot(height, width)))


def boundary_counts(
    prediction: Integer[Tensor, "h w"], label: Integer[Tensor, "h w"], num_classes: int, band: int
) -> tuple[Integer[Tensor, " c"], Integer[Tensor, " c"]]:
    """Intersection and union, in pixels, of the bands along the outlines of each class in one image.

    The band of a class is its pixels that lie within `band` pixels (by rows and columns) of one of another class, or
    of the image's edge. Pixels without a label count for neither map. Boundary IoU of a data set is the sum of the
    intersections over the sum of the unions.

    Args:
        label: classes; outside [0, num_classes) is unlabelled.

    Source: Boundary IoU (Cheng et al., CVPR 2021).

    Example:
        >>> label = torch.tensor([[0, 0, 1, 1]] * 4)
        >>> both, either = boundary_counts(label, label, 2, 1)
        >>> bool((both == either).all())
        True
    """
    known = (label >= 0) & (label < num_classes)
    bands = [_bands(torch.where(known, each, -1), num_classes, band) for each in (prediction, label)]
    return (bands[0] & bands[1]).flatten(1).sum(1), (bands[0] | bands[1]).flatten(1).sum(1)


def _bands(classes: Tensor, num_classes: int, band: int) -> Tensor:
    """bool [c, h, w]: each class's pixels near to where it ends."""
    member = classes == torch.arange(num_classes, device=classes.device)[:, None, None]
    outside = F.pad((~member).float(), (band,) * 4, value=1.0)
    near = F.max_pool2d(F.max_pool2d(outside, (1, 2 * band + 1), 1), (2 * band + 1, 1), 1) > 0
    return member & near

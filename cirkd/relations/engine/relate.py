"""The relations of a batch, by the backend that `select` names.

add_up_pairs(student, teacher, own, temperature, precision, gradient) -> scalar          every two images
keyed_values(student, teacher, temperature, precision, gradient) -> [n]                  rows against keys
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from cirkd.relations.engine import tiled
from cirkd.relations.engine.select import streamed_for
from cirkd.relations.precision import Precision


def add_up_pairs(
    student: Float[Tensor, "b n d"],
    teacher: Float[Tensor, "b n e"],
    own: int,
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "o n d"] | None,
) -> Float[Tensor, ""]:
    """As `tiled.add_up_pairs`."""
    relate = streamed_for(student, teacher, temperature, precision)
    if relate is None or own < len(student):
        return tiled.add_up_pairs(student, teacher, own, temperature, precision, gradient)
    slope = None if gradient is None else gradient.flatten(0, 1)
    pairs = (student, student), (teacher, teacher)
    return relate(*pairs, len(student), temperature, precision, slope).sum(dtype=torch.float64)


def keyed_values(
    student: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    temperature: float,
    precision: Precision,
    gradient: Float[Tensor, "n d"] | None = None,
) -> Float[Tensor, " n"]:
    """As `tiled.keyed_values`."""
    relate = streamed_for(student[0], teacher[0], temperature, precision)
    if relate is None:
        return tiled.keyed_values(student, teacher, temperature, precision, gradient)
    return relate(student, teacher, 1, temperature, precision, gradient)[:, 0]

"""A ring buffer per class: the memory bank of the method.

ClassQueue(num_classes, size, width)
    .keys [C, Q, d] .written [C] .step [C, Q]      persistent buffers
    .enqueue(embeddings [n, d], labels [n], step)
    .sample(per_class, generator) -> ClassKeys(keys [k, d], labels [k])
    .fill() -> [C]
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from cirkd.relations.draws import uniform
from cirkd.relations.regions import group_sizes, rank_in_group


class ClassKeys(NamedTuple):
    """Keys and the class of each."""

    keys: Float[Tensor, "k d"]
    labels: Integer[Tensor, " k"]


class ClassQueue(nn.Module):
    """The last `size` embeddings of each class, in a ring: the newest replaces the oldest.

    Buffers (all persistent, so that a resumed run continues exactly):
        keys: float32 [num_classes, size, width], the rows as they came in; zero where never written.
        written: int64 [num_classes], rows ever written; the next goes to slot `written % size`.
        step: int64 [num_classes, size], the training step at which the row was written, -1 = never.

    Raises:
        ValueError: a size is not positive.

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3; wraps around where the published code jumps to slot 0.
    """

    keys: Tensor
    written: Tensor
    step: Tensor

    def __init__(self, num_classes: int, size: int, width: int) -> None:
        super().__init__()
        if min(num_classes, size, width) < 1:
            raise ValueError(
                f"queue of {num_classes} classes x {size} rows x {width} channels: each must be at least 1"
            )
        self.register_buffer("keys", torch.zeros(num_classes, size, width))
        self.register_buffer("written", torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer("step", torch.full((num_classes, size), -1, dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, embeddings: Float[Tensor, "n d"], labels: Integer[Tensor, " n"], step: int = 0) -> None:
        """Append rows in order, each to the ring of its class; labels outside [0, num_classes) are skipped.

        Args:
            step: the training step, kept as the age of the rows.

        Raises:
            ValueError: the width is not the queue's, or rows and labels differ in number.
        """
        classes, size, width = self.keys.shape
        if embeddings.shape[1] != width or len(embeddings) != len(labels):
            raise ValueError(
                f"{len(embeddings)} rows of width {embeddings.shape[1]} with {len(labels)} labels: "
                f"want one label per row of width {width}"
            )
        kept = ((labels >= 0) & (labels < classes)).nonzero()[:, 0]
        embeddings, labels = embeddings[kept], labels[kept].long()
        incoming = group_sizes(labels, classes)
        rank = rank_in_group(labels, classes)
        slot = (self.written[labels] + rank) % size
        if len(labels) > size:  # Of more rows than slots only the last lap stays, and no slot is written twice.
            last = (rank >= incoming[labels] - size).nonzero()[:, 0]
            embeddings, labels, slot = embeddings[last], labels[last], slot[last]
        self.keys[labels, slot] = embeddings.to(self.keys.dtype)
        self.step[labels, slot] = step
        self.written += incoming

    def sample(self, per_class: int, generator: torch.Generator | None = None) -> ClassKeys:
        """Up to `per_class` different written rows of each class, at random, in class order.

        A class with fewer rows gives what it has, an empty one nothing.

        Args:
            generator: source of the draw, on any device; None takes PyTorch's own.
        """
        classes, size, _ = self.keys.shape
        held = self.written.clamp(max=size)
        draw = uniform(classes, size, generator=generator, device=self.keys.device)
        draw.masked_fill_(torch.arange(size, device=draw.device) >= held[:, None], 2.0)
        slots = draw.topk(min(per_class, size), dim=1, largest=False).indices
        taken = torch.arange(slots.shape[1], device=slots.device) < held[:, None]
        labels = taken.nonzero()[:, 0]
        return ClassKeys(self.keys[labels, slots[taken]], labels)

    def fill(self) -> Float[Tensor, " c"]:
        """How full each class's ring is, in [0, 1]."""
        size = self.keys.shape[1]
        return self.written.clamp(max=size).float() / size

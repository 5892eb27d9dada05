"""A ring buffer per class: the memory bank of the method."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from cirkd.relations.random_numbers import uniform


class ClassKeys(NamedTuple):
    """Keys and the class of each."""

    keys: Float[Tensor, "k d"]
    labels: Integer[Tensor, " k"]


class Rings(NamedTuple):
    """The buffers of a queue; see there."""

    keys: Float[Tensor, "c q d"]
    written: Integer[Tensor, " c"]
    step: Integer[Tensor, "c q"]


class ClassQueue(nn.Module):
    """The last `size` embeddings of each class, in a ring: the newest replaces the oldest.

    Buffers (all persistent, so that a resumed run continues exactly):
        keys: float32 [num_classes, size, width], the rows as they came in; zero, or noise, where never written.
        written: int64 [num_classes], slots ever passed; the next row goes to slot `written % size`.
        step: int64 [num_classes, size], the training step at which the row was written, -1 = never.

    Args:
        noise: start from random unit vectors, drawn from the global generator, that are given out as keys until they
            are written over, as in the published code.

    Raises:
        ValueError: a size is not positive.

    Example:
        >>> queue = ClassQueue(num_classes=2, size=3, width=4)
        >>> queue.enqueue(torch.ones(5, 4), torch.tensor([0, 0, 0, 0, 1]))
        >>> queue.fill(), queue.sample(per_class=2).labels
        (tensor([1.0000, 0.3333]), tensor([0, 0, 1]))

    Source: CIRKD (Yang et al., CVPR 2022), section 3.3; wraps around where the published code jumps to slot 0 (see
    `end_at_last_slot`).
    """

    keys: Tensor
    written: Tensor
    step: Tensor

    def __init__(self, num_classes: int, size: int, width: int, *, noise: bool = False) -> None:
        super().__init__()
        if min(num_classes, size, width) < 1:
            raise ValueError(
                f"queue of {num_classes} classes x {size} rows x {width} channels: each must be at least 1"
            )
        self.noise = noise
        self._least_held = 0  # rows of any class, as far as known
        keys = torch.zeros(num_classes, size, width)
        self.register_buffer("keys", F.normalize(keys.normal_(), dim=2) if noise else keys)
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
        width = self.keys.shape[2]
        if embeddings.shape[1] != width or len(embeddings) != len(labels):
            raise ValueError(
                f"{len(embeddings)} rows of width {embeddings.shape[1]} with {len(labels)} labels: "
                f"want one label per row of width {width}"
            )
        write_rows(self.rings, embeddings, labels, step)

    @property
    def rings(self) -> Rings:
        return Rings(self.keys, self.written, self.step)

    def sample(self, per_class: int, generator: torch.Generator | None = None, *, shared: bool = False) -> ClassKeys:
        """Up to `per_class` different rows of each class, at random, in class order: written ones, or noise.

        A class with fewer rows gives what it has, an empty one nothing.

        Args:
            generator: source of the draw, on any device; None takes PyTorch's own.
            shared: one draw of slots serves all classes, as in the published code.
        """
        classes, size, _ = self.keys.shape
        device = self.keys.device
        count = min(per_class, size)
        held = torch.full_like(self.written, size) if self.noise else self.written.clamp(max=size)
        draw = uniform(1 if shared else classes, size, generator=generator, device=device).repeat(
            classes if shared else 1, 1
        )
        draw.masked_fill_(torch.arange(size, device=device) >= held[:, None], 2.0)
        slots = draw.topk(count, dim=1, largest=False).indices
        labels = torch.arange(classes, device=device).repeat_interleave(count)
        slots = slots.flatten()
        if not self._all_hold(count):
            taken = (torch.arange(count, device=device) < held[:, None]).flatten()
            labels, slots = labels[taken], slots[taken]
        return ClassKeys(self.keys[labels, slots], labels)

    def take(self, slots: Integer[Tensor, " k"]) -> ClassKeys:
        """The rows of these slots of the first class, then of the second, and so on."""
        labels = torch.arange(len(self.keys), device=self.keys.device).repeat_interleave(len(slots))
        return ClassKeys(self.keys[:, slots.to(self.keys.device)].flatten(0, 1), labels)

    def _all_hold(self, count: int) -> bool:
        """Whether each class holds `count` rows. A GPU is waited for until it once does: no row is ever given up."""
        if self._least_held < count:
            self._least_held = self.keys.shape[1] if self.noise else int(self.written.min())
        return self._least_held >= count

    def _load_from_state_dict(self, *given: Any, **named: Any) -> None:
        self._least_held = 0
        super()._load_from_state_dict(*given, **named)

    def fill(self) -> Float[Tensor, " c"]:
        """How full each class's ring is, in [0, 1]."""
        size = self.keys.shape[1]
        return self.written.clamp(max=size).float() / size


def write_rows(
    rings: Rings, embeddings: Float[Tensor, "n d"], labels: Integer[Tensor, " n"], step: int | Integer[Tensor, ""]
) -> None:
    """As `ClassQueue.enqueue`, into its buffers; a GPU is not asked for any value."""
    if not len(labels):
        return
    classes, size, _ = rings.keys.shape
    member = labels == torch.arange(classes, device=labels.device)[:, None]
    count = member.cumsum(dim=1)
    incoming = count[:, -1]
    # Of more rows than slots only the last lap stays, so that no slot is written twice.
    kept = member if len(labels) <= size else member & (count > incoming[:, None] - size)
    stays, label = kept.max(dim=0)
    slot = (rings.written[:, None] + count - 1).gather(0, label[None])[0] % size
    # A row that is left out writes what the first of those that stay writes, and without any, what is there: so as many
    # rows are written whatever the labels are.
    first = stays.to(torch.uint8).argmax()
    source = torch.where(stays, torch.arange(len(labels), device=labels.device), first)
    label, slot, any_stays = label[source], slot[source], stays.any()
    rows = embeddings[source].to(rings.keys.dtype)
    rings.keys[label, slot] = torch.where(any_stays, rows, rings.keys[label, slot])
    rings.step[label, slot] = torch.where(any_stays, step, rings.step[label, slot])
    rings.written.add_(incoming)


def end_at_last_slot(rings: Rings, labels: Integer[Tensor, " n"]) -> None:
    """Have the rows of each class, where they would reach or pass the last slot, end in it: the published overflow.

    Call it before `write_rows` with the same labels. The rows then replace the newest ones instead of the oldest, and
    the next row goes to slot 0.
    """
    classes, size, _ = rings.keys.shape
    incoming = (labels == torch.arange(classes, device=labels.device)[:, None]).sum(dim=1)
    end = (rings.written // size + 1) * size
    rings.written.copy_(torch.where(rings.written + incoming >= end, end - incoming, rings.written))

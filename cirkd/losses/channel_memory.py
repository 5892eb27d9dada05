"""A memory of the teacher's channels (CIRKDv2), with the projection that takes the student's to their number."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkd.losses.memory import projection_head
from cirkd.relations import ClassQueue, normalize
from cirkd.relations.gather import gather_rows


class ChannelMemory(nn.Module):
    """A queue of the teacher's channels, and the head that takes the student to the teacher's width.

    Args:
        student_width, teacher_width: of the embeddings.
        positions: of an embedding map after `channel_pool`; the width of the queue's rows.
        queue_size: rows kept.
        contrast: keys drawn.
        enqueued: rows enqueued a step, over all processes.

    Source: CIRKDv2. Unlike the published code, the queue wraps around, gives out only rows that were written, and
    takes in a batch after it was drawn from.
    """

    def __init__(
        self, student_width: int, teacher_width: int, positions: int, *, queue_size: int, contrast: int, enqueued: int
    ) -> None:
        super().__init__()
        self.projection = projection_head(student_width, teacher_width)
        self.queue = ClassQueue(1, queue_size, positions)
        self.contrast = contrast
        self.enqueued = enqueued

    def sample(self, generator: torch.Generator | None = None) -> Float[Tensor, "k n"]:
        """Random rows of the queue, as many as there are up to `contrast`."""
        return self.queue.sample(self.contrast, generator).keys

    @torch.no_grad()
    def update(self, teacher: Float[Tensor, "b c n"], step: int = 0, generator: torch.Generator | None = None) -> None:
        """Enqueue random channels of the batch; where several processes train, of all their batches alike."""
        rows = normalize(teacher).flatten(0, 1)
        rows, labels = gather_rows(rows, torch.zeros(len(rows), dtype=torch.int64, device=rows.device))
        device = generator.device if generator is not None else rows.device
        chosen = torch.randperm(len(rows), generator=generator, device=device)[: self.enqueued].to(rows.device)
        self.queue.enqueue(rows[chosen], labels[chosen], step)

"""The parts that terms train beside the student: projections, context, discriminator and the channel memory.

Heads(names, num_classes, student_width, teacher_width, positions=0, ...)     names out of HEADS
    .hint .channel_wise .context .channels .discriminator -> module, or None where not asked for
    .names() -> those that are there
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkd.losses.context import ContextModule
from cirkd.losses.discriminator import Discriminator
from cirkd.losses.memory import projection_head
from cirkd.relations import ClassQueue, normalize
from cirkd.relations.gather import gather_rows

HEADS = ("hint", "channel_wise", "context", "channels", "discriminator")


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


class Heads(nn.Module):
    """What the terms of an objective need beside student and memory; its parameters are trained with the student's.

    Args:
        names: which ones, out of `HEADS`.
        num_classes: of the logits.
        student_width, teacher_width: of the embeddings.
        positions: of an embedding map after `channel_pool`; for `channels` alone.
        channel_queue_size, channel_contrast, channels_enqueued: as in `ChannelMemory`.

    Raises:
        ValueError: a name that is not known.
    """

    def __init__(
        self,
        names: Collection[str],
        num_classes: int,
        student_width: int,
        teacher_width: int,
        positions: int = 0,
        *,
        channel_queue_size: int = 10_000,
        channel_contrast: int = 2_048,
        channels_enqueued: int = 256,
    ) -> None:
        super().__init__()
        unknown = sorted(set(names) - set(HEADS))
        if unknown:
            raise ValueError(f"there is no head {unknown[0]!r}; choose among {', '.join(HEADS)}")
        self.hint = nn.Conv2d(student_width, teacher_width, 1, bias=False) if "hint" in names else None
        self.channel_wise = nn.Conv2d(student_width, teacher_width, 1, bias=False) if "channel_wise" in names else None
        self.context = ContextModule(student_width) if "context" in names else None
        self.discriminator = Discriminator(num_classes) if "discriminator" in names else None
        self.channels: ChannelMemory | None = None
        if "channels" in names:
            self.channels = ChannelMemory(
                student_width, teacher_width, positions, queue_size=channel_queue_size, contrast=channel_contrast,
                enqueued=channels_enqueued,
            )  # fmt: skip

    def names(self) -> tuple[str, ...]:
        """Those that are there."""
        return tuple(name for name in HEADS if getattr(self, name) is not None)

"""Relations between channels, their memory, and context by self-attention (CIRKDv2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cirkd.losses.memory import memory_relation, projection_head
from cirkd.relations import ClassQueue, Precision, full_precision, normalize, pairwise_divergence, product_precision
from cirkd.relations.gather import gather_rows

CHANNEL_POOL = 4
"""Sides of the squares that are averaged."""


@full_precision
def channel_pool(embedding: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c p q"]:
    """The map average-pooled 4x4, sizes rounded up: what channels are compared on, before any projection.

    Example:
        >>> import torch
        >>> channel_pool(torch.rand(2, 8, 64, 64)).shape
        torch.Size([2, 8, 16, 16])
    """
    return F.avg_pool2d(embedding, CHANNEL_POOL, ceil_mode=True)


def minibatch_channel_relation(
    student: Float[Tensor, "b c n"],
    teacher: Float[Tensor, "b c n"],
    temperature: float = 0.1,
    *,
    precision: Precision | None = None,
) -> Float[Tensor, ""]:
    """Mean divergence of the relations between the channels of every ordered pair of images, in nats.

    Rows are channels, l2-normalised here over their n positions: maps pooled by `channel_pool`, the student's then
    projected to the teacher's width, flattened. Only the student receives a gradient.

    Args:
        precision: of the products of matrices, as in `minibatch_pixel_relation`.

    Raises:
        ValueError: shapes differ, or the temperature is not positive.

    Source: CIRKDv2, mini-batch channel-to-channel; as eq. 1 of CIRKD.

    Example:
        >>> import torch
        >>> channels = torch.rand(2, 3, 4)
        >>> minibatch_channel_relation(channels, channels).item() < 1e-6
        True
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"student rows {list(student.shape)} and teacher rows {list(teacher.shape)}: must be the same shape; "
            "project the student to the teacher's width first"
        )
    return pairwise_divergence(student, teacher, temperature, product_precision(precision, student))


def memory_channel_relation(
    student: Float[Tensor, "b c n"],
    teacher: Float[Tensor, "b c n"],
    keys: Float[Tensor, "k n"],
    temperature: float = 0.1,
) -> Float[Tensor, ""]:
    """Mean divergence of the channels' relations to the keys of a channel memory, in nats.

    Source: CIRKDv2, memory channel-to-channel; as eq. 2 of CIRKD.

    Example:
        >>> import torch
        >>> channels, keys = torch.rand(2, 3, 4), torch.rand(5, 4)
        >>> memory_channel_relation(channels, channels, keys).item() < 1e-6
        True
    """
    return memory_relation(student.flatten(0, 1), teacher.flatten(0, 1), keys, temperature)


@full_precision
def channel_difference(student: Float[Tensor, "b c n"], teacher: Float[Tensor, "b c n"]) -> Float[Tensor, ""]:
    """Mean squared difference of the l2-normalised channels. Only the student receives a gradient.

    Source: CIRKDv2, mean-squared term.

    Example:
        >>> import torch
        >>> channels = torch.rand(2, 3, 4)
        >>> channel_difference(channels, channels).item() < 1e-6
        True
    """
    return F.mse_loss(normalize(student), normalize(teacher.detach()))


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


class ContextModule(nn.Module):
    """Every position sees all others of its image before it is compared with the teacher's.

    Query, key and value by 1x1 convolutions to half the width; softmax of their scaled products over the positions;
    1x1 convolution, BN and ReLU back to the width; beside the input, 1x1 convolution, BN and ReLU.

    Args:
        width: of the embedding, at least 2.

    Source: CIRKDv2, the context module before its FitNet term.

    Example:
        >>> import torch
        >>> ContextModule(8)(torch.rand(1, 8, 16, 16)).shape
        torch.Size([1, 8, 16, 16])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.query = nn.Conv2d(width, half, 1, bias=False)
        self.key = nn.Conv2d(width, half, 1, bias=False)
        self.value = nn.Conv2d(width, half, 1, bias=False)
        self.widen = _conv_norm_relu(half, width)
        self.merge = _conv_norm_relu(2 * width, width)

    def forward(self, embedding: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        query, key, value = (head(embedding).flatten(2).transpose(1, 2) for head in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        context = self.widen(seen.unflatten(2, embedding.shape[2:]))
        return self.merge(torch.cat([embedding, context], dim=1))


def _conv_norm_relu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

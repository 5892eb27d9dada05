"""Rows of all processes, where several train together."""

from __future__ import annotations

import torch
import torch.distributed as dist
from jaxtyping import Float, Integer
from torch import Tensor


def gather_rows(
    embeddings: Float[Tensor, "n d"], labels: Integer[Tensor, " n"]
) -> tuple[Float[Tensor, "m d"], Integer[Tensor, " m"]]:
    """Rows of every process in the order of their ranks, the same everywhere; the own ones in a single process.

    Processes may bring different numbers of rows, none included. No gradient.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return embeddings, labels
    count = torch.tensor([len(labels)], device=labels.device)
    counts = [torch.empty_like(count) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, count)
    numbers = [int(number) for number in counts]
    return _gather_padded(embeddings, numbers), _gather_padded(labels, numbers)


def _gather_padded(rows: Tensor, counts: list[int]) -> Tensor:
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded)
    return torch.cat([part[:count] for part, count in zip(gathered, counts, strict=True)])

"""What the other processes hold, where several train together."""

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
    if not several_processes():
        return embeddings, labels
    numbers = [int(number) for number in _gather(torch.tensor([len(labels)], device=labels.device))]
    return _gather_padded(embeddings, numbers), _gather_padded(labels, numbers)


def share_of_mean(count: Tensor, total: Tensor, parts: int = 1, *, across: bool = True) -> Tensor:
    """Weight that turns a part's mean over `count` items into its part of the mean over all parts and processes.

    With means scaled by it, the mean over parts and processes, as is taken of gradients, is the mean over all items.

    Args:
        total: items of this process, in all of its `parts`.
        across: whether over processes as well; else over the parts of this one alone.

    Example:
        >>> share_of_mean(torch.tensor(3), torch.tensor(4), 2)
        tensor(1.5000, dtype=torch.float64)
    """
    # In float64, for the sake of means that are.
    total = total.detach().double()
    processes = 1
    if across and several_processes():
        dist.all_reduce(total)
        processes = dist.get_world_size()
    return count * parts * processes / total.clamp(min=1)


def own_share(shape: tuple[int, ...]) -> tuple[int, slice]:
    """How many times `shape[0]` there is over all processes, which bring equally many, and the slice that is here."""
    if not several_processes():
        return shape[0], slice(None)
    first = dist.get_rank() * shape[0]
    return shape[0] * dist.get_world_size(), slice(first, first + shape[0])


def other_images(
    student: Float[Tensor, "b n d"], teacher: Float[Tensor, "b n e"]
) -> tuple[Float[Tensor, "o n d"], Float[Tensor, "o n e"]] | None:
    """Student and teacher embeddings of all other processes' images, in the order of ranks; None in a single process.

    No gradient: each process computes what its own images' embeddings have a part in.

    Raises:
        ValueError: the processes' batches differ in shape; in every process alike.
    """
    if not several_processes():
        return None
    shapes = _gather(torch.tensor([*student.shape, teacher.shape[2]], device=student.device))
    if any(not torch.equal(shape, shapes[0]) for shape in shapes):
        told = ", ".join(str(shape.tolist()[:2]) for shape in shapes)
        raise ValueError(
            f"images x positions of the processes are {told}: relations across processes need the same everywhere; "
            "choose a batch that the processes share evenly"
        )
    rank = dist.get_rank()
    gathered = [_gather(x.detach().contiguous()) for x in (student, teacher)]
    students, teachers = ([part for index, part in enumerate(parts) if index != rank] for parts in gathered)
    return torch.cat(students), torch.cat(teachers)


def several_processes() -> bool:
    """Whether torch.distributed runs in more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _gather(x: Tensor) -> list[Tensor]:
    """A tensor of the same shape from every process."""
    gathered = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, x)
    return gathered


def _gather_padded(rows: Tensor, counts: list[int]) -> Tensor:
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    return torch.cat([part[:count] for part, count in zip(_gather(padded), counts, strict=True)])

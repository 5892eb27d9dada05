"""This process among those that `accelerate launch` or `torchrun` started; alone where neither did."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from cirkd.data.errors import TrainingError


@dataclass(frozen=True)
class Processes:
    """Which share of the work is this process's.

    Args:
        index: Its number, from 0.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        return self.index == 0

    def share(self, items: Sequence[int]) -> list[int]:
        """Every `count`-th item, from this process's own on."""
        return list(items[self.index :: self.count])

    def summed(self, counts: Tensor) -> Tensor:
        """The sum of int64 counts over all processes, the same in each; exact, whatever their order."""
        if self.count == 1:
            return counts
        import torch.distributed as dist

        device = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else counts.device
        total = counts.to(device, copy=True)
        dist.all_reduce(total)
        return total.to(counts.device)

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        if self.count > 1:
            import torch.distributed as dist

            dist.barrier()


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that the environment names, left together at the end.

    One that ends while threads of its group still run is now and then aborted by them.

    Raises:
        TrainingError: the launcher started another number than found each other.
    """
    processes = current_processes()
    yield processes
    if processes.count > 1:
        import torch.distributed as dist

        processes.wait()
        dist.destroy_process_group()


def current_processes() -> Processes:
    """The processes that the environment names; joins their group where there are several.

    Raises:
        TrainingError: the launcher started another number than found each other.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started < 2:
        return Processes()
    # Defaults of its functions are the group that is there when it is imported: later, and the group never ends.
    import torch.distributed.nn.functional
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    if state.num_processes != started:
        raise TrainingError(
            f"{started} processes were started and {state.num_processes} found each other; "
            "start them with torchrun or accelerate launch"
        )
    return Processes(state.process_index, state.num_processes)

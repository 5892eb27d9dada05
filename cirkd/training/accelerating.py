"""accelerate as a run uses it: one process or many, their precision, what they agree on, and trackers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from cirkd.data.errors import TrainingError
from cirkd.losses.objective import Terms
from cirkd.relations.precision import has_bf16
from cirkd.training.processes import Processes, current_processes
from cirkd.training.recipes import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")
_MIXED = {"float64": "no", "float32": "no", "bf16": "bf16", "fp16": "fp16"}
PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}
"""Modules of which each tracker needs one."""


def make_accelerator(recipe: Recipe) -> Accelerator:
    """The device and the processes that the launcher gave, with the recipe's precision and trackers.

    Raises:
        TrainingError: a tracker is not installed, or the launcher's processes did not find each other.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    require_installed(recipe.trackers)
    together = current_processes().count > 1
    objective = recipe.objective
    untrained = recipe.network.auxiliary and not objective.auxiliary
    unjudged = bool(objective.adversarial) and not objective.discriminator
    # Queues are the same everywhere already; to send them around at every step would cost more than the step.
    wrapping = DistributedDataParallelKwargs(broadcast_buffers=False, find_unused_parameters=untrained or unjudged)
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != _MIXED[recipe.precision]:
        # An earlier run of this process had another precision, which accelerate would hold on to.
        AcceleratorState._reset_state()
    accelerator = Accelerator(
        # Without a GPU, several processes find each other only where accelerate is told that there is none.
        cpu=together and not torch.cuda.is_available(),
        mixed_precision=_MIXED[recipe.precision],
        log_with=list(recipe.trackers) or None,
        project_dir=str(recipe.run_folder),
        kwargs_handlers=[wrapping],
    )
    if recipe.precision == "bf16" and not has_bf16(accelerator.device):
        warnings.warn("no arithmetic for bf16 here: a step takes hundreds of times float32's time", stacklevel=2)
    return accelerator


def make_optimizer(recipe: Recipe, module: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser of all of a module's parameters."""
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        module.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def processes_of(accelerator: Accelerator) -> Processes:
    """The accelerator's rank and number of processes, as `Processes`."""
    return Processes(accelerator.process_index, accelerator.num_processes)


def any_of(accelerator: Accelerator, *flags: bool) -> tuple[bool, ...]:
    """For each flag, whether it is set in any process; the same in all, so that they leave a loop together."""
    if accelerator.num_processes == 1:
        return flags
    counts = torch.tensor(flags, dtype=torch.int32, device=accelerator.device)
    dist.all_reduce(counts)
    return tuple(bool(count) for count in counts.tolist())


def of_every_process(accelerator: Accelerator, value: T) -> list[T]:
    """What each process brings, in the order of ranks; the same in all."""
    if accelerator.num_processes == 1:
        return [value]
    found = [value] * accelerator.num_processes
    dist.all_gather_object(found, value)
    return found


def averaged(accelerator: Accelerator, terms: Terms) -> dict[str, float]:
    """Every term's mean over the processes."""
    values = torch.stack([value.detach() for value in terms.values()])
    if accelerator.num_processes > 1:
        dist.all_reduce(values)
        values /= accelerator.num_processes
    return dict(zip(terms, values.tolist(), strict=True))


def share_statistics(accelerator: Accelerator, module: nn.Module) -> None:
    """Give every process the first one's running statistics, so that all evaluate one network."""
    if accelerator.num_processes > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def normalise_over_processes(module: nn.Module, accelerator: Accelerator) -> None:
    """Take batch statistics over all processes, in what lies inside a module; timm's norms keep their activations."""
    if accelerator.num_processes == 1:
        return
    if accelerator.device.type == "cuda":
        from timm.layers.norm_act import convert_sync_batchnorm

        convert_sync_batchnorm(module)
    else:
        from cirkd.training.batch_norm import share_batch_norms

        share_batch_norms(module)


def refuse_overwriting(recipe: Recipe, resume: bool) -> None:
    """Raise TrainingError where a new run would take the place of one that is there."""
    if not resume and (recipe.run_folder / "state.pt").exists():
        raise TrainingError(
            f"{recipe.run_folder} holds a run already; continue it with --resume, or choose another --name"
        )


def require_equal_parts(recipe: Recipe) -> None:
    """Raise TrainingError unless a process's share of a batch can be cut into the parts that are asked for."""
    share = recipe.batch_size // int(os.environ.get("WORLD_SIZE", "1"))
    if recipe.accumulate < 1 or share % recipe.accumulate:
        raise TrainingError(
            f"a process's {share} images in {recipe.accumulate} parts: choose --accumulate so that all are alike"
        )


def require_installed(trackers: Sequence[str]) -> None:
    """Raise TrainingError unless each tracker's package is installed."""
    for name in trackers:
        if not any(find_spec(module) for module in PACKAGES[name]):
            raise TrainingError(f"--trackers {name}: not installed; pip install {PACKAGES[name][0]}, or leave it out")


def begin_tracking(accelerator: Accelerator, name: str, settings: Mapping[str, Any]) -> None:
    """Open the trackers for a run; nothing without any.

    Args:
        name: of the run.
        settings: its recipe as plain values.
    """
    if accelerator.trackers or not accelerator.log_with:
        return
    accelerator.init_trackers("cirkd", config=dict(flat(settings)), init_kwargs={"wandb": {"name": name}})


def track(accelerator: Accelerator, values: Mapping[str, Any], step: int) -> None:
    """Write nested numbers to the trackers under names as `raw.kd`; nothing without any."""
    if accelerator.trackers:
        accelerator.log(flat(values), step=step)


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str | int | float | bool]:
    """Nested settings as `objective.kd` -> value; what is no number stands as text."""
    found: dict[str, str | int | float | bool] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        else:
            found[before + name] = value if isinstance(value, int | float | str) else str(value)
    return found

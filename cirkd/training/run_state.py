"""Everything that a run needs to go on as if it had never stopped, in one file written atomically."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cirkd.data.errors import TrainingError


def save_state(
    path: Path, *, step: int, module: nn.Module, optimizer: torch.optim.Optimizer, memory_draws: torch.Generator
) -> None:
    """Save weights, optimiser, queues, projection and random states after `step` steps.

    The old file is replaced only by a complete new one.

    Raises:
        TrainingError: the disk refuses; the old file is untouched.
    """
    state = {
        "step": step,
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "memory_draws": memory_draws.get_state(),
        "random": torch.get_rng_state(),
        "random_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"{path}: the run's state cannot be written ({error}); free some space and --resume"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def load_state(
    path: Path, *, module: nn.Module, optimizer: torch.optim.Optimizer, memory_draws: torch.Generator
) -> int:
    """Load what `save_state` wrote, in place.

    Returns:
        The number of steps done.

    Raises:
        TrainingError: no state, a damaged one, or one of another network.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: nothing to resume here; start the run without --resume")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        memory_draws.set_state(state["memory_draws"])
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available() and state["random_gpu"]:
            torch.cuda.set_rng_state_all(state["random_gpu"])
    except Exception as error:
        # torch reports torn files and foreign networks through many exception types.
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(f"{path}: cannot be resumed from ({reason}); start again without --resume") from None
    return int(state["step"])

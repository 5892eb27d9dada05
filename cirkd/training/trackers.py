"""Where a run is followed beside its own journal: TensorBoard or Weights & Biases, through accelerate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cirkd.data.errors import TrainingError

if TYPE_CHECKING:
    from accelerate import Accelerator

PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}
"""Modules of which each tracker needs one."""


def require_installed(trackers: Sequence[str]) -> None:
    """
    Raises:
        TrainingError: a tracker's package is not installed.
    """
    for name in trackers:
        if not any(find_spec(module) for module in PACKAGES[name]):
            raise TrainingError(f"--trackers {name}: not installed; pip install {PACKAGES[name][0]}, or leave it out")


def begin(accelerator: Accelerator, name: str, settings: Mapping[str, Any]) -> None:
    """Open the trackers for a run; nothing without any.

    Args:
        name: of the run.
        settings: its recipe as plain values.
    """
    if accelerator.trackers or not accelerator.log_with:
        return
    accelerator.init_trackers("cirkd", config=dict(flat(settings)), init_kwargs={"wandb": {"name": name}})


def log(accelerator: Accelerator, values: Mapping[str, Any], step: int) -> None:
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

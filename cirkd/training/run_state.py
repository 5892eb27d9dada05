"""Everything that a run needs to go on as if it had never stopped, in one file written atomically."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cirkd.data.errors import TrainingError
from cirkd.data.whole_files import replacing
from cirkd.training.setup import plain_recipe
from cirkd.training.steps import Steps

_FREE_TO_CHANGE = frozenset(
    {
        "output",
        "root",
        "runs",
        "workers",
        "evaluate_every",
        "snapshot_every",
        "save_every",
        "journal_every",
        "keep_weights",
        "trackers",
        "teacher_outputs",
    }
)


def free_to_change(recipe: Mapping[str, Any]) -> frozenset[str]:
    """Fields of a recipe that change where things lie and how often they are written, never what is computed.

    A named data set is the same wherever it lies; of a folder of one's own the place is all that tells which it is.
    """
    return _FREE_TO_CHANGE - ({"root"} if recipe.get("data") == "folder" else set())


def random_state() -> list[torch.Tensor]:
    """Of this process's generators: the processor's, and that of the GPU it is on, where there is one."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])]


def save_state(path: Path, steps: Steps, others: Sequence[list[torch.Tensor]] = ()) -> None:
    """Save weights, their average, optimiser, loss scale, queues, projection, random states and recipe of a run.

    The old file is replaced only by a complete new one, and stays beside it as `previous(path)`: should the disk lose
    what it was given last, the run goes on from the one before.

    Args:
        others: `random_state` of the run's other processes.

    Raises:
        TrainingError: the disk refuses; the old file is untouched.
    """
    state = {
        "step": steps.done,
        "recipe": plain_recipe(steps.recipe),
        "contents": steps.contents,
        "module": steps.module.state_dict(),
        "average": None if steps.average is None else steps.average.state_dict(),
        "optimizer": steps.optimizer.state_dict(),
        "loss_scale": None if steps.accelerator.scaler is None else steps.accelerator.scaler.state_dict(),
        "memory_draws": steps.draws.get_state(),
        "random": torch.get_rng_state(),
        "random_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "others_random": list(others),
    }
    try:
        with replacing(path) as temporary:
            with temporary.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            _keep(path)
    except (OSError, RuntimeError) as error:
        raise TrainingError(
            f"{path}: the run's state cannot be written ({error}); free some space and --resume"
        ) from None


def load_state(path: Path, steps: Steps) -> None:
    """Load what `save_state` wrote, in place; the state before it where that one is torn.

    Raises:
        TrainingError: no state, a damaged one, or one of another recipe or other files.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: nothing to resume here; start the run without --resume")
    state = _read(path)
    _refuse_another_recipe(path, state.get("recipe", {}), plain_recipe(steps.recipe))
    _refuse_other_files(path, state.get("contents", {}), steps.contents)
    try:
        steps.module.load_state_dict(state["module"])
        if steps.average is not None:
            steps.average.load_state_dict(state["average"])
        steps.optimizer.load_state_dict(state["optimizer"])
        if steps.accelerator.scaler is not None and state.get("loss_scale"):
            steps.accelerator.scaler.load_state_dict(state["loss_scale"])
        steps.draws.set_state(state["memory_draws"])
        _set_random(state, steps.accelerator.process_index)
    except Exception as error:
        raise _unusable(path, error) from None
    steps.done = int(state["step"])


def _set_random(state: Mapping[str, Any], rank: int) -> None:
    """Let a process draw on where it was; one that the state does not know keeps the seed it began with."""
    if rank == 0:
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available() and state["random_gpu"]:
            torch.cuda.set_rng_state_all(state["random_gpu"])
    elif rank <= len(others := state.get("others_random", [])):
        processor, *gpu = others[rank - 1]
        torch.set_rng_state(processor)
        if torch.cuda.is_available() and gpu:
            torch.cuda.set_rng_state(gpu[0])


def previous(path: Path) -> Path:
    """Where the state before the last one lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _keep(path: Path) -> None:
    """Let the state that is there also be the previous one; at no moment is there none."""
    if not path.is_file():
        return
    before = previous(path)
    before.unlink(missing_ok=True)
    try:
        os.link(path, before)
    except OSError:  # a file system without links
        shutil.copy2(path, before)


def _read(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        try:
            return torch.load(previous(path), map_location="cpu", weights_only=True)
        except Exception:
            raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> TrainingError:
    # torch reports torn files and foreign networks through many exception types.
    reason = " ".join(str(error).split())[:120]
    return TrainingError(f"{path}: cannot be resumed from ({reason}); start again without --resume")


def _refuse_another_recipe(path: Path, started: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """A resumed run equals an uninterrupted one only under the recipe that it was started with."""
    for name in sorted(started.keys() & wanted.keys() - free_to_change(started)):
        if not _alike(started[name], wanted[name]):
            raise TrainingError(
                f"{path.parent}: started with {name} {_shown(started[name])}, not {_shown(wanted[name])}; "
                "resume with the flags of its start, or train again under another --name"
            )


def _refuse_other_files(path: Path, started: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """States from before files were told by their content name none."""
    for flag in sorted(started.keys() & wanted.keys()):
        if started[flag] != wanted[flag]:
            raise TrainingError(
                f"{path.parent}: started with another --{flag} of the same name, or with other answers beside it; "
                "resume with what it was started with, or train again under another --name"
            )


def _alike(one: Any, other: Any) -> bool:
    """Equal in all that both have: fields that came later are at their defaults in what was begun before them."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_alike(one[name], other[name]) for name in one.keys() & other.keys())
    return one == other


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

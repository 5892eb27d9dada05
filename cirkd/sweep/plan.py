"""What a sweep trains, every entry with every seed, and its runs as processes, resumed where they were."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from cirkd.data.errors import TrainingError
from cirkd.training import runs
from cirkd.training.journal import read_history
from cirkd.training.progress import StopRequest
from cirkd.training.recipes import Recipe, find_recipe

_LOOK_EVERY = 0.5  # seconds
Place = Mapping[str, str]
"""Where a run works, as variables of its environment."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        entry: as given: a recipe, and flags of its own after it.
        seed: of the run.
        word: the recipe's name, or FILE.py:FUNCTION.
        flags: for `cirkd train`, the seed among them.
        recipe: what they come to, with the run's name and folder.
    """

    entry: str
    seed: int
    word: str
    flags: tuple[str, ...]
    recipe: Recipe

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def folder(self) -> Path:
        return self.recipe.run_folder


def plan(entries: Sequence[str], seeds: Sequence[int], flags: Sequence[str], folder: Path) -> list[Job]:
    """The runs of a sweep: all entries with the first seed, then with the next.

    Args:
        entries: recipes; one in quotes may have flags after it, as "streets-cirkd --objective.temperature 0.2".
        flags: for all runs, as on `cirkd train`'s command line.
        folder: the sweep's; runs lie in `runs/` in it.

    Raises:
        TrainingError: no entries or seeds, one given twice, or a recipe that can't be made.
    """
    if not entries or not seeds:
        raise TrainingError("a sweep needs recipes and seeds: cirkd sweep streets-baseline streets-cirkd --seeds 0 1 2")
    names = [_slug(entry) for entry in entries]
    for what, given in (("recipe", names), ("seed", list(seeds))):
        twice = [item for index, item in enumerate(given) if item in given[:index]]
        if twice:
            raise TrainingError(f"the {what} {twice[0]} is given twice; give each once")
    return [_job(entry, seed, flags, folder) for seed in seeds for entry in entries]


def _job(entry: str, seed: int, flags: Sequence[str], folder: Path) -> Job:
    word, *own = _words(entry)
    every = (*flags, *own, "--seed", str(seed))
    run = ("--name", run_name(entry, seed), "--runs", str(folder / "runs"))
    recipe = tyro.cli(Recipe, prog=f"cirkd sweep {word}", default=find_recipe(word), args=[*every, *run])
    return Job(entry, seed, word, every, recipe)


def _words(entry: str) -> list[str]:
    try:
        words = shlex.split(entry)
    except ValueError as error:
        raise TrainingError(f"{entry!r}: {error}; close the quotation") from None
    if not words:
        raise TrainingError("an empty recipe was given; name one, as streets-cirkd")
    return words


def run_name(entry: str, seed: int) -> str:
    """The name of an entry's run with a seed, and of its folder.

    Example:
        >>> run_name("streets-cirkd --objective.temperature 0.2", 3)
        'streets-cirkd-objective.temperature-0.2-seed3'
    """
    return f"{_slug(entry)}-seed{seed}"


def _slug(entry: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", entry).strip("-.") or "recipe"


def places(gpus: Sequence[int], at_once: int) -> list[Place]:
    """Where a sweep's runs go at a time: to each GPU that is named or there, else to the processor's cores."""
    import torch

    chosen = list(gpus) or list(range(torch.cuda.device_count()))
    if chosen:
        return [{"CUDA_VISIBLE_DEVICES": str(gpu)} for _ in range(at_once) for gpu in chosen]
    if at_once == 1:
        return [{}]
    threads = max(1, torch.get_num_threads() // at_once)
    return [{"OMP_NUM_THREADS": str(threads)} for _ in range(at_once)]


def run_all(
    jobs: Sequence[Job],
    places: Sequence[Place],
    *,
    stopping: StopRequest,
    say: Callable[[str], object],
    finished: Callable[[Job], object],
) -> list[Job]:
    """Train what is not trained yet; a run that is at work already, as after this process was killed, is waited for.

    Args:
        places: one run on each at a time.
        stopping: when requested, the runs at work save and end, and no further one begins.
        say: called with a line for what happens.
        finished: called with each job whose run is complete, those of earlier calls included.

    Returns:
        The jobs that failed.

    Raises:
        TrainingError: a run of that name was started with another recipe or other flags.
    """
    for job in jobs:
        _refuse_another(job)
    waiting, working, failed = list(jobs), dict[int, Job](), list[Job]()
    asked = False
    while waiting or working:
        for place, environment in enumerate(places):
            while place not in working and waiting and not stopping.requested:
                job = waiting.pop(0)
                if _begin(job, environment, say):
                    working[place] = job
                else:
                    finished(job)
        if stopping.requested:
            waiting.clear()
            if not asked:
                asked = True
                say("stopping: runs at work are saved")
                for job in working.values():
                    runs.stop(job.folder)
        for place, job in list(working.items()):
            run = runs.read_run(job.folder)
            if run.status == "running":
                continue
            del working[place]
            if run.status == "finished":
                finished(job)
            elif not stopping.requested:
                failed.append(job)
                say(f"{job.name}: {run.status}; {run.error or f'its log is {job.folder}/log.txt'}")
        if working:
            time.sleep(_LOOK_EVERY)
    return failed


def _begin(job: Job, environment: Place, say: Callable[[str], object]) -> bool:
    """Set a job's run to work; False where it is complete."""
    status = runs.read_run(job.folder).status
    if status == "finished":
        return False
    if status == "running":
        say(f"{job.name}: is at work already; waiting for it")
    elif runs.started_as(job.folder) is not None:
        say(f"{job.name}: goes on at step {read_history(job.folder / 'journal.jsonl').step}")
        runs.resume(job.folder, environment=environment)
    else:
        say(f"{job.name}: begins")
        runs.start(job.word, job.name, job.folder.parent, job.flags, environment=environment)
    return True


def _refuse_another(job: Job) -> None:
    started = runs.started_as(job.folder)
    if started is not None and started != (job.word, list(job.flags)):
        was = " ".join([started[0], *started[1]])
        raise TrainingError(
            f"{job.folder}: started as `{was}`; go on with the same recipes and flags, or sweep into another folder"
        )

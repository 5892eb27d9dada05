"""`cirkd sweep`: train, measure, table and compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from cirkd.data.errors import TrainingError
from cirkd.sweep.measures import kept_row, measure, other_rows
from cirkd.sweep.plan import Job, places, plan, run_all
from cirkd.sweep.report import write_reports
from cirkd.sweep.results import SweepResults
from cirkd.training.progress import StopRequest, stop_requests


@dataclass(frozen=True)
class SweepOptions:
    """Recipes with several seeds each, compared seed by seed.

    Runs go one after another, or one on each GPU, or several (--at-once). Started again with the same words, a
    sweep goes on where it was; what is measured already needs its run's folder no more. Other recipes and seeds may
    follow into the same folder: its table holds all that were compared with the same teacher and trained alike but
    for objective, memory and seed. Words after `--` are for every run, as of `cirkd train`. A recipe in quotes may
    have flags of its own: "streets-cirkd --objective.temperature 0.2".

    Args:
        recipes: Names, or FILE.py:FUNCTION; each is trained with each seed.
        seeds: The seeds with which each recipe is trained.
        folder: Where runs, results.parquet and the report go.
        baseline: Which recipe the others are compared with; the first when not given.
        gpus: Numbers of the GPUs to use; all when not given.
        at_once: Runs at a time on each GPU, or on the processor, whose cores they then share evenly. Small networks
            train faster so than one after another: one alone does not keep a GPU or all cores busy.
        images: How many images of val the relation measures are taken on.
    """

    recipes: tyro.conf.Positional[tuple[str, ...]]
    seeds: tuple[int, ...] = (0, 1, 2)
    folder: Path = Path("sweeps/sweep")
    baseline: str | None = None
    gpus: tuple[int, ...] = ()
    at_once: int = 1
    images: int = 6


def sweep(words: Sequence[str]) -> int:
    """Run the command; returns the exit code.

    Raises:
        CirkdError: the sweep can't be started or resumed.
    """
    own, flags = _split(words)
    options = tyro.cli(SweepOptions, prog="cirkd sweep", args=own)
    jobs = plan(options.recipes, options.seeds, flags, options.folder.resolve())
    baseline = options.recipes[0] if options.baseline is None else options.baseline
    if baseline not in options.recipes:
        raise TrainingError(f"the baseline {baseline!r} is none of the recipes: {', '.join(options.recipes)}")
    if options.at_once < 1:
        raise TrainingError(f"{options.at_once} runs at a time: choose 1 or more with --at-once")
    teachers = {job: _teacher(job, jobs) for job in jobs}
    kept = {job: kept_row(job, teacher, options.images) for job, teacher in teachers.items()}
    done = {job: row for job, row in kept.items() if row is not None}
    others = other_rows(jobs, list(teachers.values()), options.images)

    def write() -> None:
        results = SweepResults([*(done[job] for job in jobs if job in done), *others], baseline)
        results.write(options.folder)
        write_reports(results, options.folder)

    def finished(job: Job) -> None:
        done[job] = measure(job, teachers[job], options.images)
        _say(f"{job.name}: {_scores(done[job])} ({len(done)} of {len(jobs)})")
        write()

    left = [job for job in jobs if job not in done]
    if done:
        _say(f"{len(done)} of {len(jobs)} runs are measured already")
        write()
    with stop_requests() as stopping:
        failed = run_all(left, places(options.gpus, options.at_once), stopping=stopping, say=_say, finished=finished)
    return _end(len(done), len(jobs), failed, stopping, options.folder)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and after `--`."""
    at = list(words).index("--") if "--" in words else len(words)
    return list(words[:at]), list(words[at + 1 :])


def _teacher(job: Job, jobs: Sequence[Job]) -> Path | None:
    """Whose relations a run's are compared with: its own teacher, or for a baseline that of the others."""
    known = [job, *(other for other in jobs if other.recipe.data == job.recipe.data)]
    return next((other.recipe.teacher for other in known if other.recipe.teacher is not None), None)


def _end(done: int, jobs: int, failed: list[Job], stopping: StopRequest, folder: Path) -> int:
    if failed:
        names = ", ".join(job.name for job in failed)
        print(f"cirkd: {len(failed)} of {jobs} runs failed: {names}; mend them and start again", file=sys.stderr)
        return 1
    if stopping.requested:
        _say(f"stopped with {done} of {jobs} runs done; go on with the same words")
    else:
        _say(f"{folder}/results.parquet, report.html and report.md hold all {jobs} runs")
    return 0


def _scores(row: dict[str, object]) -> str:
    found = {name.removeprefix("miou_"): value for name, value in row.items() if name.startswith("miou_")}
    return ", ".join(f"{split} mIoU {value:.2f}" for split, value in found.items())


def _say(line: str) -> None:
    print(line, flush=True)

"""The runs of a sweep as processes: one after another, or some on each GPU; resumed where they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cirkd.data.errors import TrainingError
from cirkd.sweep.plan import Job
from cirkd.training import runs
from cirkd.training.journal import read_history
from cirkd.training.stopping import StopRequest

_LOOK_EVERY = 0.5  # seconds


Place = Mapping[str, str]
"""Where a run works, as variables of its environment."""


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
        TrainingError: a run of that name was begun with another recipe or other flags.
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
            run = runs.look(job.folder)
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
    status = runs.look(job.folder).status
    if status == "finished":
        return False
    if status == "running":
        say(f"{job.name}: is at work already; waiting for it")
    elif runs.begun_as(job.folder) is not None:
        say(f"{job.name}: goes on at step {read_history(job.folder / 'journal.jsonl').step}")
        runs.resume(job.folder, environment=environment)
    else:
        say(f"{job.name}: begins")
        runs.start(job.word, job.name, job.folder.parent, job.flags, environment=environment)
    return True


def _refuse_another(job: Job) -> None:
    begun = runs.begun_as(job.folder)
    if begun is not None and begun != (job.word, list(job.flags)):
        was = " ".join([begun[0], *begun[1]])
        raise TrainingError(
            f"{job.folder}: begun as `{was}`; go on with the same recipes and flags, or sweep into another folder"
        )

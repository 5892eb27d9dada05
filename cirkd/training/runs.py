"""Runs as processes of their own: started, watched, stopped and resumed from anywhere, one process a folder.

A run's folder holds, beside journal, state and snapshots: `process.json` (who trains here: process id and the time it
began, so that a reused id is not taken for it), `process.lock` (held while that is written), `launch.json` (recipe and
flags, for resuming; written by every `cirkd train` alone in its folder, wherever it was started) and `log.txt` (what it
printed, where it was started here).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from filelock import FileLock, Timeout

from cirkd.data.errors import TrainingError
from cirkd.data.whole_files import replacing, writable_folder
from cirkd.models.places import WEIGHTS
from cirkd.training.journal import LOG, ended_with, read_history, refused

Status = Literal["running", "stopped", "finished", "failed"]
_PROCESS, _LAUNCH, _LOCK = "process.json", "launch.json", "process.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACES = ("--name", "--runs")
"""Flags that say which folder is a run's: the folder knows it, even when it was moved."""


@dataclass(frozen=True)
class Run:
    """A run as its folder tells.

    Attributes:
        status: "running" = its process lives; "finished" = it wrote its checkpoint; "failed" = it ended with an
            error; "stopped" = it ended before its last step, by a request or with its machine.
        error: the one line that a failed run ended with, else "".
        resumable: whether it ended early, and the flags it was started with are known and were not refused.
    """

    name: str
    folder: Path
    status: Status
    error: str
    resumable: bool


def find_runs(folder: Path) -> list[Run]:
    """The runs in a folder of run folders, the latest written to first."""
    if not folder.is_dir():
        return []
    marks = (_PROCESS, _LAUNCH, "journal.jsonl")
    found = [path for path in folder.iterdir() if any((path / mark).is_file() for mark in marks)]
    return [read_run(path) for path in sorted(found, key=_changed, reverse=True)]


def read_run(folder: Path) -> Run:
    """What a run's folder tells of it now."""
    error = ""
    if _living(folder) is not None:
        status: Status = "running"
    elif read_history(folder / "journal.jsonl").finished:
        status = "finished"
    else:
        error = ended_with(folder)
        status = "failed" if error else "stopped"
    begun = bool(_read(folder / _LAUNCH)) and not refused(folder)
    resumable = status in ("stopped", "failed") and begun
    return Run(folder.name, folder, status, error, resumable)


def start(
    recipe: str,
    name: str,
    runs: Path,
    flags: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Begin `cirkd train RECIPE --name NAME` as a process that outlives this one; returns at once.

    Args:
        recipe: a name in `cirkd.training.recipes.RECIPES`, or FILE.py:FUNCTION.
        name: of the run's folder in `runs`.
        flags: further words of the command line; relative paths lead from the current folder.
        environment: variables for the process beside those of this one.

    Raises:
        TrainingError: the name is no folder's name, or there is a run of that name.
    """
    if not _NAME.fullmatch(name):
        raise TrainingError(f"{name!r}: a run's name has letters, digits, dots, hyphens and underscores only")
    folder = runs / name
    if (folder / "journal.jsonl").exists() or (folder / _LAUNCH).exists():
        raise TrainingError(f"{folder} holds a run already; resume it, or choose another name")
    writable_folder(folder, TrainingError)
    note_launch(folder, [recipe, *flags])
    return _launch(folder, resume=False, environment=environment)


def note_launch(folder: Path, words: Sequence[str], home: Path | None = None) -> None:
    """Keep what a run was started with, so that it can be resumed from anywhere.

    Args:
        words: recipe and flags, as after `cirkd train`.
        home: where it runs, so that relative paths lead somewhere; the current folder when None.
    """
    launch = {"recipe": words[0], "flags": _without_places(words[1:]), "home": str((home or Path.cwd()).resolve())}
    with replacing(folder / _LAUNCH) as temporary:
        temporary.write_text(json.dumps(launch, indent=1))


def resume(folder: Path, *, environment: Mapping[str, str] | None = None) -> Run:
    """Go on with a run exactly where it was saved, whether it was started by `start` or on a command line.

    Args:
        environment: variables for the process beside those of this one.

    Raises:
        TrainingError: it is running, or nothing tells what it was started with or where.
    """
    return _launch(folder, resume=(folder / "state.pt").is_file(), environment=environment)


def started_as(folder: Path) -> tuple[str, list[str]] | None:
    """Recipe and flags that a run was started with; None where nothing tells."""
    launch = _read(folder / _LAUNCH)
    return (launch["recipe"], launch["flags"]) if {"recipe", "flags"} <= launch.keys() else None


def stop(folder: Path) -> None:
    """Ask a run to save and end after the step that it is at; one that has ended stays as it is.

    Windows has no such request: there a run ends at once, and goes on from where it was last saved.
    """
    process = _living(folder)
    if process is not None:
        process.terminate()


def delete(folder: Path) -> None:
    """Remove a run's folder with all that is in it: journal, snapshots, state, weights, checkpoint.

    Raises:
        TrainingError: it is running, or holds what no run writes; such a folder is never removed.
    """
    _refuse_living(folder)
    state = {"state.pt", "state.previous.pt", "snapshots", WEIGHTS, f"{folder.name}.safetensors"}
    known = {_PROCESS, _LAUNCH, _LOCK, LOG, "journal.jsonl", *state}
    if foreign := sorted(path.name for path in folder.iterdir() if path.name not in known):
        raise TrainingError(f"{folder}: holds {foreign[0]}, which no run writes; remove the folder by hand")
    shutil.rmtree(folder)


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """While open, this process is the one that trains in a folder.

    Raises:
        TrainingError: another living process does.
    """
    _claim(folder, os.getpid())
    try:
        yield
    finally:
        (folder / _PROCESS).unlink(missing_ok=True)


def _launch(folder: Path, *, resume: bool, environment: Mapping[str, str] | None) -> Run:
    _refuse_living(folder)
    recipe, flags, home = _launched(folder)
    words = ["train", recipe, *flags, "--name", folder.name, "--runs", str(folder.resolve().parent)]
    with (folder / LOG).open("a") as output:
        output.write(f"$ cirkd {' '.join(words)}{' --resume' if resume else ''}\n")
        output.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "cirkd.cli", *words, *(["--resume"] if resume else [])],
            cwd=home,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # closing the terminal or the server does not end it
        )
    _claim(folder, process.pid)
    return read_run(folder)


def _launched(folder: Path) -> tuple[str, list[str], Path]:
    """What a run was started with: recipe, flags, and where relative paths lead from."""
    started, home = started_as(folder), _read(folder / _LAUNCH).get("home")
    if started is None or home is None:
        raise TrainingError(
            f"{folder}: nothing here says which options it was started with; resume it on the command line with the "
            "same flags and --resume"
        )
    if not Path(home).is_dir():
        raise TrainingError(
            f"{folder}: started in {home}, which no longer exists; resume it on the command line with --resume"
        )
    return *started, Path(home)


def _without_places(flags: Sequence[str]) -> list[str]:
    """Flags without `--name NAME` and `--runs FOLDER`."""
    kept: list[str] = []
    words = iter(flags)
    for word in words:
        if word in _PLACES:
            next(words, None)
        elif not word.startswith(tuple(f"{flag}=" for flag in _PLACES)):
            kept.append(word)
    return kept


def _claim(folder: Path, pid: int) -> None:
    """Write who trains here, unless another living process does; one process at a time looks and writes."""
    writable_folder(folder, TrainingError)
    with _alone(folder):
        if _read(folder / _PROCESS).get("pid") != pid:
            _refuse_living(folder)
        with replacing(folder / _PROCESS) as temporary:
            temporary.write_text(json.dumps({"pid": pid, "began": _began(pid)}))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock for a moment; some file systems have none, or lend none, and there it goes without."""
    lock = FileLock(folder / _LOCK, timeout=10)
    with suppress(Timeout, OSError, NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _refuse_living(folder: Path) -> None:
    process = _living(folder)
    if process is not None:
        raise TrainingError(f"{folder}: process {process.pid} is training here; stop it first, or choose another name")


def _living(folder: Path) -> psutil.Process | None:
    """The process that trains in a folder, if it lives."""
    who = _read(folder / _PROCESS)
    try:
        process = psutil.Process(int(who["pid"]))
        # When the machine started, in whole seconds, goes into both: a clock that is corrected can shift it by one.
        same = abs(process.create_time() - float(who["began"])) < 2.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None


def _began(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return time.time()


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _changed(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.iterdir() if path.is_file()), default=0.0)

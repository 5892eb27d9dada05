"""A sweep with a time limit, for a GPU of which one has some minutes: everything that gets finished is kept.

    python -m tools.gpu_study --minutes 12 --output OUT --folder docs/study/streets --seeds 0 1 2 --at-once 18 \\
        streets-baseline streets-kd streets-cirkd

It starts `cirkd sweep` with these recipes and seeds. What is finished is copied to OUT as it comes: rows of the table
(`measures/`), and the folder of every finished run with its checkpoint, journal and snapshots. When the minutes are
over the sweep is asked to stop, and the states of the runs that it left are copied as well: `--begin OUT` on the same
command goes on with them, on another machine too. Files over `--largest` MB stay behind and are named.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

SAVING = 40.0
"""Seconds before the end at which the sweep is asked to stop: it saves its runs' states."""
LOOKING = 10.0


@dataclass(frozen=True)
class Options:
    """A sweep with an end.

    Args:
        recipes: As `cirkd sweep` takes them.
        minutes: From now to when everything lies in the output.
        output: Where finished rows and runs go.
        folder: The sweep's own folder.
        seeds: Of the runs.
        at_once: Runs at a time.
        begin: The output of an earlier call, to go on with.
        largest: Megabytes of a file that is copied, at most.
        flags: For every run, as of `cirkd train`, in one word: --flags="--root FOLDER".
    """

    recipes: tyro.conf.Positional[tuple[str, ...]]
    minutes: float
    output: Path
    folder: Path = Path("sweeps/gpu")
    seeds: tuple[int, ...] = (0,)
    at_once: int = 18
    begin: Path | None = None
    largest: float = 16.0
    flags: str = ""


def run(options: Options) -> int:
    """Run the sweep for its minutes; returns 0 when it was stopped or done, else its exit code."""
    end = time.monotonic() + 60 * options.minutes
    if options.begin is not None:
        shutil.copytree(options.begin, options.folder, dirs_exist_ok=True)
    command = [sys.executable, "-m", "cirkd.cli", "sweep", *options.recipes, "--folder", str(options.folder)]
    command += ["--seeds", *map(str, options.seeds), "--at-once", str(options.at_once)]
    sweep = subprocess.Popen([*command, *(["--", *options.flags.split()] if options.flags else [])])
    while sweep.poll() is None and time.monotonic() < end - SAVING:
        time.sleep(min(LOOKING, max(0.1, end - SAVING - time.monotonic())))
        collect(options.folder, options.output, options.largest)
    stopped = sweep.poll() is None
    if stopped:
        sweep.send_signal(signal.SIGINT)
        try:
            sweep.wait(timeout=max(5.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            sweep.kill()
    for name in collect(options.folder, options.output, options.largest, unfinished=True):
        print(f"{name}: over {options.largest:g} MB, left behind", flush=True)
    return 0 if stopped else sweep.wait()


def collect(folder: Path, output: Path, largest: float, *, unfinished: bool = False) -> list[str]:
    """Copy what is new in a sweep's folder; returns the names of files that are too large.

    Args:
        unfinished: copy the states of runs without a checkpoint too, so that they can be gone on with.
    """
    left = []
    for source in sorted(path for path in folder.rglob("*") if path.is_file() and ".tmp" not in path.name):
        place = source.relative_to(folder)
        if place.parts[0] == "runs":
            done = any((folder / "runs" / place.parts[1]).glob("*.safetensors"))
            if (source.name.startswith("state") and done) or not (done or unfinished):
                continue
        target = output / place
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        if source.stat().st_size > largest * 1e6:
            left.append(str(place))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.copy2(source, part)
        part.replace(target)
    return left


if __name__ == "__main__":
    sys.exit(run(tyro.cli(Options)))

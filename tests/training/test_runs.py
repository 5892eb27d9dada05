"""Runs as processes: begun, stopped, resumed; two apart; dead ones told from living ones; errors in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock, Timeout

from cirkd.data.errors import TrainingError
from cirkd.training import runs
from cirkd.training.journal import Journal, log, read_history
from tests.together import run_together

SMALL = [
    "--network.embedding-channels",
    "16",
    "--network.atrous-rates",
    "1",
    "2",
    "3",
    "--augmentation.crop",
    "48",
    "64",
    "--batch-size",
    "2",
    "--warmup",
    "0",
    "--evaluate-every",
    "0",
    "--snapshot-every",
    "3",
    "--save-every",
    "1",
    "--journal-every",
    "1",
    "--workers",
    "0",
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs; whatever still trains there is stopped at the end."""
    yield tmp_path / "runs"
    for run in runs.find_runs(tmp_path / "runs"):
        runs.stop(run.folder)
        wait(lambda path=run.folder: runs.read_run(path).status != "running")


def wait(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def written(folder: Path, pid: int, began: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "process.json").write_text(json.dumps({"pid": pid, "began": began}))


@pytest.mark.slow
def test_a_run_is_stopped_and_goes_on_where_it_was(folder: Path, camvid: Path) -> None:
    flags = [*SMALL, "--root", str(camvid), "--steps", "40"]
    run = runs.start("camvid-baseline", "one", folder, flags)
    assert run.status == "running"
    with pytest.raises(TrainingError, match="holds a run already"):
        runs.start("camvid-baseline", "one", folder, flags)
    with pytest.raises(TrainingError, match=r"process \d+ is training here"):
        runs.resume(run.folder)
    journal = run.folder / "journal.jsonl"
    wait(lambda: len(read_history(journal).at) >= 2)
    runs.stop(run.folder)
    wait(lambda: runs.read_run(run.folder).status != "running")
    stopped = runs.read_run(run.folder)
    assert (stopped.status, stopped.error, stopped.resumable) == ("stopped", "", True)
    done = read_history(journal).step
    assert 0 < done < 40
    runs.resume(run.folder)
    wait(lambda: runs.read_run(run.folder).status != "running")
    ended = runs.read_run(run.folder)
    assert ended.status == "finished", log(run.folder)
    history = read_history(journal)
    assert history.resumed == (done,)
    assert history.at == tuple(range(1, 41))
    assert history.classes["names"]
    assert (run.folder / "one.safetensors").is_file()
    assert not (run.folder / "process.json").exists()


@pytest.mark.slow
def test_a_run_of_the_command_line_is_stopped_and_resumed_beside_another(folder: Path, camvid: Path) -> None:
    words = [sys.executable, "-m", "cirkd.cli", "train", "camvid-baseline", *SMALL, "--runs", str(folder)]
    words += ["--root", camvid.name]  # relative to where it is begun
    typed = subprocess.Popen([*words, "--steps", "40", "--name", "typed"], cwd=camvid.parent)
    run, journal = folder / "typed", folder / "typed" / "journal.jsonl"
    wait(lambda: len(read_history(journal).at) >= 2)
    assert runs.read_run(run).status == "running"
    runs.stop(run)
    assert typed.wait(timeout=60) == 0
    stopped = runs.read_run(run)
    assert (stopped.status, stopped.error, stopped.resumable) == ("stopped", "", True)
    done = read_history(journal).step
    other = subprocess.Popen([*words, "--steps", "12", "--name=other"], cwd=camvid.parent)
    runs.resume(run)
    assert other.wait(timeout=240) == 0
    wait(lambda: runs.read_run(run).status != "running")
    assert runs.read_run(run).status == "finished", log(run)
    history = read_history(journal)
    assert history.resumed == (done,) and history.at == tuple(range(1, 41))
    beside = read_history(folder / "other" / "journal.jsonl")
    assert beside.finished and beside.at == tuple(range(1, 13)) and not beside.resumed
    assert json.loads((run / "launch.json").read_text())["flags"] == [*words[5:-4], *words[-2:], "--steps", "40"]


def test_what_a_run_was_begun_with_may_be_unknown(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="resume it on the command line with the same flags"):
        runs.resume(tmp_path)
    runs.note_launch(tmp_path, ["camvid-baseline", "--steps", "3"], tmp_path / "gone")
    with pytest.raises(TrainingError, match="which no longer exists"):
        runs.resume(tmp_path)


def test_an_error_in_the_journal_is_the_runs(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("start", 0, recipe={"steps": 10}, resumed=False)
    journal.write("error", 4, text="one: task not finite at step 4")
    assert (runs.read_run(tmp_path).status, runs.read_run(tmp_path).error) == (
        "failed",
        "one: task not finite at step 4",
    )
    journal.write("start", 4, recipe={"steps": 10}, resumed=True)
    assert runs.read_run(tmp_path).status == "stopped"


@pytest.mark.slow
def test_an_error_is_one_line_and_two_runs_do_not_meet(folder: Path, tmp_path: Path) -> None:
    wrong = runs.start("camvid-baseline", "wrong", folder, ["--root", str(tmp_path / "nowhere")])
    refused = runs.start("camvid-baseline", "refused", folder, ["--stepps", "3"])
    for run in (wrong, refused):
        wait(lambda path=run.folder: runs.read_run(path).status != "running")
    assert runs.read_run(wrong.folder).status == "failed"
    assert "nowhere" in runs.read_run(wrong.folder).error and "\n" not in runs.read_run(wrong.folder).error
    assert runs.read_run(refused.folder).status == "failed"
    assert "stepps" in runs.read_run(refused.folder).error and not runs.read_run(refused.folder).resumable
    assert runs.read_run(wrong.folder).resumable
    assert {run.name for run in runs.find_runs(folder)} == {"wrong", "refused"}


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    gone = sleeper()
    began = psutil.Process(gone.pid).create_time()
    written(tmp_path, gone.pid, began)
    assert runs.read_run(tmp_path).status == "running"
    gone.kill()
    gone.wait()
    assert runs.read_run(tmp_path).status == "stopped"
    with runs.holding(tmp_path):
        assert json.loads((tmp_path / "process.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "process.json").exists()


def test_a_living_process_holds_its_folder(tmp_path: Path) -> None:
    other = sleeper()
    try:
        written(tmp_path, other.pid, psutil.Process(other.pid).create_time())
        with pytest.raises(TrainingError, match=f"process {other.pid} is training here"), runs.holding(tmp_path):
            pass
        assert json.loads((tmp_path / "process.json").read_text())["pid"] == other.pid
        runs.stop(tmp_path)
        assert other.wait(timeout=20) != 0
    finally:
        other.kill()


HOLDS = """
import os, sys, time
from pathlib import Path
from cirkd.data.errors import TrainingError
from cirkd.training import runs

folder, count = Path(sys.argv[1]), int(sys.argv[2])

def met(what, wanted):
    (folder / f"{what}-{os.getpid()}").touch()
    while len(list(folder.glob(f"{what}-*"))) < wanted:
        time.sleep(0.001)

met("there", count)
try:
    with runs.holding(folder / "run"):
        print("held")
        met("asked", count)
except TrainingError:
    print("refused")
    met("asked", 1)
"""


@pytest.mark.parametrize("error", [OSError("no locks available"), NotImplementedError(), Timeout("x")])
def test_a_file_system_without_locks_holds_runs(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with runs.holding(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / "process.json").read_text())["pid"] == os.getpid()
    written(tmp_path / "run", os.getppid(), psutil.Process(os.getppid()).create_time())
    with pytest.raises(TrainingError, match="is training here"), runs.holding(tmp_path / "run"):
        pass


def test_of_processes_that_come_at_once_one_takes_a_dead_ones_place(tmp_path: Path) -> None:
    written(tmp_path / "run", os.getpid(), began=1.0)
    command = [sys.executable, "-c", HOLDS, str(tmp_path), "4"]
    said = run_together(*[(command, {"PYTHONPATH": os.pathsep.join(sys.path)})] * 4)
    assert sorted(text.split()[-1] for text in said) == ["held", "refused", "refused", "refused"]


def test_a_reused_process_id_is_not_taken_for_the_run(tmp_path: Path) -> None:
    written(tmp_path, os.getpid(), began=1.0)
    assert runs.read_run(tmp_path).status == "stopped"
    runs.stop(tmp_path)  # would end this very process otherwise


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "two words"])
def test_names_that_are_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrainingError, match="letters, digits"):
        runs.start("camvid-baseline", name, tmp_path)


def test_history_of_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert read_history(path).steps == 0 and read_history(path).seconds_left is None
    journal = Journal(path)
    journal.write("start", 0, recipe={"steps": 10}, classes={"names": ["a"]}, resumed=False)
    for step, extra in ((2, {}), (4, {"kd": 0.5})):
        journal.write(
            "train",
            step,
            raw={"task": 1.0 / step} | extra,
            weighted={"task": 2.0 / step} | extra,
            total=3.0,
            learning_rate=0.1,
            seconds_per_step=0.5,
            pixel_memory_fill=None,
            gpu_memory_bytes=None,
        )
    journal.write("evaluation", 4, split="val", miou=31.5)
    journal.write("start", 4, recipe={"steps": 10}, resumed=True)
    history = read_history(path)
    assert (history.step, history.steps, history.at, history.resumed) == (4, 10, (2, 4), (4,))
    assert history.raw["task"] == (0.5, 0.25) and history.raw["kd"][0] != history.raw["kd"][0]
    assert history.weighted["kd"][1] == 0.5
    assert history.evaluations == ((4, "val", 31.5),)
    assert history.seconds_left == pytest.approx(3.0)
    assert not history.finished
    journal.write("end", 10, checkpoint="x")
    assert read_history(path).finished

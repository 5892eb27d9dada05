"""A sweep that ends with its minutes: what was finished is kept, what was not goes on elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cirkd.sweep.results import read_results
from tests.training.conftest import camvid  # noqa: F401
from tests.training.test_runs import SMALL
from tools.gpu_study import collect


def test_finished_runs_are_copied_without_their_states_and_others_with_them_alone_at_the_end(tmp_path: Path) -> None:
    sweep, out = tmp_path / "sweep", tmp_path / "out"
    for name, files in {
        "runs/done": ("done.safetensors", "state.pt", "journal.jsonl"),
        "runs/begun": ("state.pt", "journal.jsonl"),
        "measures": ("done.json",),
    }.items():
        (sweep / name).mkdir(parents=True)
        for file in files:
            (sweep / name / file).write_bytes(b"x" * 2_000_000 if file == "done.safetensors" else b"x")

    def copied() -> set[str]:
        return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}

    assert collect(sweep, out, 1.0) == ["runs/done/done.safetensors"]
    assert copied() == {"measures/done.json", "runs/done/journal.jsonl"}
    assert collect(sweep, out, 16.0, unfinished=True) == []
    finished = {"measures/done.json", "runs/done/journal.jsonl", "runs/done/done.safetensors"}
    assert copied() == finished | {"runs/begun/state.pt", "runs/begun/journal.jsonl"}


@pytest.mark.slow
def test_what_was_kept_is_gone_on_with_elsewhere(tmp_path: Path, camvid: Path) -> None:  # noqa: F811
    flags = " ".join([*SMALL, "--network.architecture deeplabv3 --network.output-stride 8", "--root", str(camvid)])

    def study(folder: str, *begin: str) -> str:
        command = [sys.executable, "-m", "tools.gpu_study", "camvid-baseline", "--minutes", "6", "--at-once", "1"]
        command += ["--output", str(tmp_path / f"{folder}-out"), "--folder", str(tmp_path / folder)]
        words = [f"--flags={flags} --steps 3", *begin]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [*command, *words], env=environment, check=True, timeout=400, text=True, capture_output=True
        ).stdout

    study("first")
    out = tmp_path / "first-out"
    assert len(read_results(out).rows) == 1
    assert (out / "runs" / "camvid-baseline-seed0" / "camvid-baseline-seed0.safetensors").is_file()
    assert "1 of 1 runs are measured already" in study("second", "--begin", str(out))
    assert read_results(tmp_path / "second-out").rows == read_results(out).rows

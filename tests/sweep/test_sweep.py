"""A sweep trains recipes x seeds, goes on after a kill, and says what came out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from cirkd.analysis.paired import compare
from cirkd.charts import sweep as charts
from cirkd.cli import main
from cirkd.data.errors import TrainingError
from cirkd.sweep import measures
from cirkd.sweep import plan as planned
from cirkd.sweep.measures import read_confusions, wall_seconds
from cirkd.sweep.plan import Job, plan
from cirkd.sweep.report import courses, write_reports
from cirkd.sweep.results import SweepResults, read_results
from cirkd.training import runs
from cirkd.training.journal import read_history
from cirkd.training.progress import StopRequest
from tests.training.conftest import camvid, teacher  # noqa: F401
from tests.training.test_runs import SMALL

ROWS = [
    {
        "recipe": name,
        "seed": seed,
        "data": "streets",
        "steps": 600,
        "parameters": 300_000,
        "wall_seconds": 60.0 + seed,
        "peak_memory_bytes": 2**30,
        "miou_val": miou + seed,
        "iou_val/road": 60.0,
        "iou_val/<pole>": None,
        "relation_divergence": 0.5,
    }
    for name, miou in (("alone", 20.0), ("taught", 21.5))
    for seed in (0, 1, 2)
]


def flags(camvid: Path, teacher: Path) -> list[str]:  # noqa: F811
    return [*SMALL, "--root", str(camvid), "--steps", "4", "--teacher", str(teacher)]


def sweep(folder: Path, words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cirkd.cli", "sweep", "camvid-baseline", "camvid-kd", "--seeds", "0", "1"]
    return subprocess.Popen(
        [*command, "--folder", str(folder), "--images", "2", "--", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.nightly
def test_killed_and_gone_on_with_gives_the_same_table(tmp_path: Path, camvid: Path, teacher: Path) -> None:  # noqa: F811
    words = flags(camvid, teacher)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    said = sweep(whole, words).communicate(timeout=300)[0]
    assert "hold all 4 runs" in said
    killed = sweep(broken, words)
    second = broken / "runs" / "camvid-kd-seed0"
    end = time.monotonic() + 200
    while len(read_history(second / "journal.jsonl").at) < 2:
        assert time.monotonic() < end and killed.poll() is None
        time.sleep(0.01)
    trained_by = json.loads((second / "process.json").read_text())["pid"]
    killed.kill()
    psutil.Process(trained_by).kill()
    killed.communicate()
    assert not (second / "camvid-kd-seed0.safetensors").exists()
    said = sweep(broken, words).communicate(timeout=300)[0]
    assert "camvid-kd-seed0: goes on at step" in said and "hold all 4 runs" in said
    tables = [pq.read_table(folder / "results.parquet") for folder in (whole, broken)]
    timed = ["wall_seconds", "peak_memory_bytes"]  # as the machine and its load have it
    assert tables[0].drop_columns(timed).equals(tables[1].drop_columns(timed))
    rows = tables[1].to_pylist()
    assert [(row["recipe"], row["seed"]) for row in rows] == [
        ("camvid-baseline", 0),
        ("camvid-kd", 0),
        ("camvid-baseline", 1),
        ("camvid-kd", 1),
    ]
    for row in rows:
        assert row["relation_divergence"] > 0 and -1 <= row["cka_to_teacher"] <= 1 and row["wall_seconds"] > 0
        run = broken / "runs" / f"{row['recipe']}-seed{row['seed']}"
        told = {split: value for _, split, value in read_history(run / "journal.jsonl").evaluations}
        assert row["iou_val/road"] is not None and row["miou_val"] == told["val"] == row["miou_val/4"]
    for name in ("report.html", "report.md"):
        assert "camvid-kd" in (broken / name).read_text()
    # What was measured needs its run no more.
    shutil.rmtree(broken / "runs")
    (broken / "results.parquet").unlink()
    said = sweep(broken, words).communicate(timeout=300)[0]
    assert "4 of 4 runs are measured already" in said and "begins" not in said
    assert pq.read_table(broken / "results.parquet").equals(tables[1])


@pytest.mark.slow
def test_asked_to_stop_it_saves_and_goes_on(tmp_path: Path, camvid: Path, teacher: Path) -> None:  # noqa: F811
    words = [*flags(camvid, teacher), "--steps", "200"]
    process = sweep(tmp_path, words)
    first = tmp_path / "runs" / "camvid-baseline-seed0"
    end = time.monotonic() + 200
    while len(read_history(first / "journal.jsonl").at) < 2:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "stopped with 0 of 4 runs done" in said
    assert runs.read_run(first).status == "stopped" and (first / "state.pt").is_file()
    changed = sweep(tmp_path, [*words, "--batch-size", "3"])
    assert "started as `camvid-baseline" in changed.communicate(timeout=60)[0]
    assert changed.returncode == 1


def test_a_plan_is_every_recipe_with_every_seed(tmp_path: Path) -> None:
    entries = ["streets-baseline", "streets-cirkd --objective.temperature 0.2"]
    jobs = plan(entries, [3, 4], ["--steps", "7"], tmp_path)
    assert [(job.entry, job.seed) for job in jobs] == [(entry, seed) for seed in (3, 4) for entry in entries]
    assert jobs[1].recipe.objective.temperature == 0.2 and jobs[0].recipe.objective.temperature == 0.1
    assert all(job.recipe.steps == 7 and job.recipe.seed == job.seed for job in jobs)
    assert len({job.folder for job in jobs}) == 4
    assert jobs[1].folder == tmp_path / "runs" / "streets-cirkd-objective.temperature-0.2-seed3"


def test_a_kept_row_is_of_this_recipe_and_this_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "teacher.safetensors"
    weights.write_bytes(b"one")
    monkeypatch.setattr(measures, "_row", lambda job, *_: {"steps": job.recipe.steps})
    (job,), (longer,) = (plan(["streets-kd"], [0], ["--steps", steps], tmp_path) for steps in ("7", "8"))
    assert measures.kept_row(job, weights, 6) is None
    assert measures.measure(job, weights, 6) == {"steps": 7} == measures.kept_row(job, weights, 6)
    assert measures.kept_row(longer, weights, 6) is None and measures.kept_row(job, weights, 5) is None
    path = tmp_path / "measures" / "streets-kd-seed0.json"
    assert str(tmp_path) not in path.read_text()
    # A field that recipes got later has its default in what was kept before; what changes no number may differ.
    kept = json.loads(path.read_text())
    del kept["asked"]["files"]
    del kept["asked"]["recipe"]["objective"]["relations_fade"]
    kept["asked"]["recipe"]["workers"] = 7
    path.write_text(json.dumps(kept))
    assert measures.kept_row(job, weights, 6) == {"steps": 7}
    kept["asked"]["recipe"]["objective"]["temperature"] = 0.5
    path.write_text(json.dumps(kept))
    assert measures.kept_row(job, weights, 6) is None
    measures.measure(job, weights, 6)
    weights.write_bytes(b"another")
    assert measures.kept_row(job, weights, 6) is None


def test_the_table_holds_what_else_was_compared_with_the_same_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recipes with seeds of their own come into one folder by several calls."""
    weights = tmp_path / "teacher.safetensors"
    weights.write_bytes(b"one")
    monkeypatch.setattr(measures, "_row", lambda job, *_: {"recipe": job.entry, "seed": job.seed, "miou_val": 20.0})
    flags = ["--teacher", str(weights)]
    for job in plan(["streets-kd", "streets-cirkd"], [0, 1], flags, tmp_path):
        measures.measure(job, weights, 6)
    words = ["sweep", "streets-kd", "streets-cirkd", "--seeds", "0", "--folder", str(tmp_path), "--", *flags]
    assert main(words) == 0
    found = [(row["recipe"], row["seed"]) for row in read_results(tmp_path).rows]
    assert found == [("streets-kd", 0), ("streets-cirkd", 0), ("streets-cirkd", 1), ("streets-kd", 1)]
    for changed in (
        ["--steps", "6000"],
        ["--batch-size", "2"],
        ["--optimizer", "sgd"],
        ["--learning-rate", "0.5"],
        ["--average", "0"],
        ["--labelled-share", "0.05"],
        ["--augmentation.crop", "64", "64"],
        ["--network.embedding-channels", "32"],
        ["--precision", "bf16"],
    ):
        (other,) = plan(["streets-at"], [0], [*flags, *changed], tmp_path)
        assert measures.other_rows([other], [weights], 6) == [], changed
    # A baseline without a teacher, too, and what the method itself needs may be as one likes.
    own = ["--memory.pixel-contrast", "64", "--teacher-precision", "float32"]
    for entry, more in (("streets-at", own), ("streets-baseline", [])):
        jobs = plan([entry], [2], [*more, *(flags if entry == "streets-at" else [])], tmp_path)
        assert len(measures.other_rows(jobs, [weights], 6)) == 4
    weights.write_bytes(b"another")
    (job,) = plan(["streets-kd"], [0], flags, tmp_path)
    measures.measure(job, weights, 6)
    assert measures.other_rows([job], [weights], 6) == []


def test_a_row_of_another_folder_of_images_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "_row", lambda *_: {"miou_val": 20.0})
    roots = [tmp_path / place / "images" for place in ("one", "other")]
    for value, root in enumerate(roots):
        root.mkdir(parents=True)
        Image.new("RGB", (32, 32), (value, 0, 0)).save(root / "a.bmp")

    def kept(root: Path) -> object:
        return measures.kept_row(job(root), None, 6)

    def job(root: Path) -> Job:
        return plan(["streets-baseline"], [0], ["--data", "folder", "--root", str(root)], tmp_path)[0]

    measures.measure(job(roots[0]), None, 6)
    assert str(tmp_path) not in (tmp_path / "measures" / "streets-baseline-seed0.json").read_text()
    assert kept(roots[0]) and kept(roots[1]) is None
    roots[0].rename(tmp_path / "images")
    assert kept(tmp_path / "images"), "the same images elsewhere"
    path = tmp_path / "measures" / "streets-baseline-seed0.json"
    earlier = json.loads(path.read_text())
    del earlier["asked"]["files"]
    path.write_text(json.dumps(earlier))
    assert kept(tmp_path / "images"), "measured before images were told by their content"


def test_what_is_measured_on_val_is_the_recipes_own_validation_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "open_data", lambda data, split, root: split)
    monkeypatch.setattr(measures, "image_measures", lambda model, data: ({data: 1.0}, np.zeros((1, 2, 2), np.uint32)))
    monkeypatch.setattr(measures, "probed", lambda *_: 2.0)
    flags = ["--data", "folder", "--train-split", "0-80%", "--val-split", "80-100%"]
    (job,) = plan(["streets-baseline"], [0], flags, tmp_path)
    (tmp_path / "measures").mkdir()
    assert measures._on_every_image(job, None, ["val", "val"]) == {"80-100%_val": 1.0, "linear_probe": 2.0}
    assert list(read_confusions(tmp_path / "measures" / "streets-baseline-seed0.npz")) == ["val"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["streets-kd", "streets-kd"], "streets-kd is given twice"),
        (["streets-kd", "--seeds", "1", "1"], "seed 1 is given twice"),
        (["nothing"], "no recipe 'nothing'"),
        (["streets-kd", "--baseline", "streets-at"], "baseline 'streets-at' is none of the recipes"),
        (["streets-kd 'torn"], "close the quotation"),
    ],
)
def test_errors_are_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["sweep", *words, "--folder", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert says in error and len(error.strip().splitlines()) == 1


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = SweepResults(ROWS, "alone")
    results.write(tmp_path)
    again = read_results(tmp_path)
    assert again.baseline == "alone" and again.recipes == ["alone", "taught"] and again.seeds == [0, 1, 2]
    gain = again.compare("miou_val")[1]
    assert (gain.gain, gain.low, gain.high) == (1.5, 1.5, 1.5)
    with pytest.raises(TrainingError, match="no results here"):
        read_results(tmp_path / "nowhere")


def test_reports_say_means_and_intervals(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[-1]["miou_val"] = 25.0
    write_reports(SweepResults(rows, "alone"), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| alone | 3 | 21.00 | 1.00 |" in text
    assert "| taught | 3 | 23.00 | 1.80 | +2.00 | −0.15 to +4.15 | +1.50, +1.50, +3.00 |" in text
    assert "| road | 60.0 | 60.0 |" in text and "| <pole> | – | – |" in text
    html = (tmp_path / "report.html").read_text()
    assert "&lt;pole&gt;" in html and "<pole>" not in html
    assert html.count("<figure") == 4


def test_reports_show_the_course_of_training(tmp_path: Path) -> None:
    rows = [{**row, "miou_val/300": row["miou_val"] - 2.0, "miou_val/600": row["miou_val"]} for row in ROWS]
    del rows[-1]["miou_val/600"]
    results = SweepResults(rows, "alone")
    found = courses(results)
    assert found["alone"] == {seed: {300: 18.0 + seed, 600: 20.0 + seed} for seed in (0, 1, 2)}
    assert found["taught"][2] == {300: 21.5}
    write_reports(results, tmp_path)
    text = (tmp_path / "report.md").read_text()
    for line in (
        "| step | alone | taught |",
        "| seeds | 3 | 3 |",
        "| 300 | 19.00 | 20.50 |",
        "| 600 | 21.00 | 22.00 |",
    ):
        assert f"{line}\n" in text
    assert (tmp_path / "report.html").read_text().count("<figure") == 5
    # A thick line is of the steps that all seeds have.
    lines = {trace.name: (trace.x, trace.y) for trace in charts.courses(found).data if trace.name}
    assert lines == {"alone": ((300, 600), (19.0, 21.0)), "taught": ((300,), (20.5,))}


def test_a_mean_and_its_interval_are_drawn_of_three_seeds_and_more() -> None:
    alone, few = {0: 20.0, 1: 21.0, 2: 22.0}, {0: 23.0, 1: 22.0}
    found = compare({"alone": alone, "few": few, "taught": {0: 21.0, 1: 22.5, 2: 24.0}}, "alone")
    dots, means = charts.differences(found, "points").data
    assert list(zip(dots.y, dots.x, strict=True)) == [
        *(("taught", value) for value in (1.0, 1.5, 2.0)),
        *(("few", value) for value in (3.0, 1.0)),
    ]
    assert (means.y, means.x) == (("taught",), (1.5,))
    assert means.error_x.array == pytest.approx([4.303 * 0.5 / 3**0.5], rel=1e-3)  # Student's t, two degrees of freedom
    (only,) = charts.differences([item for item in found if item.name != "taught"], "points").data
    assert only.y == ("few", "few")


def test_wall_time_is_of_all_parts_of_a_run() -> None:
    events = [
        {"kind": "start"},
        {"kind": "train", "seconds": 4.0},
        {"kind": "evaluation"},
        {"kind": "start"},
        {"kind": "train", "seconds": 1.0},
        {"kind": "end", "seconds": 2.5},
    ]
    assert wall_seconds(events) == 6.5
    assert wall_seconds([]) == 0.0


def test_runs_at_once_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert planned.places([], 1) == [{}]
    assert planned.places([], 3) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert planned.places([], 20) == [{"OMP_NUM_THREADS": "1"}] * 20
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert planned.places([], 1) == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    assert [place["CUDA_VISIBLE_DEVICES"] for place in planned.places([], 3)] == ["0", "1"] * 3
    assert planned.places([1], 2) == [{"CUDA_VISIBLE_DEVICES": "1"}] * 2


def test_one_run_at_a_time_on_each_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five runs on two GPUs: never two on one, never an idle one while a run waits; a failed run is told."""
    jobs = plan(["streets-baseline"], range(5), [], tmp_path)
    left: dict[Path, int] = {}
    placed: dict[Path, str] = {}
    at_work: list[set[str]] = []

    def start(word: str, name: str, folder: Path, flags: object, *, environment: dict[str, str]) -> None:
        left[folder / name], placed[folder / name] = 3, environment["CUDA_VISIBLE_DEVICES"]

    def read_run(folder: Path) -> runs.Run:
        if folder not in left:
            return runs.Run(folder.name, folder, "stopped", "", False)
        left[folder] -= 1
        at_work.append({placed[path] for path, steps in left.items() if steps > 0})
        assert len(at_work[-1]) == sum(steps > 0 for steps in left.values())
        status = "running" if left[folder] > 0 else "failed" if folder == jobs[3].folder else "finished"
        return runs.Run(folder.name, folder, status, "it broke", False)

    monkeypatch.setattr(runs, "start", start)
    monkeypatch.setattr(runs, "read_run", read_run)
    monkeypatch.setattr(planned, "_LOOK_EVERY", 0.0)
    said: list[str] = []
    done: list[Job] = []
    failed = planned.run_all(
        jobs, planned.places([0, 1], 1), stopping=StopRequest(), say=said.append, finished=done.append
    )
    assert failed == [jobs[3]] and sorted(job.seed for job in done) == [0, 1, 2, 4]
    assert max(map(len, at_work)) == 2 and set(placed.values()) == {"0", "1"}
    assert any("it broke" in line for line in said)

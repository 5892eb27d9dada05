"""Runs train, stop, resume and end as they should."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cirkd.checkpoint import load_model
from cirkd.data.catalog import open_data
from cirkd.data.errors import CheckpointError, TrainingError
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective, Terms
from cirkd.models.places import over_time
from cirkd.study import Study
from cirkd.training import runs, trainer
from cirkd.training.batches import Batch
from cirkd.training.evaluate import evaluate
from cirkd.training.journal import read_journal
from cirkd.training.recipes import RECIPES, Recipe, bundled
from cirkd.training.run_state import free_to_change
from cirkd.training.steps import Steps, polynomial_rate
from cirkd.training.trainer import train


def weights(recipe: Recipe) -> dict[str, torch.Tensor]:
    state = torch.load(recipe.run_folder / "state.pt", weights_only=True)
    return state["module"]


def assert_same_run(one: Recipe, other: Recipe) -> None:
    """Bit for bit: weights, running statistics, queues, optimiser, random states, and every journalled term."""
    states = [torch.load(r.run_folder / "state.pt", weights_only=True) for r in (one, other)]
    assert states[0]["step"] == states[1]["step"]
    for key, value in states[0]["module"].items():
        assert torch.equal(value, states[1]["module"][key]), key
    for index, slot in states[0]["optimizer"]["state"].items():
        assert torch.equal(slot["momentum_buffer"], states[1]["optimizer"]["state"][index]["momentum_buffer"])
    for key in ("random", "memory_draws"):
        assert torch.equal(states[0][key], states[1][key])
    journals = [
        [(e["step"], e["raw"]) for e in read_journal(r.run_folder / "journal.jsonl") if e["kind"] == "train"]
        for r in (one, other)
    ]
    assert journals[0] == journals[1]


def test_a_run_leaves_journal_state_snapshots_and_checkpoint(distilled: Recipe) -> None:
    result = train(distilled)
    assert result.finished
    events = read_journal(distilled.run_folder / "journal.jsonl")
    steps = [event for event in events if event["kind"] == "train"]
    assert [event["step"] for event in steps] == [1, 2, 3, 4, 5, 6]
    terms = ["task", "kd", "minibatch_pixel", "memory_pixel", "memory_region"]
    assert all(list(event["raw"]) == list(event["weighted"]) == terms for event in steps)
    for event in steps:
        assert event["weighted"]["memory_pixel"] == pytest.approx(0.1 * event["raw"]["memory_pixel"])
        assert event["total"] == pytest.approx(sum(event["weighted"].values()))
    assert steps[0]["raw"]["memory_pixel"] == 0, "nothing is in memory before the first step"
    assert steps[-1]["raw"]["memory_pixel"] > 0
    names = sorted(path.name for path in (distilled.run_folder / "snapshots").iterdir())
    assert names == ["step_000000.npz", "step_000003.npz", "step_000006.npz"]
    snapshot = np.load(distilled.run_folder / "snapshots" / names[1])
    assert snapshot["embedding_0"].shape == (16, 8, 10)
    assert snapshot["label_0"].shape == (8, 10)
    model = load_model(distilled.checkpoint, "cpu")
    assert isinstance(model.memory, RelationMemory)
    assert model.memory.pixel_queue.fill()[3] == 1
    assert model.memory.pixel_queue.fill()[5] == 0


def test_the_checkpoint_evaluates_to_the_scores_it_states(baseline: Recipe) -> None:
    result = train(baseline)
    model = load_model(baseline.checkpoint, "cpu")
    again = evaluate(model, open_data("camvid", "val", baseline.root))
    assert result.evaluation is not None
    assert again.miou == result.evaluation.miou == model.info.provenance["scores"]["val"]["miou"]


@pytest.mark.slow
def test_a_run_that_keeps_its_weights_is_a_study_of_the_student_over_time(baseline: Recipe) -> None:
    kept = replace(baseline, keep_weights=True, evaluate_every=2)
    train(kept)
    models = over_time(kept.run_folder)
    assert list(models) == ["step_000002", "step_000004", "step_000006"]
    study = Study.open(students=kept.run_folder, images=open_data("camvid", "val", kept.root), indices=[0])
    assert study.names == tuple(models)
    saved = load_model(kept.checkpoint, "cpu")
    image = torch.rand(1, 3, 64, 80)
    logits = [load_model(path, "cpu")(image).logits for path in models.values()]
    assert torch.equal(logits[-1], saved(image).logits) and not torch.equal(logits[0], logits[1])
    runs.delete(kept.run_folder)
    assert not kept.run_folder.exists()


@pytest.mark.slow
def test_a_small_student_learns_the_tiny_tree(baseline: Recipe) -> None:
    result = train(replace(baseline, steps=100, batch_size=4, save_every=0, learning_rate=0.05))
    assert result.evaluation is not None
    assert result.evaluation.pixel_accuracy > 80
    events = [e for e in read_journal(baseline.run_folder / "journal.jsonl") if e["kind"] == "train"]
    assert events[-1]["raw"]["task"] < 0.5 * events[0]["raw"]["task"]


def test_baseline_and_distilled_student_start_alike_on_the_same_crops(baseline: Recipe, distilled: Recipe) -> None:
    """The difference between the two is the method's alone."""
    runs = [trainer._Run(recipe, False) for recipe in (baseline, distilled)]
    students = [run.module.student.state_dict() for run in runs]
    assert all(torch.equal(students[0][key], students[1][key]) for key in students[0])
    first = [next(iter(run._batches())) for run in runs]
    assert torch.equal(first[0].images, first[1].images)


def train_and_stop(recipe: Recipe, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that gets SIGTERM after some steps."""
    original = Steps.__call__

    def stop(self: Steps, batch: Batch) -> Terms:
        terms = original(self, batch)
        if self.done == after:
            os.kill(os.getpid(), signal.SIGTERM)
        return terms

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "__call__", stop)
        stopped = train(recipe)
    assert (stopped.steps, stopped.finished) == (after, False)


@pytest.mark.slow
def test_stopped_and_resumed_equals_uninterrupted(distilled: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    train(distilled)
    broken = replace(distilled, name="broken")
    train_and_stop(broken, 3, monkeypatch)
    assert train(broken, resume=True).finished
    assert_same_run(distilled, broken)


def test_an_evaluation_that_is_due_when_a_run_is_stopped_is_made(
    baseline: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming begins with the step after it."""
    recipe = replace(baseline, evaluate_every=2)
    train_and_stop(recipe, 2, monkeypatch)
    train(recipe, resume=True)
    events = read_journal(recipe.run_folder / "journal.jsonl")
    assert [event["step"] for event in events if event["kind"] == "evaluation"] == [2, 4, 6]


SLOWED = """
import sys, time
from cirkd import cli
from cirkd.training import trainer
from cirkd.training.recipes import RECIPES
import pickle, torch
torch.set_num_threads(1)
recipe = pickle.loads(bytes.fromhex(sys.argv[1]))
trainer.train(recipe, resume=sys.argv[2] == "resume")
"""


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(distilled: Recipe) -> None:
    """kill -9 at three points; the run goes on from its last state each time."""
    import pickle

    train(distilled)
    killed = replace(distilled, name="killed")
    for kill_at in (2, 3, 5):
        command = [sys.executable, "-c", SLOWED, pickle.dumps(killed).hex()]
        command.append("resume" if (killed.run_folder / "state.pt").exists() else "new")
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 120
        journal = killed.run_folder / "journal.jsonl"
        while time.monotonic() < deadline and process.poll() is None:
            if any(e["kind"] == "train" and e["step"] >= kill_at for e in read_journal(journal)):
                break
            time.sleep(0.005)
        process.kill()
        process.wait()
    train(killed, resume=True)
    assert_same_run(distilled, killed)


def test_a_run_is_not_overwritten_and_nothing_cannot_be_resumed(baseline: Recipe) -> None:
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(baseline, resume=True)
    train(replace(baseline, steps=1))
    with pytest.raises(TrainingError, match="--resume"):
        train(baseline)


def test_a_torn_state_is_named(baseline: Recipe) -> None:
    train(replace(baseline, steps=1))
    path = baseline.run_folder / "state.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="cannot be resumed from"):
        train(baseline, resume=True)


def test_a_run_goes_on_under_its_own_recipe_alone(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files lie and how often they are written may change; what is computed may not."""
    train_and_stop(baseline, 2, monkeypatch)
    with pytest.raises(TrainingError, match=r"started with learning_rate 0\.02, not 0\.5"):
        train(replace(baseline, learning_rate=0.5), resume=True)
    with pytest.raises(TrainingError, match="started with objective"):
        train(replace(baseline, objective=Objective.task_only(auxiliary=0.1)), resume=True)
    assert train(replace(baseline, workers=1, save_every=0), resume=True).finished


def test_a_folder_of_images_is_told_by_its_place_alone() -> None:
    assert "root" in free_to_change({"data": "camvid"}) and "root" not in free_to_change({"data": "folder"})


def test_a_full_disk_keeps_the_last_good_state(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    train_and_stop(baseline, 1, monkeypatch)
    good = (baseline.run_folder / "state.pt").read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(TrainingError, match="No space left"):
        train(baseline, resume=True)
    assert (baseline.run_folder / "state.pt").read_bytes() == good


def test_a_loss_that_is_not_finite_stops_and_names_the_term(distilled: Recipe) -> None:
    with pytest.raises(TrainingError, match=r"task.* not finite since step 1 \(a step before: task \d"):
        train(replace(distilled, learning_rate=1e12, steps=30))


def test_distilling_needs_a_fitting_teacher(distilled: Recipe, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--teacher"):
        train(replace(distilled, teacher=None))
    with pytest.raises(CheckpointError, match="no such file"):
        train(replace(distilled, teacher=tmp_path / "gone.safetensors"))


def test_fading_relations_leave_the_end_to_the_task(distilled: Recipe) -> None:
    train(replace(distilled, objective=replace(distilled.objective, relations_fade=True)))
    events = [e for e in read_journal(distilled.run_folder / "journal.jsonl") if e["kind"] == "train"]
    for step, event in enumerate(events):
        raw, weighted = event["raw"], event["weighted"]
        assert weighted["minibatch_pixel"] == pytest.approx((1 - step / 6) * raw["minibatch_pixel"])
        assert weighted["kd"] == raw["kd"] and event["total"] == pytest.approx(sum(weighted.values()))


def test_callers_random_numbers_are_left_alone(baseline: Recipe) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    train(replace(baseline, steps=1))
    assert torch.equal(torch.rand(3), wanted)


def test_a_torn_last_line_of_the_journal_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"kind": "train", "step": 1}) + '\n{"kind": "tra')
    assert read_journal(path) == [{"kind": "train", "step": 1}]


def test_polynomial_rate() -> None:
    assert polynomial_rate(0, base=0.1, steps=10) == pytest.approx(0.1)
    assert polynomial_rate(5, base=0.1, steps=10) == pytest.approx(0.1 * 0.5**0.9)
    assert polynomial_rate(0, base=0.1, steps=10, warmup=4) == pytest.approx(0.02)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_whole(name: str) -> None:
    recipe = RECIPES[name]()
    assert recipe.name == name
    assert (RECIPES[name].__doc__ or "").strip()
    assert (recipe.teacher is not None) == recipe.objective.needs_teacher


def _kind(name: str) -> str:
    """Whose students a recipe's are: those of the data set, or a named kind of them."""
    return name.rpartition("-")[0] if name.split("-")[1] in ("s2", "few", "deeplabv3") else name.split("-")[0]


@pytest.mark.parametrize("name", bundled.RECIPES)
def test_baseline_and_distilled_recipes_differ_in_the_method_alone(name: str) -> None:
    if name.endswith("teacher"):
        return
    alone, distilled = RECIPES[f"{_kind(name)}-baseline"](), RECIPES[name]()
    assert replace(distilled, name=alone.name, teacher=None, objective=Objective.task_only()) == replace(
        alone, objective=Objective.task_only()
    )


def test_relations_of_fine_maps_are_between_cells_and_weigh_what_the_paper_says() -> None:
    recipe = RECIPES["streets-cirkd"]()
    assert recipe.network.output_stride == 4
    assert recipe.objective.relation_stride == 16
    weights = [recipe.objective.weight(name) for name in ("kd", "minibatch_pixel", "memory_pixel", "memory_region")]
    assert weights == [1.0, 1.0, 0.1, 0.1]

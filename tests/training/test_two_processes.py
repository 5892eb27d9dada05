"""Two processes train as one does: the same terms, weights, queues and scores; they stop together."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.losses.objective import Objective
from cirkd.training import trainer
from cirkd.training.journal import read_journal
from cirkd.training.recipes import Recipe
from tests.together import launched, run_together
from tests.training.test_trainer import assert_same_run

PROJECT = Path(__file__).parents[2]

# What draws or averages by itself in each process is at rest: statistics of batches, and unless asked for dropout.
CHILD = """
import os, pickle, signal, sys

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from cirkd.training import trainer
from tests.training import threads

torch.set_num_threads(1)
recipe, stop_at, resume, dropout = pickle.loads(bytes.fromhex(sys.argv[1]))
begin, step = trainer.Distillation.__init__, trainer.Steps.__call__

def at_rest(self, *parts):
    begin(self, *parts)
    for module in self.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
            module.train = lambda mode=True, module=module: module
        elif isinstance(module, torch.nn.Dropout) and not dropout:
            module.p = 0.0

def stopped(self, batch):
    terms = step(self, batch)
    if self.done == stop_at and os.environ.get("RANK") == "1":
        os.kill(os.getpid(), signal.SIGTERM)
    return terms

trainer.Distillation.__init__, trainer.Steps.__call__ = at_rest, stopped
print("steps", trainer.train(recipe, resume=resume).steps)
print("threads", threads.left("gloo"))
"""
OBJECTIVE = Objective(
    auxiliary=0.0,
    across_processes=True,
    variation=2.0,
    hint=1.0,
    memory_channel=0.1,
    category_similarity=1.0,
    boundary=1.0,
    generation=0.1,
)


def run(recipe: Recipe, processes: int, *, stop_at: int = 0, resume: bool = False, dropout: bool = False) -> list[str]:
    """Train in so many processes that find each other as a launcher's do; what each printed."""
    command = [sys.executable, "-c", CHILD, pickle.dumps((recipe, stop_at, resume, dropout)).hex()]
    found = {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    places = launched(processes) if processes > 1 else [{}]
    said = run_together(*((command, found | place) for place in places))
    # A thread of the group that is left as the process ends can abort it.
    assert not any("gloo" in text for text in said), "\n".join(said)
    return said


@pytest.fixture
def shared(distilled: Recipe) -> Recipe:
    return replace(distilled, objective=OBJECTIVE, batch_size=4, steps=4, evaluate_every=2, learning_rate=2e-3)


@pytest.mark.slow
def test_two_processes_train_as_one(shared: Recipe) -> None:
    alone, together = replace(shared, name="alone"), replace(shared, name="together")
    run(alone, 1)
    run(together, 2)
    begun = trainer._Run(replace(shared, name="begun"), False).module.state_dict()
    states = [torch.load(r.run_folder / "state.pt", weights_only=True)["module"] for r in (alone, together)]
    queues = [name for name in begun if "queue." in name]
    for name in queues:
        torch.testing.assert_close(states[1][name], states[0][name], msg=lambda text, name=name: f"{name}: {text}")
    assert states[1]["memory.pixel_queue.written"].sum() > 50
    assert states[1]["heads.channels.queue.written"] > 50
    weights = [torch.cat([state[n].flatten().float() for n in begun if n not in queues]) for state in (begun, *states)]
    moved, apart = (weights[1] - weights[0]).norm(), (weights[2] - weights[1]).norm()
    assert apart < 0.005 * moved, f"{float(apart / moved):.2g} of the way"
    events = [read_journal(recipe.run_folder / "journal.jsonl") for recipe in (alone, together)]
    assert [e["kind"] for e in events[0]] == [e["kind"] for e in events[1]], "one process writes the journal"
    for wanted, found in zip(*events, strict=True):
        if found["kind"] == "train":
            assert found["raw"] == pytest.approx(wanted["raw"], rel=1e-3, abs=1e-6)
        if found["kind"] == "evaluation":
            assert found["miou"] == pytest.approx(wanted["miou"], abs=0.05)


@pytest.mark.slow
def test_asked_of_one_process_all_stop_and_go_on(shared: Recipe) -> None:
    whole, broken = replace(shared, name="whole"), replace(shared, name="broken")
    run(whole, 2, dropout=True)
    assert all("steps 2" in said for said in run(broken, 2, stop_at=2, dropout=True))
    run(broken, 2, resume=True, dropout=True)
    assert_same_run(whole, broken)
    state = torch.load(whole.run_folder / "state.pt", weights_only=True)
    assert not torch.equal(state["random"], state["others_random"][0][0]), "dropout is each process's own"

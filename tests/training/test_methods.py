"""Every method's recipe trains: its terms are in the journal, and what it trains beside the student is resumed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.losses.objective import Objective
from cirkd.training.journal import read_journal
from cirkd.training.recipes import RECIPES, Recipe
from cirkd.training.recipes.methods import METHODS, Method
from cirkd.training.trainer import train
from tests.cases import mostly_slow
from tests.training.test_trainer import assert_same_run, train_and_stop

DISTILLED = [name for name, make in RECIPES.items() if make().objective.needs_teacher and make().data == "streets"]
ADVERSARIAL = {"adversarial": 0.001, "discriminator": 0.1}


def tiny(recipe: Recipe, like: Recipe) -> Recipe:
    """A recipe's objective on a tiny run's network, data and sizes."""
    return replace(like, name=recipe.name, objective=recipe.objective, steps=2)


def weights(objective: Objective) -> dict[str, float]:
    names = [name for name, value in vars(objective).items() if isinstance(value, float) and "temperature" not in name]
    return {name: getattr(objective, name) for name in names if getattr(objective, name)}


@pytest.mark.parametrize("name", mostly_slow(DISTILLED, fast=("streets-kd", "streets-cirkd")))
def test_its_terms_are_in_the_journal_raw_and_weighted(name: str, distilled: Recipe) -> None:
    recipe = tiny(RECIPES[name](), distilled)
    assert train(recipe).finished
    steps = [e for e in read_journal(recipe.run_folder / "journal.jsonl") if e["kind"] == "train"]
    wanted = weights(recipe.objective)
    assert len(steps) == 2
    for event in steps:
        assert event["raw"].keys() == wanted.keys()
        assert event["weighted"] == pytest.approx({term: wanted[term] * event["raw"][term] for term in wanted})
    assert all(value > 0 for value in steps[-1]["raw"].values())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_flags_by_which_it_differs_are_those_of_the_objective(method: Method) -> None:
    for name, value in re.findall(r"--objective\.(\S+) ([\d.]*\d)", method.differs):
        assert getattr(replace(method.objective, **{name.replace("-", "_"): float(value)}), name.replace("-", "_")) > 0
    assert method.differs.count("--objective.") == len(re.findall(r"--objective\.\S+ [\d.]*\d", method.differs))


def test_the_adversarial_option_of_skd(distilled: Recipe) -> None:
    recipe = tiny(RECIPES["streets-skd"](), distilled)
    recipe = replace(recipe, objective=replace(recipe.objective, **ADVERSARIAL))
    assert train(recipe).finished
    steps = [e for e in read_journal(recipe.run_folder / "journal.jsonl") if e["kind"] == "train"]
    assert steps[-1]["raw"]["discriminator"] > 0
    assert steps[-1]["weighted"]["adversarial"] == pytest.approx(0.001 * steps[-1]["raw"]["adversarial"])


@pytest.mark.slow
def test_what_is_trained_beside_the_student_goes_on_where_it_was(
    distilled: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Projections, context, discriminator and channel queue: stopped and resumed equals uninterrupted, bit for bit."""
    objective = replace(RECIPES["streets-cirkdv2"]().objective, channel_wise_embedding=1.0, **ADVERSARIAL)
    whole = replace(distilled, name="whole", steps=4, objective=objective)
    broken = replace(whole, name="broken")
    train(whole)
    train_and_stop(broken, 2, monkeypatch)
    assert train(broken, resume=True).finished
    assert_same_run(whole, broken)
    state = torch.load(broken.run_folder / "state.pt", weights_only=True)["module"]
    assert state["heads.channels.queue.written"].item() > 0
    assert {key.split(".")[1] for key in state if key.startswith("heads.")} == set(objective.needed_heads)


def test_a_run_begun_before_a_field_existed_goes_on(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    train_and_stop(baseline, 2, monkeypatch)
    path: Path = baseline.run_folder / "state.pt"
    state = torch.load(path, weights_only=True)
    for name in ("structured", "hint", "context"):
        del state["recipe"]["objective"][name]
    for name in ("contents", "others_random"):
        del state[name]
    torch.save(state, path)
    assert train(baseline, resume=True).finished

"""A recipe from a user's own file: found, overridden, resumed, and its faults told in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cirkd.cli import main
from cirkd.training.journal import read_journal
from cirkd.training.recipes import find_recipe
from tests.training.test_trainer import train_and_stop

OWN = """
from dataclasses import replace
from pathlib import Path
from cirkd.data.transforms import Augmentation
from cirkd.training.recipes import Network, Recipe, find_recipe

def make():
    '''A student of my own.'''
    return Recipe(
        name="mine", data="camvid", root=Path({root!r}), runs=Path({runs!r}), batch_size=2, workers=0, warmup=0,
        network=Network(embedding_channels=16, atrous_rates=(1, 2, 3)), augmentation=Augmentation(crop=(48, 64)),
        evaluate_every=0, steps=2,
    )

def nothing():
    return None

def broken():
    return make().stepps

number = 3
"""


@pytest.fixture
def own(tmp_path: Path, camvid: Path) -> Path:
    path = tmp_path / "my_recipe.py"
    path.write_text(OWN.format(root=str(camvid), runs=str(tmp_path / "runs")))
    return path


def test_it_trains_with_fields_overridden_and_resumes(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    train_and_stop(replace(find_recipe("my_recipe.py:make"), steps=3, seed=4), 2, monkeypatch)
    assert main(["train", "my_recipe.py:make", "--steps", "3", "--seed", "4", "--resume"]) == 0
    events = read_journal(own.parent / "runs" / "mine" / "journal.jsonl")
    assert [e["recipe"]["seed"] for e in events if e["kind"] == "start"] == [4, 4]
    assert events[-1]["kind"] == "end"
    assert (own.parent / "runs" / "mine" / "mine.safetensors").is_file()


def test_a_name_is_a_recipe_too() -> None:
    assert find_recipe("streets-kd").name == "streets-kd"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("gone.py:make", "gone.py: no such file"),
        ("my_recipe.py", "name the function"),
        ("my_recipe.py:", "name the function"),
        ("my_recipe.py:gone", "has no function gone"),
        ("my_recipe.py:number", "has no function number"),
        ("my_recipe.py:nothing", "returned NoneType, a Recipe"),
        ("my_recipe.py:broken", "my_recipe.py line 19: AttributeError"),
        ("torn.py:make", "torn.py line 2: SyntaxError"),
        ("failing.py:make", "failing.py line 3: ZeroDivisionError"),
        ("my_recipe:make", "no recipe 'my_recipe:make'"),
    ],
)
def test_faults_are_one_line(
    word: str, says: str, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(own.parent)
    Path("torn.py").write_text("def make():\n    return (\n")
    Path("failing.py").write_text("import math\n\nmath.floor(1 / 0)\n")
    assert main(["train", word]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert len(error.strip().splitlines()) == 1

"""Values of a recipe with which no run can begin are refused in one line, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from cirkd.cli import main
from cirkd.training.recipes import RECIPES
from cirkd.training.setup import require_sensible


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("steps", "0"),
        ("batch-size", "0"),
        ("seed", "-1"),
        ("workers", "-1"),
        ("learning-rate", "0"),
        ("average", "1"),
        ("journal-every", "-5"),
        ("network.input-scale", "100"),
        ("objective.temperature", "0"),
        ("objective.kd-temperature", "0"),
        ("objective.relation-stride", "6"),
        ("objective.task", "0"),
    ],
)
def test_one_line_says_what_was_wanted(
    flag: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "streets-baseline", "--runs", str(tmp_path / "runs"), f"--{flag}", value]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"cirkd: --{flag} {value}: ") and error.rstrip().endswith("was wanted")
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_sensible(name: str) -> None:
    require_sensible(RECIPES[name]())


def test_where_no_folder_can_be_made_it_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["train", "streets-baseline", "--runs", str(tmp_path / "file"), "--name", "mine"]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path / 'file' / 'mine'}: no folder can be made there" in error and "choose another place" in error

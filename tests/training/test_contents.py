"""Files and folders of one name are told apart by what is in them, without a word of where they lie."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cirkd.data.errors import TrainingError
from cirkd.models.answers import Answers
from cirkd.training import progress, trainer
from cirkd.training.contents import content, contents
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import load_state, save_state


def test_a_named_data_set_needs_no_digest(baseline: Recipe) -> None:
    assert contents(baseline) == {}


def test_images_are_told_by_content_names_splits_and_classes(tmp_path: Path) -> None:
    root = tmp_path / "mine" / "images"
    root.mkdir(parents=True)
    for name in "ab":
        Image.new("RGB", (32, 32)).save(root / f"{name}.bmp")
    recipe = Recipe("own", data="folder", root=root, train_split="0-50%", val_split="50-100%")
    moved = shutil.copytree(root.parent, tmp_path / "moved") / "images"
    found = [contents(recipe), contents(replace(recipe, root=moved))]
    assert found[0] == found[1] and found[0].keys() == {"root"} and str(tmp_path) not in found[0]["root"]
    found.append(contents(replace(recipe, val_split="all")))
    (root / "classes.txt").write_text("road\nsky\n")
    found.append(contents(recipe))
    size = (root / "a.bmp").stat().st_size
    Image.new("RGB", (32, 32), (1, 2, 3)).save(root / "a.bmp")
    assert (root / "a.bmp").stat().st_size == size
    found.append(contents(recipe))
    (root / "b.bmp").rename(root / "c.bmp")
    found.append(contents(recipe))
    assert len({digests["root"] for digests in found}) == 5
    assert contents(replace(recipe, root=tmp_path / "nowhere")) == {"root": "nowhere"}


def test_reading_a_large_folder_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """It takes minutes before the first step; where no bar can be drawn there is a line now and then."""
    for name in "ab":
        Image.new("RGB", (32, 32)).save(tmp_path / f"{name}.bmp")
    recipe = Recipe("own", data="folder", root=tmp_path, train_split="0-50%", val_split="50-100%")
    told = contents(recipe, shown=True)
    assert capfd.readouterr().err == ""
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert contents(recipe) == told
    assert capfd.readouterr().err == ""
    assert contents(recipe, shown=True) == told
    assert f"reading the files of {tmp_path.name}/ once, to know them again: 100%" in capfd.readouterr().err


def test_weights_are_told_by_all_that_is_read_with_them(tmp_path: Path) -> None:
    for place in ("one", "other"):
        (tmp_path / place / "folder").mkdir(parents=True)
        for name in ("student.pth", "net.py", "folder/model.safetensors"):
            (tmp_path / place / name).write_text("alike")
    for name in ("student.pth", "net.py:make,student.pth", "folder"):
        assert content(tmp_path / "one" / name) == content(tmp_path / "other" / name) != Path(name).name
    (tmp_path / "other" / "net.py").write_text("differs")
    (tmp_path / "other" / "folder" / "model.safetensors").write_text("differs")
    (tmp_path / "other" / "student.cirkd.json").write_text('{"range": 255}')
    for name in ("student.pth", "net.py:make,student.pth", "folder"):
        assert content(tmp_path / "one" / name) != content(tmp_path / "other" / name)


def test_a_run_does_not_go_on_with_other_files_of_the_same_names(distilled: Recipe, tmp_path: Path) -> None:
    assert distilled.teacher is not None
    classes = tmp_path / "classes.txt"
    classes.write_text("road\nsky\n")
    run = trainer._Run(distilled, False)
    save_state(tmp_path / "state.pt", run.steps)
    copy = shutil.copy(distilled.teacher, tmp_path)
    run.steps.contents = contents(replace(distilled, teacher=Path(copy), told=Answers(classes=classes)))
    load_state(tmp_path / "state.pt", run.steps)
    other = tmp_path / "other" / distilled.teacher.name
    other.parent.mkdir()
    other.write_bytes(distilled.teacher.read_bytes() + b" ")
    run.steps.contents = contents(replace(distilled, teacher=other))
    with pytest.raises(TrainingError, match="started with another --teacher of the same name"):
        load_state(tmp_path / "state.pt", run.steps)

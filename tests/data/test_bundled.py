"""What comes with the project is found by its name in any folder; what lies in the folder comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from cirkd.checkpoint import read_header
from cirkd.data.bundled import bundled, checkpoint_path

NAMES = ("streets-teacher", "streets-teacher.safetensors")


def test_it_is_there() -> None:
    assert bundled("app", "main.py").is_file()
    assert bundled("data", "streets", "manifest.json").is_file()


@pytest.mark.parametrize("name", [*NAMES, *(f"checkpoints/{name}" for name in NAMES)])
def test_a_checkpoint_is_found_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checkpoint_path(Path(name)) == bundled("checkpoints", "streets-teacher.safetensors")
    assert read_header(name)["architecture"] == "segformer"


def test_what_lies_there_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Path("checkpoints/streets-teacher.safetensors")
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    assert checkpoint_path(mine) == mine


@pytest.mark.parametrize("name", ["streets-nothing", "folder/streets-teacher.safetensors", "mine.pth", "."])
def test_anything_else_stays_as_it_is(name: str) -> None:
    assert checkpoint_path(Path(name)) == Path(name)

"""The app's JavaScript: the linked view's modules by themselves in Node, and each component's script as it is sent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.clicks import script as clicks_script
from app.explorer import FOLDER, MODULES, pixels_of, script
from app.player import script as player_script

HERE = Path(__file__).parent
SCRIPTS = {"explorer": script, "player": player_script, "clicks": clicks_script}


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        reason = "node: not there; the modules are still tested in the browser"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return str(found)


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_modules_in_node(node: str, file: str) -> None:
    run = subprocess.run([node, "--test", str(HERE / file)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(re.search(r"# pass (\d+)", run.stdout).group(1)) > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_joined_script_is_one_valid_module(node: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / "joined.mjs"
    file.write_text(SCRIPTS[name](), encoding="utf-8")
    run = subprocess.run([node, "--check", str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_modules_build_on_those_before_them_alone() -> None:
    """Joined, a module's top level may only use what stands above it."""
    assert {path.stem for path in FOLDER.glob("*.js")} == set(MODULES)
    for place, name in enumerate(MODULES):
        text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        needed = re.findall(r'from "\./(\w+)\.js"', text)
        assert set(needed) <= set(MODULES[:place]), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_joined_script_fetches_nothing(name: str) -> None:
    text = SCRIPTS[name]()
    assert text.count("export ") == 1
    assert "export default function mount" in text
    assert not re.search(r"\bimport\b|fetch\(|https?://|XMLHttpRequest|WebSocket", text)


def test_files_stay_small() -> None:
    for path in FOLDER.iterdir():
        if path.is_file():
            assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path.name


def test_runs_of_positions_are_pixels_of_the_study() -> None:
    index = [0, 2, 4, 6, 8, 10]
    assert pixels_of(index, [1, 2, 5, 1]) == [2, 4, 10]
    assert pixels_of(index, [4, 9]) == [8, 10]  # left over from a study that had more
    assert pixels_of(index, []) == []

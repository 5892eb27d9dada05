"""The JavaScript: modules by themselves in Node, and each component's script as it is sent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.explorer import pixels_of
from cirkd.web import FOLDER, bundle, script

HERE = Path(__file__).parent
INLINE = {"report"}  # stands in a page as it is; what is mounted exports how
SCRIPTS = sorted(path.name for path in FOLDER.iterdir() if (path / f"{path.name}.js").is_file())


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
    file.write_text(script(name), encoding="utf-8")
    run = subprocess.run([node, "--check", str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_every_module_is_part_of_a_script() -> None:
    sent = "".join(script(name) for name in SCRIPTS)
    for path in FOLDER.glob("*/*.js"):
        assert path.read_text(encoding="utf-8").splitlines()[0] in sent, path


def test_a_bundle_keeps_each_modules_names_to_itself(node: str, tmp_path: Path) -> None:
    (tmp_path / "low.js").write_text("const hidden = 1;\nexport const one = hidden;\nexport async function f() {}\n")
    (tmp_path / "mid.js").write_text(
        'import { one } from "./low.js";\n\nconst hidden = 10;\nexport class Two {\n  value = one + hidden;\n}\n'
    )
    (tmp_path / "top.js").write_text(
        'import { one as first } from "./low.js";\nimport {\n  Two,\n} from "./mid.js";\n\nconst hidden = 100;\n'
        "export const sum = 0;\nexport default function mount() {\n  return first + new Two().value + hidden;\n}\n"
    )
    made = bundle(tmp_path / "top.js")
    assert made.count("hidden = 1;") == 1  # once, though two modules need it
    (tmp_path / "made.mjs").write_text(made + "console.log(mount());")
    run = subprocess.run([node, str(tmp_path / "made.mjs")], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout.strip()) == (0, "112"), run.stderr


def test_a_bundle_of_modules_in_a_circle_is_refused(tmp_path: Path) -> None:
    for a, b in (("one", "two"), ("two", "one")):
        (tmp_path / f"{a}.js").write_text(f'import {{ x }} from "./{b}.js";\n')
    with pytest.raises(ValueError, match=r"one.js > two.js > one.js"):
        bundle(tmp_path / "one.js")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_joined_script_fetches_nothing(name: str) -> None:
    text = script(name)
    assert text.count("export ") == text.count("\nexport default ") == (name not in INLINE)
    assert not re.search(r"\bimport\b|fetch\(|https?://|XMLHttpRequest|WebSocket", text)


def test_files_stay_small() -> None:
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix in {".js", ".css", ".py"}:
            assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path.name


def test_runs_of_positions_are_pixels_of_the_study() -> None:
    index = [0, 2, 4, 6, 8, 10]
    assert pixels_of(index, [1, 2, 5, 1]) == [2, 4, 10]
    assert pixels_of(index, [4, 9]) == [8, 10]  # left over from a study that had more
    assert pixels_of(index, []) == []

"""What `import cirkd` offers is the same at run time, for `import *`, and for type checkers."""

from __future__ import annotations

import ast
import threading
import time
from pathlib import Path

import pytest

import cirkd


def test_every_public_name_leads_somewhere() -> None:
    for name in cirkd.__all__:
        assert getattr(cirkd, name) is not None
    assert set(cirkd.__all__) == {"__version__", *cirkd._HOME}
    assert set(cirkd.__all__) < set(dir(cirkd))


def test_type_checkers_find_the_same_names_in_the_same_modules() -> None:
    tree = ast.parse(Path(cirkd.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    found = {
        alias.name: statement.module
        for block in blocks
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert found == {**cirkd._HOME, "losses": "cirkd", "relations": "cirkd"}


def test_importing_it_loads_nothing_large() -> None:
    import subprocess
    import sys

    code = "import sys, cirkd; print({'torch', 'numpy', 'streamlit', 'plotly'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_libraries_are_imported_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[str] = []
    most = 0

    def slow(name: str) -> None:
        nonlocal most
        inside.append(name)
        most = max(most, len(inside))
        time.sleep(0.01)
        inside.remove(name)

    monkeypatch.setattr(cirkd.importlib, "import_module", slow)
    threads = [threading.Thread(target=cirkd.prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1

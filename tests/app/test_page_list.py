"""Entries and files of pages belong together, the README's table is made of the entries; what stands before a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app import page_list
from tools.serving import ROOT


def test_the_readme_has_the_table() -> None:
    assert page_list.table() in Path("README.md").read_text(encoding="utf-8")


def test_every_file_is_a_page_and_every_page_has_a_file() -> None:
    assert {entry.file for entry in page_list.PAGES} == set(page_list.VIEWS.glob("*.py"))


def test_pandas_is_there_before_a_page_draws(study_folders: Path) -> None:
    # Plotly asks `sys.modules` for it; while another visitor's table is importing it, it has no `Series` yet.
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; before = 'pandas' in sys.modules;"
        f"test = AppTest.from_file({str(ROOT / 'app' / 'main.py')!r}, default_timeout=120);"
        "test.query_params.update(teacher='none', before='none', after='none');"
        "test.run(); assert not test.exception; print(before, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False True", done.stderr

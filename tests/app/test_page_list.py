"""A page is one entry and one file: menu, address and README follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import page_list
from app.page_list import PageEntry


def test_the_readme_has_the_table() -> None:
    assert page_list.table() in Path("README.md").read_text(encoding="utf-8")


def test_every_file_is_a_page_and_every_page_has_a_file() -> None:
    assert {entry.file for entry in page_list.PAGES} == set(page_list.VIEWS.glob("*.py"))


def test_a_new_page_is_a_file_and_an_entry(
    page: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'import streamlit as st\nfrom app import study_bar\nst.title(", ".join(study_bar.current().names))\n'
    (tmp_path / "names.py").write_text(text)
    entry = PageEntry("names", "Names", ":material/label:", "the models' names", folder=tmp_path)
    monkeypatch.setattr(page_list, "PAGES", (entry, *page_list.PAGES))
    test = page()
    assert not test.exception
    assert test.title[0].value == "teacher, before, after"
    assert "| Names | the models' names |" in page_list.table(page_list.PAGES)

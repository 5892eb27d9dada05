"""Entries and files of pages belong together, and the README's table is made of the entries."""

from __future__ import annotations

from pathlib import Path

from app import page_list


def test_the_readme_has_the_table() -> None:
    assert page_list.table() in Path("README.md").read_text(encoding="utf-8")


def test_every_file_is_a_page_and_every_page_has_a_file() -> None:
    assert {entry.file for entry in page_list.PAGES} == set(page_list.VIEWS.glob("*.py"))

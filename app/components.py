"""Streamlit components of our own, one function each: scripts and style sheets lie in `cirkd/web`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from cirkd.web import script, style


@functools.cache
def _component(name: str, *sheets: str) -> Any:
    # In the page's own tree, so that its fonts and theme reach the component; the classes of each have a prefix.
    return component(f"cirkd_{name}", css=style(*(sheets or (name,))), js=script(name), isolate_styles=False)


def explorer(data: bytes) -> dict[str, Any]:
    """Draw the linked view; what the user pinned, chose and set comes back and runs the page again.

    data: from `cirkd.analysis.explorer_encode.encode`. Data of the same study do not build the view anew.

    Returns pin (position or None), selection (runs: first, length, ...), overlay, tau, map, color; {} at first.
    """
    found = _component("explorer")(key="explorer", data=data, on_state_change=lambda: None)
    return found.get("state") or {}


def lesson(data: bytes) -> None:
    """Draw the lesson, which sends nothing back; data: from `cirkd.lesson.lesson_bytes`."""
    _component("lesson", "explorer", "player", "lesson")(key="lesson", data=data)


def player(trajectory: dict[str, Any], run: str, label: str) -> None:
    """Play the trajectory of a run's probe; new steps are taken in where the user is, and the animation goes on.

    trajectory: from `cirkd.charts.training.playable`; run: tells them apart; label: the map's `alt` text.
    """
    _component("player")(key="training_trajectory", data=trajectory | {"run": run, "label": label})


def cells(key: str, within: str, hint: str, choose: Callable[[int, int, int], None]) -> None:
    """Show a hint, and call `choose(row, column, number of the matrix)` when a cell of a matrix is clicked.

    key: unique on the page; within: key of the container that holds the matrices.
    """

    def clicked() -> None:
        cell = st.session_state[key].get("cell")
        if cell is not None:
            choose(*map(int, cell))

    _component("clicks")(key=key, data={"within": within, "hint": hint}, on_cell_change=clicked)


def copy_link() -> None:
    """A button that copies the page's address; a browser copies only on a page of this machine or behind https."""
    words = {"words": "Copy link to this view", "done": "Copied", "failed": "Copy it from the address bar"}
    _component("link")(key="bar_link", data=words)

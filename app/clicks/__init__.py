"""Clicks on the cells of matrices, as a Streamlit component of our own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from cirkd.web import script

_STYLE = ".ck-hint{color:color-mix(in srgb,var(--st-text-color) 66%,var(--st-background-color));font-size:.87rem}"


@functools.cache
def _component() -> Any:
    # In the page's own tree, where the charts are.
    return component("cirkd_clicks", css=_STYLE, js=script("clicks"), isolate_styles=False)


def cells(key: str, within: str, hint: str, choose: Callable[[int, int, int], None]) -> None:
    """Show a hint, and call `choose(row, column, number of the matrix)` when a cell of a matrix is clicked.

    key: unique on the page; within: key of the container that holds the matrices.
    """

    def clicked() -> None:
        cell = st.session_state[key].get("cell")
        if cell is not None:
            choose(*map(int, cell))

    _component()(key=key, data={"within": within, "hint": hint}, on_cell_change=clicked)

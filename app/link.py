"""A button that copies the address of what is on screen, as a Streamlit component of our own."""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from cirkd.web import script

_STYLE = (
    ".lk-copy{width:100%;height:2.5rem;border:1px solid var(--st-border-color);border-radius:var(--st-base-radius);"
    "background:var(--st-background-color);color:inherit;font:inherit;cursor:pointer}"
    ".lk-copy:hover{border-color:var(--st-primary-color)}"
    ".lk-copy:focus-visible{outline:2px solid var(--st-primary-color);outline-offset:1px}"
)


@functools.cache
def _component() -> Any:
    return component("cirkd_link", css=_STYLE, js=script("link"), isolate_styles=False)


def draw() -> None:
    """Draw the button in the sidebar; a browser copies only on a page of this machine or behind https."""
    words = {"words": "Copy link to this view", "done": "Copied", "failed": "Copy it from the address bar"}
    with st.sidebar:
        _component()(key="bar_link", data=words)

"""The linked view as a Streamlit component of our own: maps of pixel embeddings and the images they come from."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.components.v2 import component

from cirkd.web import script, style

if TYPE_CHECKING:
    from app.handle import Handle

FIRST = "explorer_first"  # session key: (study, what the view shows before anything is chosen in it)
_CHOSEN = "explorer_chosen"


@functools.cache
def _component() -> Any:
    # In the page's own tree, so that its fonts and theme reach the component; its classes all start with "cx".
    return component("cirkd_explorer", css=style("explorer"), js=script("explorer"), isolate_styles=False)


def explorer(data: bytes, key: str = "explorer") -> dict[str, Any]:
    """Draw the linked view; what the user pinned, chose and set comes back and runs the page again.

    data: from `cirkd.analysis.explorer_encode.encode`. Data of the same study do not build the view anew.

    Returns pin (position or None), selection (runs: first, length, ...), overlay, tau, map, color; {} at first.
    """
    found = _component()(key=key, data=data, on_state_change=lambda: None)
    return found.get("state") or {}


def visit(study: Handle, image: int, y: float, x: float) -> None:
    """Let the Explorer open with a place pinned, whatever was pinned before; y, x: shares of the image's sides."""
    count = st.session_state["explorer_visits"] = st.session_state.get("explorer_visits", 0) + 1
    st.session_state[FIRST] = (study.key.content, {"place": (image, y, x), "visit": count})
    st.session_state.pop("_explorer_block", None)


def remember(study: Handle, pixels: list[int]) -> None:
    """Keep the pixels chosen in this study, for the other pages; pixels: by their numbers in its `fine_features`."""
    cells = study.explorer_cells()
    st.session_state[_CHOSEN] = (study.key.content, sorted({int(cells[pixel]) for pixel in pixels}))


def chosen_pixels(study: Handle) -> list[int]:
    """The pixels that are chosen in the linked view, by their numbers in the feature set."""
    kept = st.session_state.get(_CHOSEN)
    return kept[1] if kept and kept[0] == study.key.content else []


def pixels_of(index: list[int], runs: list[int]) -> list[int]:
    """Runs of positions (first, length, first, length, ...) -> the pixels' numbers in the feature set."""
    pairs = zip(runs[::2], runs[1::2], strict=False)
    return [index[i] for first, length in pairs for i in range(first, min(first + length, len(index)))]

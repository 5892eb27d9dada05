"""What other pages and the linked view know of each other: places to visit, pixels that were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from app.handle import Handle

FIRST = "explorer_first"  # session key: (study, what the view shows before anything is chosen in it)
_CHOSEN = "explorer_chosen"


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

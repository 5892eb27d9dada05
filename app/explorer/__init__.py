"""What other pages and the linked view know of each other: places to visit, pixels that were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import state, study_bar
from app.handle import Handle
from app.state import FEWEST_IMAGES, MOST_IMAGES

FIRST = "explorer_first"  # session key: (study, what the view shows before anything is chosen in it)
_CHOSEN = "explorer_chosen"


def in_explorer(names: Sequence[str], place: tuple[float, float] | None = None) -> None:
    """Open the Explorer on these images of the split; those not in view yet come first, and others make room for them.

    place: (y, x) in the first of them, as shares of its sides, to be pinned, whatever was pinned before.
    """
    chosen, _ = state.read()
    shown = chosen.images
    if not set(names) <= set(shown):
        count = max(len(shown), len(names), FEWEST_IMAGES)
        shown = tuple(dict.fromkeys([*names, *shown]))[: min(count, MOST_IMAGES)]
        chosen = replace(chosen, images=shown)
        state.remember(chosen)
    if place is not None:
        visits = st.session_state["explorer_visits"] = st.session_state.get("explorer_visits", 0) + 1
        first = {"place": (shown.index(names[0]), *place), "visit": visits}
        st.session_state[FIRST] = (study_bar.study_key(chosen).content, first)
    # The study's part of the address goes along: an address that is emptied here must hold no widget's value.
    st.switch_page("views/explorer.py", query_params=chosen.query())


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

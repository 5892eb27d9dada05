"""From an image of the split, in view or not, to the Explorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import state, study_bar
from app.explorer import visit
from app.handle import Handle
from app.state import FEWEST_IMAGES, MOST_IMAGES


def in_explorer(study: Handle, names: Sequence[str], place: tuple[float, float] | None = None) -> None:
    """Open the Explorer on these images; those not in view yet come first, and others make room for them.

    place: (y, x) in the first of them, as shares of its sides, to be pinned.
    """
    chosen, _ = state.read()
    shown = chosen.images
    if not set(names) <= set(shown):
        count = max(len(shown), len(names), FEWEST_IMAGES)
        shown = tuple(dict.fromkeys([*names, *shown]))[: min(count, MOST_IMAGES)]
        chosen = replace(chosen, images=shown)
        state.remember(chosen)
    if place is not None:
        visit(Handle(study_bar.study_key(chosen), chosen), shown.index(names[0]), *place)
    # The study's part of the address goes along: an address that is emptied here must hold no widget's value.
    st.switch_page("views/explorer.py", query_params=chosen.query())

"""The sidebar: which checkpoints, images, layer and device; and `current()`, the study they make."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import cached, catalogue, state
from app.handle import Handle
from app.state import StudyState
from cirkd.data.errors import CheckpointError, StudyError

ROLES = ("teacher", "before", "after")


def draw() -> None:
    """Draw the sidebar and remember what was chosen, in the session and in the address."""
    chosen, _ = state.read()
    chosen = _with_defaults(chosen)
    with st.sidebar:
        st.caption("STUDY")
    state.write(chosen)


def current() -> Handle:
    """The study on screen.

    Raises:
        CirkdError: it cannot be opened; the page's guard shows why.
    """
    chosen, _ = state.read()
    key = _key(chosen)
    return Handle(cached.study(key), key, chosen)


def _with_defaults(chosen: StudyState) -> StudyState:
    groups = catalogue.groups()
    if groups and not any(getattr(chosen, role) for role in ROLES):
        chosen = replace(chosen, **catalogue.defaults(groups[0]))
    if not chosen.images:
        chosen = replace(chosen, images=tuple(_data(chosen).names[:6]))
    return chosen


def _data(chosen: StudyState):
    root = catalogue.data_root(chosen.data)
    return cached.data(chosen.data, chosen.split, str(root), cached.stamp(root))


def _key(chosen: StudyState) -> cached.StudyKey:
    models = []
    for role in ROLES:
        wanted = getattr(chosen, role)
        if wanted in ("", state.NONE):
            continue
        checkpoint = catalogue.find(wanted)
        if checkpoint is None:
            raise CheckpointError(f"{wanted}: there is no such checkpoint here; choose another in the sidebar")
        models.append((role, str(checkpoint.path), checkpoint.stamp))
    if not models:
        raise StudyError("no model is chosen; pick a teacher or a student in the sidebar")
    root = catalogue.data_root(chosen.data)
    return cached.StudyKey(
        tuple(models), chosen.data, chosen.split, str(root), chosen.images,
        chosen.layer, chosen.device, chosen.precision, cached.stamp(root),
    )  # fmt: skip

"""Choices of a page: a choice is part of the address, so that a link brings it along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def one_of(label: str, options: Mapping[T, str], key: str, default: T | None = None, **more: Any) -> T:
    """Buttons of which one is pressed. options: value -> name on screen; more: as of `st.segmented_control`."""
    values = list(options)
    more = {"bind": "query-params", "required": True, **more}
    first = values[0] if default is None else default
    chosen = st.segmented_control(label, values, default=first, format_func=options.__getitem__, key=key, **more)
    return first if chosen is None else chosen


def pick(label: str, options: Mapping[T, str], key: str, default: T | None = None, **more: Any) -> T:
    """One of a list that opens. options: value -> name on screen; more: as of `st.selectbox`."""
    values = list(options)
    first = 0 if default is None else values.index(default)
    more = {"bind": "query-params", **more}
    return st.selectbox(label, values, first, format_func=options.__getitem__, key=key, **more)

"""The charts of `cirkd.charts`, drawn for the light or dark mode of this screen: `from app.charts import theme`."""

from __future__ import annotations

import importlib
from types import ModuleType

from cirkd.charts import theme as _theme


def screen_mode() -> _theme.Theme:
    """`"light"` or `"dark"`: the theme of the browser tab that is drawing."""
    import streamlit as st

    return "dark" if st.context.theme.type == "dark" else "light"


def __getattr__(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"cirkd.charts.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"there are no charts {name!r}") from error


_theme.follow(screen_mode)

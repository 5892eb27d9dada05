"""Panels side by side that wrap on a narrow screen, and charts in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def row(
    key: str, count: int, width: float = 14.0, gap: Literal["xsmall", "small", "medium"] = "medium"
) -> list[DeltaGenerator]:
    """`count` containers of one size next to each other, each at least `width` rem wide; what does not fit wraps.

    key: unique on the page; letters, digits and hyphens, as it is part of a style sheet.
    """
    name = f"panels-{key}"
    rule = f"display:grid;grid-template-columns:repeat(auto-fit,minmax(min({width}rem,100%),1fr))"
    st.html(f"<style>.st-key-{name}{{{rule}}} .st-key-{name}>div{{min-width:0}}</style>")
    with st.container(horizontal=True, key=name, gap=gap):
        return [st.container(gap="small") for _ in range(count)]


def cards(key: str, count: int, width: float = 11.0) -> list[DeltaGenerator]:
    """`count` bordered containers of one height next to each other; what does not fit wraps."""
    name = f"cards-{key}"
    rule = f"flex:1 1 {width}rem!important;min-width:min({width}rem,100%)!important"
    st.html(f"<style>.st-key-{name}>div{{{rule}}}</style>")
    with st.container(horizontal=True, key=name, gap="small", vertical_alignment="distribute"):
        return [st.container(border=True, gap="xxsmall") for _ in range(count)]


def metric(
    place: DeltaGenerator, label: str, value: str, change: str | None, more: bool, help: str | None = None
) -> None:
    """A number and how it changed; more: whether more is better. Without a change it has neither colour nor arrow."""
    same = change is not None and change.startswith("0")
    color: Literal["off", "normal", "inverse"] = "off" if same else "normal" if more else "inverse"
    place.metric(label, value, change, delta_color=color, delta_arrow="off" if same else "auto", help=help)


def chart(figure: Figure, key: str, alt: str, config: dict[str, Any] = theme.CONFIG, **more: Any) -> Any:
    """A figure in its own colours. key: unique on the page; alt: what it shows; more: as of `st.plotly_chart`."""
    return st.plotly_chart(figure, theme=None, config=config, key=key, alt=alt, **more)

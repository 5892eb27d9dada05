"""Panels side by side that wrap on a narrow screen, charts in them, and the line that says what a page is missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Gap = Literal["xxsmall", "xsmall", "small", "medium"]


def row(key: str, count: int, width: float = 14.0, gap: Gap = "medium") -> list[DeltaGenerator]:
    """`count` containers of one size next to each other, each at least `width` rem wide; what does not fit wraps.

    key: unique on the page.
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


def missing(names: Collection[str], labels: bool, *, teacher: str, student: str, unlabelled: str) -> None:
    """One line on what the study lacks and what that leaves out of a page; nothing if all is there.

    names: the models in view. The other texts say what the lack of a teacher, of a second student and of labels does.
    """
    lines = [] if "teacher" in names else [f"No teacher: {teacher}."]
    students = [name for name in names if name != "teacher"]
    if len(students) < 2:
        absent = [name for name in ("before", "after") if name not in names]
        lines.append(f"No {' and no '.join(absent[: 2 - len(students)])}: {student}.")
    if not labels:
        lines.append(f"No labels: {unlabelled}.")
    if lines:
        st.caption(f":material/info: {' '.join(lines)}")

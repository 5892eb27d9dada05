"""Scores as pictures: IoU of every class, its change by distillation, and relation divergence by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.data.sample import Classes
    from cirkd.results import Divergence, Scores


def iou_change(scores: Scores, classes: Classes, before: str, after: str) -> Figure:
    """IoU of `after` minus that of `before` in points, a bar for each class, the largest gain on top."""
    from plotly.graph_objects import Figure

    change = scores.iou_change(before, after)
    order = [c for c in ascending(change) if scores.present[c]]
    figure = Figure()
    _change_bars(figure, [100 * float(change[c]) for c in order], [theme.class_tick(classes, c) for c in order])
    figure.update_xaxes(title="IoU, after minus before (points)")
    return rows(figure, len(order), legend=False)


def class_iou(scores: Scores, classes: Classes, before: str | None, after: str | None) -> Figure:
    """Every model's IoU of every class (%), in the order of `iou_change`; without a pair, by the first model's IoU."""
    first = next(iter(scores.models.values())).iou
    order = ascending(scores.iou_change(before, after) if before and after else first)
    shown = {name: 100 * score.iou for name, score in scores.models.items() if not score.note}
    figure = _by_class(shown, classes, [c for c in order if scores.present[c]], "%{y}: %{x:.1f} %")
    return figure.update_xaxes(title="IoU (%)", range=[-3, 103])


def class_divergence(divergence: Divergence, classes: Classes) -> Figure:
    """Mean relation divergence to the reference of every class's pixels (nats), each student a mark."""
    first = next(iter(divergence.by_class.values()))
    order = [c for c in ascending(first) if first[c] == first[c]]
    figure = _by_class(divergence.by_class, classes, order, "%{y}: %{x:.3g} nats")
    return figure.update_xaxes(title="Divergence (nats), less is closer", rangemode="tozero")


def awaiting(classes: int) -> Figure:
    """An empty chart as high as one of so many classes."""
    from plotly.graph_objects import Figure

    figure = rows(Figure(), classes, legend=False)
    figure.update_xaxes(range=[0, 100], showticklabels=False)
    figure.update_yaxes(range=[0, 1], showticklabels=False, zeroline=False)
    return figure


def ascending(values: Any) -> list[int]:
    """Where the values lie, the largest last, as charts are drawn from below; nan come first."""
    return sorted(range(len(values)), key=lambda c: (values[c] == values[c], values[c]))


def dots(figure: Figure, name: str, values: Any, ticks: Sequence[str], hover: str) -> None:
    """A model's mark in every row."""
    look = theme.role(name)
    figure.add_scatter(
        x=values,
        y=ticks,
        mode="markers",
        name=look.label,
        hovertemplate=f"{look.label}, {hover}<extra></extra>",
        marker={"color": look.color, "symbol": look.symbol, "size": 11, "line": {"width": 1, "color": theme.paper()}},
    )


def rows(figure: Figure, count: int, legend: bool = True) -> Figure:
    """The figure with a line for each of `count` classes, recipes or the like."""
    theme.layout(figure, height=theme.rows_height(count), legend=legend, margin_t=40)
    return figure.update_yaxes(theme.class_axis(), showgrid=True)


def _by_class(values: dict[str, np.ndarray], classes: Classes, order: list[int], hover: str) -> Figure:
    """A mark of every model in every row; where there are two students, a line from one's to the other's."""
    from plotly.graph_objects import Figure

    figure = Figure()
    ticks = [theme.class_tick(classes, c) for c in order]
    students = [of[order] for name, of in values.items() if name != "teacher"]
    if len(students) == 2:
        figure.add_scatter(
            x=[x for a, b in zip(*students, strict=True) for x in (a, b, None)],
            y=[tick for tick in ticks for _ in range(3)],
            mode="lines",
            line={"width": 3, "color": theme.grid()},
            hoverinfo="skip",
            showlegend=False,
        )
    for name, of in values.items():
        dots(figure, name, of[order], ticks, hover)
    return rows(figure, len(order))


def _change_bars(figure: Figure, values: list[float], ticks: list[str]) -> None:
    figure.add_bar(
        x=values,
        y=ticks,
        orientation="h",
        marker={"color": [theme.FIXED if value >= 0 else theme.BROKEN for value in values]},
        text=[theme.points(value / 100) for value in values],
        textposition="outside",
        width=0.62,
        cliponaxis=False,
        textfont={"size": 12},
        hovertemplate="%{y}: %{x:+.1f} points<extra></extra>",
    )
    known = [value for value in values if value == value]
    low, high = min([0.0, *known]), max([0.0, *known])
    room = 0.2 * max(high - low, 1.0)  # for the numbers beside the bars
    figure.update_xaxes(range=[low - room if low < 0 else -0.3 * room, high + room if high > 0 else 0.3 * room])

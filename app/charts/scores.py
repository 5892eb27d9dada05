"""Scores as pictures: IoU of every class, its change by distillation, and relation divergence by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.data.sample import Classes
    from cirkd.study import Divergence, Scores


def class_iou(scores: Scores, classes: Classes, before: str | None, after: str | None) -> Figure:
    """Per class, sorted by change: a bar for IoU after minus before (points), beside it every model's IoU (%).

    Without a pair of students only the IoU is drawn, sorted by the first model's.
    """
    from plotly.subplots import make_subplots

    pair = (before, after) if before and after else None
    values = scores.iou_change(*pair) if pair else next(iter(scores.models.values())).iou
    order = sorted(
        (c for c in range(len(classes)) if scores.present[c]), key=lambda c: (values[c] == values[c], values[c])
    )
    figure = make_subplots(1, 2 if pair else 1, shared_yaxes=True, horizontal_spacing=0.04)
    ticks = [theme.class_tick(classes, c) for c in order]
    if pair:
        _change_bars(figure, [100 * float(values[c]) for c in order], ticks)
        figure.update_xaxes(title="IoU, after minus before (points)", zeroline=True, row=1, col=1)
    column = 2 if pair else 1
    for name, score in scores.models.items():
        _dots(figure, name, [100 * float(score.iou[c]) for c in order], ticks, "%{y}: %{x:.1f} %", column)
    figure.update_xaxes(title="IoU (%)", range=[-3, 103], row=1, col=column)
    return _rows(figure, len(order))


def class_divergence(divergence: Divergence, classes: Classes) -> Figure:
    """Mean relation divergence to the reference of every class's pixels (nats), each student a mark."""
    from plotly.graph_objects import Figure

    figure = Figure()
    first = next(iter(divergence.by_class.values()))
    order = sorted((c for c in range(len(classes)) if first[c] == first[c]), key=lambda c: first[c])
    ticks = [theme.class_tick(classes, c) for c in order]
    for name, values in divergence.by_class.items():
        _dots(figure, name, [float(values[c]) for c in order], ticks, "%{y}: %{x:.3g} nats")
    figure.update_xaxes(title="Relation divergence (nats), smaller is closer", rangemode="tozero")
    return _rows(figure, len(order))


def _change_bars(figure: Figure, values: list[float], ticks: list[str]) -> None:
    colors = [theme.FIXED if value >= 0 else theme.BROKEN for value in values]
    text = [theme.points(value / 100) for value in values]
    figure.add_bar(
        x=values, y=ticks, orientation="h", marker={"color": colors}, text=text, textposition="outside", width=0.62,
        cliponaxis=False, textfont={"size": 12}, showlegend=False, row=1, col=1,
        hovertemplate="%{y}: %{x:+.1f} points<extra></extra>",
    )  # fmt: skip
    reach = 1.35 * max([1.0, *(abs(v) for v in values if v == v)])
    low, high = min([0.0, *values]), max([0.0, *values])
    figure.update_xaxes(range=[-reach if low < 0 else -0.1 * reach, reach if high > 0 else 0.1 * reach], row=1, col=1)


def _dots(
    figure: Figure, name: str, values: list[float], ticks: list[str], hover: str, column: int | None = None
) -> None:
    look = theme.role(name)
    place = {"row": 1, "col": column} if column else {}
    figure.add_scatter(
        x=values, y=ticks, mode="markers", name=look.label, hovertemplate=f"{look.label}, {hover}<extra></extra>",
        marker={"color": look.color, "symbol": look.symbol, "size": 11, "line": {"width": 1, "color": theme.paper()}},
        **place,
    )  # fmt: skip


def _rows(figure: Figure, count: int) -> Figure:
    theme.layout(figure, height=theme.rows_height(count))
    figure.update_yaxes(tickfont={"color": theme.ink(), "size": 13}, showgrid=True, ticklabelstandoff=6)
    return figure

"""Scores as pictures: IoU of every class, its change by distillation, and relation divergence by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.data.sample import Classes
    from cirkd.study import Divergence, Scores


def iou_change(scores: Scores, classes: Classes, before: str, after: str) -> Figure:
    """IoU of `after` minus that of `before` in points, a bar for each class, the largest gain on top."""
    from plotly.graph_objects import Figure

    change = scores.iou_change(before, after)
    order = _order(scores, change)
    figure = Figure()
    _change_bars(figure, [100 * float(change[c]) for c in order], [theme.class_tick(classes, c) for c in order])
    figure.update_xaxes(title="IoU, after minus before (points)")
    return _rows(figure, len(order), legend=False)


def class_iou(scores: Scores, classes: Classes, before: str | None, after: str | None) -> Figure:
    """Every model's IoU of every class (%), in the order of `iou_change`; without a pair, by the first model's IoU."""
    from plotly.graph_objects import Figure

    first = next(iter(scores.models.values()))
    order = _order(scores, scores.iou_change(before, after) if before and after else first.iou)
    ticks = [theme.class_tick(classes, c) for c in order]
    figure = Figure()
    scored = {name: score for name, score in scores.models.items() if not score.note}
    students = [score.iou for name, score in scored.items() if name != "teacher"]
    _changes(figure, [[100 * float(iou[c]) for c in order] for iou in students], ticks)
    for name, score in scored.items():
        _dots(figure, name, [100 * float(score.iou[c]) for c in order], ticks, "%{y}: %{x:.1f} %")
    figure.update_xaxes(title="IoU (%)", range=[-3, 103])
    return _rows(figure, len(order))


def class_divergence(divergence: Divergence, classes: Classes) -> Figure:
    """Mean relation divergence to the reference of every class's pixels (nats), each student a mark."""
    from plotly.graph_objects import Figure

    figure = Figure()
    first = next(iter(divergence.by_class.values()))
    order = sorted((c for c in range(len(classes)) if first[c] == first[c]), key=lambda c: first[c])
    ticks = [theme.class_tick(classes, c) for c in order]
    _changes(figure, [[float(values[c]) for c in order] for values in divergence.by_class.values()], ticks)
    for name, values in divergence.by_class.items():
        _dots(figure, name, [float(values[c]) for c in order], ticks, "%{y}: %{x:.3g} nats")
    figure.update_xaxes(title="Divergence (nats), less is closer", rangemode="tozero")
    return _rows(figure, len(order))


def awaiting(classes: int) -> Figure:
    """An empty chart as high as one of so many classes."""
    from plotly.graph_objects import Figure

    figure = _rows(Figure(), classes, legend=False)
    figure.update_xaxes(range=[0, 100], showticklabels=False)
    figure.update_yaxes(range=[0, 1], showticklabels=False, zeroline=False)
    return figure


def _order(scores: Scores, values: Any) -> list[int]:
    """The classes present, the one with the largest value last: charts are drawn from below."""
    return sorted(
        (c for c in range(len(values)) if scores.present[c]), key=lambda c: (values[c] == values[c], values[c])
    )


def _change_bars(figure: Figure, values: list[float], ticks: list[str]) -> None:
    colors = [theme.FIXED if value >= 0 else theme.BROKEN for value in values]
    text = [theme.points(value / 100) for value in values]
    figure.add_bar(
        x=values,
        y=ticks,
        orientation="h",
        marker={"color": colors},
        text=text,
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


def _changes(figure: Figure, values: list[list[float]], ticks: list[str]) -> None:
    """Where there are two students, a line in each row from one's mark to the other's."""
    if len(values) != 2:
        return
    figure.add_scatter(
        x=[x for a, b in zip(*values, strict=True) for x in (a, b, None)],
        y=[tick for tick in ticks for _ in range(3)],
        mode="lines",
        line={"width": 3, "color": theme.grid()},
        hoverinfo="skip",
        showlegend=False,
    )


def _dots(figure: Figure, name: str, values: list[float], ticks: list[str], hover: str) -> None:
    look = theme.role(name)
    figure.add_scatter(
        x=values,
        y=ticks,
        mode="markers",
        name=look.label,
        hovertemplate=f"{look.label}, {hover}<extra></extra>",
        marker={"color": look.color, "symbol": look.symbol, "size": 11, "line": {"width": 1, "color": theme.paper()}},
    )


def _rows(figure: Figure, count: int, legend: bool = True) -> Figure:
    theme.layout(figure, height=theme.rows_height(count), legend=legend, margin_t=40)
    figure.update_yaxes(tickfont=theme.class_tick_font(), showgrid=True, ticklabelstandoff=6)
    return figure

"""Class centroids: their shared map with the drift from before to after, and the tables around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import labels, theme

if TYPE_CHECKING:
    from cirkd.analysis.centroids import Centroids
    from cirkd.analysis.scores import Scores
    from cirkd.data.sample import Classes

_SIZE = {"teacher": 13, "before": 9, "after": 12}
_HEIGHT = 520


def drift_map(result: Centroids, classes: Classes, pair: tuple[str, str] | None) -> go.Figure:
    """Every model's centroids in the shared relation map; arrows lead from the first of `pair` to the second, a dotted
    line on to the reference. Without a pair there are marks alone.
    """
    figure = go.Figure()
    colors = [theme.class_color(classes.colors[c]) for c in result.classes]
    names = [classes.names[c] for c in result.classes]
    for name, at in result.map.items():
        look = theme.role(name)
        figure.add_scatter(
            x=at[:, 0],
            y=at[:, 1],
            mode="markers",
            customdata=names,
            marker={
                "color": colors,
                "symbol": look.symbol,
                "size": _SIZE.get(name, 10),
                "line": {"color": look.color, "width": 2},
            },
            hovertemplate=f"{look.label}: %{{customdata}}<extra></extra>",
        )
    _name(figure, result, names)
    if pair:
        for start, end, color in zip(result.map[pair[0]], result.map[pair[1]], colors, strict=True):
            figure.add_annotation(_arrow(start, end, color))
    if pair and result.reference not in pair:
        ends = zip(result.map[pair[1]].tolist(), result.map[result.reference].tolist(), strict=True)
        figure.add_traces([_thread(*start, *end) for start, end in ends])
    theme.layout(figure, height=_HEIGHT, legend=False)
    share = [theme.percent(part, 0) for part in result.map_explained]
    figure.update_xaxes(theme.FRAME, title=f"axis 1 ({share[0]})")
    figure.update_yaxes(theme.FRAME, title=f"axis 2 ({share[1]})", scaleanchor="x", constrain="domain")
    return figure


def _name(figure: go.Figure, result: Centroids, names: list[str]) -> None:
    """Write the classes' names beside the reference's marks, where there is room."""
    others = [point for name, at in result.map.items() if name != result.reference for point in at]
    places, shown = labels.positions(result.map[result.reference], names, others, size=(560, _HEIGHT - 70))
    figure.data[list(result.map).index(result.reference)].update(
        mode="markers+text",
        text=shown,
        textposition=places,
        textfont={"size": 12, "color": theme.ink()},
        cliponaxis=False,  # on a phone a name is wider than the place beside its mark
    )


def _arrow(start: Any, end: Any, color: str) -> dict[str, Any]:
    (ax, ay), (x, y) = start.tolist(), end.tolist()
    places = {"x": x, "y": y, "ax": ax, "ay": ay, "xref": "x", "yref": "y", "axref": "x", "ayref": "y"}
    look = {"arrowhead": 2, "arrowsize": 1.1, "arrowwidth": 2, "arrowcolor": color, "standoff": 6, "startstandoff": 5}
    return {**places, **look, "showarrow": True, "text": ""}


def _thread(x: float, y: float, to_x: float, to_y: float) -> go.Scatter:
    """A thin dotted line from a student's centroid to the teacher's."""
    line = {"color": theme.muted(), "width": 1, "dash": "dot"}
    return go.Scatter(x=[x, to_x], y=[y, to_y], mode="lines", hoverinfo="skip", line=line)


def gain(result: Centroids, scores: Scores, classes: Classes, pair: tuple[str, str]) -> go.Figure:
    """Each class: how much closer its relations came to the teacher's, against its change of IoU."""
    approach, change = result.approach(*pair), scores.iou_change(*pair)
    names, points = [classes.names[c] for c in result.classes], [100 * float(change[c]) for c in result.classes]
    known = [i for i, y in enumerate(points) if y == y and approach[i] == approach[i]]
    placed, texts = labels.positions([(approach[i], points[i]) for i in known], [names[i] for i in known])
    places, shown = ["top center"] * len(names), [""] * len(names)
    for i, place, text in zip(known, placed, texts, strict=True):
        places[i], shown[i] = place, text
    figure = go.Figure(
        go.Scatter(
            x=approach,
            y=points,
            mode="markers+text",
            text=shown,
            textposition=places,
            customdata=names,
            cliponaxis=False,
            textfont={"size": 12, "color": theme.ink()},
            marker={
                "color": [theme.class_color(classes.colors[c]) for c in result.classes],
                "size": 12,
                "line": {"width": 1, "color": theme.muted()},
            },
            hovertemplate="%{customdata}<br>relations closer by %{x:+.3f}<br>IoU %{y:+.1f} points<extra></extra>",
        )
    )
    theme.layout(figure, height=_HEIGHT, legend=False)
    figure.update_xaxes(title="relations came closer to the teacher's by", zeroline=True)
    figure.update_yaxes(title="change of IoU in points", zeroline=True)
    return figure

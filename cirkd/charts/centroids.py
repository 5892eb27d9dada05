"""Class centroids: their shared map with the drift from before to after, and the tables around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import labels, theme

if TYPE_CHECKING:
    from cirkd.analysis import Centroids, Scores
    from cirkd.data.sample import Classes

_SIZE = {"teacher": 13, "before": 9, "after": 12}


def drift_map(
    result: Centroids,
    classes: Classes,
    pair: tuple[str, str] | None,
    *,
    height: int = 520,
    mode: theme.Theme | None = None,
) -> go.Figure:
    """Every model's centroids in the shared relation map; arrows lead from the first of `pair` to the second, a dotted
    line on to the reference. Without a pair there are marks alone.
    """
    figure = go.Figure()
    colors = [theme.class_color(classes.colors[c]) for c in result.classes]
    names = [classes.names[c] for c in result.classes]
    labelled = result.reference if result.reference in result.map else next(iter(result.map))
    others = [point for name, at in result.map.items() if name != labelled for point in at]
    places, shown = labels.positions(result.map[labelled], names, others, size=(560, height - 70))
    for name, at in result.map.items():
        look = theme.role(name)
        figure.add_trace(
            go.Scatter(
                x=at[:, 0],
                y=at[:, 1],
                name=look.label,
                mode="markers+text" if name == labelled else "markers",
                text=shown if name == labelled else None,
                textposition=places if name == labelled else None,
                textfont={"size": 12, "color": theme.ink(mode)},
                customdata=names,
                marker={
                    "color": colors,
                    "symbol": look.symbol,
                    "size": _SIZE.get(name, 10),
                    "line": {"color": look.color, "width": 2},
                },
                hovertemplate=f"{look.label}: %{{customdata}}<extra></extra>",
                showlegend=False,
            )
        )
    if pair:
        for start, end, color in zip(result.map[pair[0]], result.map[pair[1]], colors, strict=True):
            figure.add_annotation(_arrow(start, end, color))
    if pair and result.reference not in pair:
        figure.add_traces(
            [_thread(a, t, mode) for a, t in zip(result.map[pair[1]], result.map[result.reference], strict=True)]
        )
    theme.layout(figure, height=height, legend=False, theme=mode)
    frame = {
        "showgrid": False,
        "showticklabels": False,
        "zeroline": False,
        "ticks": "",
        "showline": True,
        "mirror": True,
    }
    share = [theme.percent(part, 0) for part in result.map_explained]
    figure.update_xaxes(**frame, title={"text": f"axis 1 ({share[0]})", "font": {"size": 12}})
    figure.update_yaxes(
        **frame, title={"text": f"axis 2 ({share[1]})", "font": {"size": 12}}, scaleanchor="x", constrain="domain"
    )
    return figure


def _arrow(start: Any, end: Any, color: str) -> dict[str, Any]:
    return {
        "x": float(end[0]),
        "y": float(end[1]),
        "ax": float(start[0]),
        "ay": float(start[1]),
        "xref": "x",
        "yref": "y",
        "axref": "x",
        "ayref": "y",
        "showarrow": True,
        "text": "",
        "arrowhead": 2,
        "arrowsize": 1.1,
        "arrowwidth": 2,
        "arrowcolor": color,
        "standoff": 6,
        "startstandoff": 5,
    }


def _thread(start: Any, end: Any, mode: theme.Theme | None) -> go.Scatter:
    """A thin dotted line from a student's centroid to the teacher's."""
    return go.Scatter(
        x=[float(start[0]), float(end[0])],
        y=[float(start[1]), float(end[1])],
        mode="lines",
        hoverinfo="skip",
        line={"color": theme.muted(mode), "width": 1, "dash": "dot"},
        showlegend=False,
    )


def gain(
    result: Centroids, scores: Scores, classes: Classes, pair: tuple[str, str], mode: theme.Theme | None = None
) -> go.Figure:
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
            textfont={"size": 12, "color": theme.ink(mode)},
            marker={
                "color": [theme.class_color(classes.colors[c]) for c in result.classes],
                "size": 12,
                "line": {"width": 1, "color": theme.muted(mode)},
            },
            hovertemplate="%{customdata}<br>relations closer by %{x:+.3f}<br>IoU %{y:+.1f} points<extra></extra>",
        )
    )
    theme.layout(figure, height=520, legend=False, theme=mode)
    small = {"font": {"size": 12}}
    figure.update_xaxes(title={"text": "relations came closer to the teacher's by", **small}, zeroline=True)
    figure.update_yaxes(title={"text": "change of IoU in points", **small}, zeroline=True)
    return figure

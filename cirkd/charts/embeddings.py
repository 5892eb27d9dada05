"""Pixel embeddings as dots, and what chosen ones are made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import theme
from cirkd.charts.paint import Paint

if TYPE_CHECKING:
    from cirkd.analysis import Projection
    from cirkd.analysis.selection import Composition
    from cirkd.features import FeatureSet

DIM = 0.07
"""Opacity of the dots that are not chosen."""


def describe(features: FeatureSet, pixels: Sequence[int], model: str | None = None) -> list[str]:
    """What hovering says of each pixel: image, position, class, and what `model` predicts with which confidence."""
    where, grouping = features.pixels, features.grouping()
    made = features.models.get(model or "")
    texts = []
    for p in pixels:
        kind = _class(grouping.classes.names, int(grouping.values[p]))
        if features.has_labels:
            text = f"<b>{kind}</b>"
            if made is not None:
                predicted = _class(made.classes.names, int(made.prediction[p]))
                text += f" · predicted {predicted} ({theme.percent(float(made.confidence[p]), 0)})"
        else:
            text = f"predicted <b>{kind}</b>"
        place = f"{features.image_names[int(where.image[p])]}, row {where.row[p]}, column {where.column[p]}"
        texts.append(f"{text}<br>{place}")
    return texts


def scatter(
    projection: Projection,
    name: str,
    paint: Paint,
    texts: Sequence[str],
    lit: Collection[int] | None = None,
    *,
    height: int = 380,
) -> go.Figure:
    """The dots of one model, 2-D or 3-D, in the order of the projection's sample.

    texts: one a dot. lit: numbers of the dots (not pixels) that are
    chosen, drawn full while the others fade; None = nothing chosen.
    """
    mode, marker = paint.mode, paint.marker(projection.index)
    if projection.dimensions == 3:
        figure = _solid(projection.coordinates[name], marker, texts, lit)
    else:
        figure = _flat(projection.coordinates[name], marker, texts, lit)
    theme.layout(figure, height=height, legend=False, theme=mode)
    frame = {"showticklabels": False, "ticks": "", "zeroline": False, "title": None, "showgrid": False}
    line = {"showline": True, "mirror": True, "linecolor": theme.grid(mode)}
    figure.update_xaxes(**frame, **line)
    figure.update_yaxes(**frame, **line, scaleanchor="x", scaleratio=1)
    plane = {"backgroundcolor": "rgba(0,0,0,0)", "gridcolor": theme.grid(mode), "showticklabels": False, "title": ""}
    figure.update_scenes(xaxis=plane, yaxis=plane, zaxis=plane, aspectmode="data")
    drag = "lasso" if projection.dimensions == 2 else "orbit"
    figure.update_layout(margin={"l": 2, "r": 2, "t": 2, "b": 2}, dragmode=drag)
    return figure


def _flat(at: Any, marker: dict[str, Any], texts: Sequence[str], lit: Collection[int] | None) -> go.Figure:
    size = 5 if len(at) > 1500 else 6
    return go.Figure(
        go.Scattergl(
            x=at[:, 0],
            y=at[:, 1],
            mode="markers",
            text=list(texts),
            hovertemplate="%{text}<extra></extra>",
            marker={**marker, "size": size, "opacity": 0.85},
            selectedpoints=None if lit is None else sorted(lit),
            selected={"marker": {"opacity": 1.0, "size": size + 2}},
            unselected={"marker": {"opacity": DIM}},
        )
    )


def _solid(at: Any, marker: dict[str, Any], texts: Sequence[str], lit: Collection[int] | None) -> go.Figure:
    """Scatter3d fades no single dot, so the chosen ones and the others are two traces."""
    chosen = set(range(len(at)) if lit is None else lit)
    figure = go.Figure()
    for opacity, part in ((0.9, sorted(chosen)), (DIM, [i for i in range(len(at)) if i not in chosen])):
        figure.add_trace(
            go.Scatter3d(
                x=at[part, 0],
                y=at[part, 1],
                z=at[part, 2],
                mode="markers",
                opacity=opacity,
                text=[texts[i] for i in part],
                hovertemplate="%{text}<extra></extra>",
                marker={**marker, "color": marker["color"][part], "size": 3, "line": {"width": 0}},
            )
        )
    return figure


def make_up(chosen: Composition, features: FeatureSet, *, mode: theme.Theme | None = None) -> go.Figure:
    """One bar: the classes of the chosen pixels, most frequent first."""
    classes = features.grouping().classes
    figure = go.Figure()
    for kind, count in chosen.classes:
        known = kind < len(classes)
        name = _class(classes.names, kind)
        figure.add_trace(
            go.Bar(
                x=[count],
                y=[""],
                orientation="h",
                name=name,
                text=[name],
                textposition="inside",
                insidetextanchor="middle",
                constraintext="inside",
                textangle=0,
                hovertemplate=f"{name}: %{{x}} pixels<extra></extra>",
                marker={
                    "color": theme.class_color(classes.colors[kind]) if known else "rgb(128,128,128)",
                    "line": {"width": 1, "color": theme.grid(mode)},
                },
            )
        )
    theme.layout(figure, height=46, legend=False, theme=mode, barmode="stack", bargap=0.1)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 2, "b": 2}, uniformtext={"minsize": 10, "mode": "hide"})
    figure.update_xaxes(visible=False, range=[0, chosen.pixels], fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True)
    return figure


def _class(names: Sequence[str], kind: int) -> str:
    return names[kind] if kind < len(names) else "no class"

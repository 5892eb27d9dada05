"""Arrows of the gradient on the student's embeddings, and memory losses beside what they could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from cirkd.charts import theme

if TYPE_CHECKING:
    from cirkd.data.sample import Classes
    from cirkd.features import FeatureSet
    from cirkd.results import GradientLesson, MemoryLesson, PixelLesson

OUTLINE = "rgba(128,136,150,0.55)"


def arrows(
    lesson: GradientLesson, features: FeatureSet, pixel: int | None, *, height: int = 480,
    mode: theme.Theme | None = None,
) -> go.Figure:  # fmt: skip
    """The student's embeddings of both images on their first two axes, each with an arrow to where descent moves it.

    pixel: one to draw large, if it lies in one of the images.
    """
    known = features.grouping()
    shown = lesson.shown.tolist()
    large = [i for i, p in enumerate(lesson.pixels.tolist()) if p == pixel]
    shown += [i for i in large if i not in shown]
    pixels = lesson.pixels[shown]
    colors = [_color(known.classes, int(known.values[p])) for p in pixels]
    names = [_name(known.classes, int(known.values[p])) for p in pixels]
    at = lesson.points[shown]
    tips = at + lesson.arrows[shown]
    figure = go.Figure()
    for color in dict.fromkeys(colors):
        xs, ys = [], []
        for i in [i for i, c in enumerate(colors) if c == color]:
            xs += [float(at[i, 0]), float(tips[i, 0]), None]
            ys += [float(at[i, 1]), float(tips[i, 1]), None]
        figure.add_trace(
            go.Scatter(
                x=xs, y=ys, mode="lines+markers", hoverinfo="skip", line={"width": 1.6, "color": color},
                marker={"symbol": "arrow", "angleref": "previous", "color": color,
                        "size": [0, 9, 0] * (len(xs) // 3)},
            )
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=at[:, 0], y=at[:, 1], mode="markers", text=names, hovertemplate="%{text}<extra></extra>",
            marker={"color": colors, "size": 5, "line": {"width": 0.6, "color": OUTLINE}},
        )
    )  # fmt: skip
    if large:
        i = shown.index(large[0])
        figure.add_annotation(
            x=float(tips[i, 0]), y=float(tips[i, 1]), ax=float(at[i, 0]), ay=float(at[i, 1]), xref="x", yref="y",
            axref="x", ayref="y", text="", showarrow=True, arrowhead=2, arrowwidth=3, arrowcolor=theme.ink(mode),
        )  # fmt: skip
    return _map(figure, lesson.explained, height, mode)


def distributions(lesson: PixelLesson, mode: theme.Theme | None = None) -> go.Figure:
    """The relation distribution of the pixel in every model, its keys sorted from most to least similar, log scale."""
    figure = go.Figure()
    for name, row in lesson.rows.items():
        look = theme.role(name)
        values = sorted(row.distribution.tolist(), reverse=True)
        figure.add_scatter(
            x=list(range(1, len(values) + 1)), y=values, mode="lines", name=look.label,
            line={"color": look.color, "dash": look.dash, "width": 2.2},
            hovertemplate=f"{look.label}: %{{y:.2g}} on key %{{x}}<extra></extra>",
        )  # fmt: skip
    theme.layout(figure, height=250, theme=mode)
    figure.update_xaxes(title_text="keys, each model's most similar first", type="log", dtick=1)
    figure.update_yaxes(title_text="probability", type="log", dtick=1, exponentformat="power")
    return figure


def shares(lesson: PixelLesson, student: str, names: list[str], mode: theme.Theme | None = None) -> go.Figure:
    """How the joint distribution over both images shares itself out: a bar of teacher and student, split by image."""
    split = lesson.shared_out[student]
    figure = go.Figure()
    rows = [lesson.reference, student]
    tones = (theme.muted(mode), theme.grid(mode))
    for i, image in enumerate(names):
        values = [100 * float(split.shares[name][i]) for name in rows]
        figure.add_bar(
            y=[theme.role(name).label for name in rows][::-1], x=values[::-1], orientation="h", name=image, width=0.55,
            marker={"color": tones[i % 2], "line": {"width": 1, "color": theme.ink(mode)}},
            text=[f"{v:.0f} %" if v >= 6 else "" for v in values[::-1]], textposition="inside",
            insidetextanchor="middle",
            textfont={"color": theme.paper(mode) if i == 0 else theme.ink(mode), "size": 13}, textangle=0,
            hovertemplate=f"%{{y}}: %{{x:.1f}} % on {image}<extra></extra>",
        )  # fmt: skip
    theme.layout(figure, height=170, theme=mode, barmode="stack", legend_traceorder="normal", margin_r=24)
    figure.update_xaxes(title_text="share of the joint distribution (%)", range=[0, 100], dtick=25)
    figure.update_yaxes(tickfont={"size": 13, "color": theme.ink(mode)})
    return figure


def key_losses(lesson: MemoryLesson, words: dict[str, str], mode: theme.Theme | None = None) -> go.Figure:
    """Each set of keys: the memory loss as a bar, and a mark where a student stands that tells no key from another."""
    look = theme.role(lesson.model)
    ticks = [words[loss.keys].replace(", ", ",<br>") for loss in lesson.losses][::-1]
    losses = lesson.losses[::-1]
    figure = go.Figure()
    figure.add_bar(
        y=ticks, x=[loss.loss for loss in losses], orientation="h", name="memory loss", width=0.5,
        marker={"color": look.color}, customdata=[[loss.count, loss.deviation] for loss in losses],
        text=[theme.number(loss.loss) for loss in losses], textposition="inside", insidetextanchor="end",
        textfont={"color": "#FFFFFF", "size": 12},
        hovertemplate="%{y}<br>%{x:.3g} nats over %{customdata[0]:,} keys; cosines off by %{customdata[1]:.3f}"
        "<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        y=ticks, x=[loss.ceiling for loss in losses], mode="markers", name="no key told apart",
        marker={"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": theme.ink(mode)}},
        hovertemplate="%{y}<br>no key told from another: %{x:.3g} nats<extra></extra>",
    )  # fmt: skip
    theme.layout(figure, height=110 + 40 * len(ticks), theme=mode)
    figure.update_xaxes(title_text="divergence (nats)", rangemode="tozero")
    figure.update_yaxes(tickfont={"size": 12, "color": theme.ink(mode)})
    return figure


def _map(figure: go.Figure, explained: tuple[float, ...], height: int, mode: theme.Theme | None) -> go.Figure:
    theme.layout(figure, height=height, legend=False, theme=mode)
    frame = {"showgrid": False, "showticklabels": False, "zeroline": False, "ticks": "", "showline": True,
             "mirror": True}  # fmt: skip
    share = [theme.percent(part, 0) for part in explained]
    figure.update_xaxes(**frame, title_text=f"axis 1 ({share[0]} of variance)")
    figure.update_yaxes(**frame, title_text=f"axis 2 ({share[1]})", scaleanchor="x", constrain="domain")
    return figure


def _color(classes: Classes, label: int) -> str:
    return theme.class_color(classes.colors[label]) if label < len(classes) else "#9AA3AF"


def _name(classes: Classes, label: int) -> str:
    return classes.names[label] if label < len(classes) else "no class"

"""Recipes over seeds as pictures: every run's value, and the differences to the baseline with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from cirkd.charts import scores, theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.analysis.paired import Paired

_MEAN, _RUN = "#009E8E", "#B5891A"
_RECIPES = ("#B5891A", "#0072B2", "#009E8E", "#D55E00", "#CC79A7", "#8A8F3C", "#56B4E9", "#5A6472")


def by_seed(found: Sequence[Paired], title: str) -> Figure:
    """Every run's value as a dot and each recipe's mean as a bar across, the first recipe on top."""
    from plotly.graph_objects import Figure

    figure = Figure()
    shown = list(reversed(found))
    _seeds(figure, {item.name: item.values for item in shown}, ".4g")
    figure.add_scatter(
        x=[item.mean for item in shown],
        y=[item.name for item in shown],
        mode="markers",
        name="mean",
        hovertemplate="%{y}, mean: %{x:.4g}<extra></extra>",
        marker={"color": _MEAN, "symbol": "line-ns", "size": 22, "line": {"width": 3, "color": _MEAN}},
    )
    figure.update_xaxes(title=title)
    return scores.rows(figure, len(shown))


def differences(found: Sequence[Paired], title: str) -> Figure:
    """Every seed's difference to the baseline, and each recipe's mean with its 95 % interval; the first on top.

    Where there are too few seeds for an interval, the seeds stand alone.
    """
    from plotly.graph_objects import Figure

    figure = Figure()
    shown = [item for item in reversed(found) if item.differences]
    _seeds(figure, {item.name: item.differences for item in shown}, "+.4g")
    if told := [item for item in shown if not math.isnan(item.high)]:
        reach = [item.high - item.gain for item in told]
        figure.add_scatter(
            x=[item.gain for item in told],
            y=[item.name for item in told],
            mode="markers",
            name="mean, 95 % interval",
            error_x={"type": "data", "array": reach, "thickness": 2, "width": 8, "color": _MEAN},
            hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
            marker={"color": _MEAN, "symbol": "diamond", "size": 11},
        )
    figure.add_vline(x=0, line={"color": theme.muted(), "width": 1, "dash": "dot"})
    figure.update_xaxes(title=title)
    return scores.rows(figure, len(shown))


def courses(found: Mapping[str, Mapping[int, Mapping[int, float]]]) -> Figure:
    """A score in the course of training: every run's thin line and each recipe's mean over its seeds.

    found: recipe -> seed -> step -> score in percent. A mean is of the steps that all seeds of its recipe have.
    """
    from plotly.graph_objects import Figure

    figure = Figure()
    for number, (name, runs) in enumerate(found.items()):
        color = _RECIPES[number % len(_RECIPES)]
        for seed, run in runs.items():
            figure.add_scatter(
                x=list(run),
                y=list(run.values()),
                mode="lines",
                showlegend=False,
                hovertemplate=f"{name}, seed {seed}, step %{{x}}: %{{y:.1f}} %<extra></extra>",
                line={"color": color, "width": 1},
                opacity=0.4,
            )
        shared = sorted(set.intersection(*(set(run) for run in runs.values())))
        figure.add_scatter(
            x=shared,
            y=[mean(run[step] for run in runs.values()) for step in shared],
            mode="lines+markers",
            name=name,
            hovertemplate=f"{name}, mean, step %{{x}}: %{{y:.1f}} %<extra></extra>",
            line={"color": color, "width": 2.5},
        )
    theme.layout(figure, height=340)
    figure.update_xaxes(title="step", rangemode="tozero")
    figure.update_yaxes(title="mIoU on val, %")
    return figure


def _seeds(figure: Figure, values: Mapping[str, Mapping[int, float]], digits: str) -> None:
    """A dot for every recipe's value at every seed."""
    dots = [(value, name, seed) for name, by_seed in values.items() for seed, value in by_seed.items()]
    figure.add_scatter(
        x=[value for value, _, _ in dots],
        y=[name for _, name, _ in dots],
        mode="markers",
        name="one seed",
        customdata=[seed for _, _, seed in dots],
        hovertemplate=f"%{{y}}, seed %{{customdata}}: %{{x:{digits}}}<extra></extra>",
        marker={"color": _RUN, "size": 9, "opacity": 0.8},
    )

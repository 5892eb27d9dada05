"""Recipes over seeds as pictures: every run's value, and the differences to the baseline with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cirkd.charts import scores, theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.analysis.paired import Paired

_MEAN, _RUN = "#009E8E", "#B5891A"


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
    """Each recipe's mean difference to the baseline with its 95 % interval, and every seed's; the first on top."""
    from plotly.graph_objects import Figure

    figure = Figure()
    shown = [item for item in reversed(found) if item.differences]
    _seeds(figure, {item.name: item.differences for item in shown}, "+.4g")
    reach = [item.high - item.gain if item.high == item.high else 0.0 for item in shown]
    figure.add_scatter(
        x=[item.gain for item in shown],
        y=[item.name for item in shown],
        mode="markers",
        name="mean, 95 % interval",
        error_x={"type": "data", "array": reach, "thickness": 2, "width": 8, "color": _MEAN},
        hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
        marker={"color": _MEAN, "symbol": "diamond", "size": 11},
    )
    figure.add_vline(x=0, line={"color": theme.muted(), "width": 1, "dash": "dot"})
    figure.update_xaxes(title=title)
    return scores.rows(figure, len(shown))


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

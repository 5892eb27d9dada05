"""A run's curves, and the classes in the map of its probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from cirkd.charts import theme

if TYPE_CHECKING:
    from cirkd.analysis.trajectory import Trajectory
    from cirkd.training.journal import History

_OTHER = ("#5B87A6", "#8A8F3C", "#D55E00", "#0072B2")
_SPLITS = {"val": ("validation", theme.FIXED, "circle"), "test": ("test", theme.BROKEN, "diamond")}


def term(name: str) -> tuple[str, str]:
    """A loss term's name for people and its colour; those of a term of somebody's own, from its name."""
    from cirkd.losses.terms import TERMS

    if name in TERMS:
        return TERMS[name].label, TERMS[name].color
    return name.replace("_", " ").capitalize(), _OTHER[sum(map(ord, name)) % len(_OTHER)]


def losses(history: History, *, weighted: bool, beside: tuple[str, History] | None = None) -> go.Figure:
    """Every loss term over the steps, on a logarithmic axis; weighted: as they enter the sum, with the sum.

    A step at which a term was 0 has no place there and is left out: the task's where no crop of a batch had labels.

    beside: another run's name and history, drawn in dashes.
    """
    figure = go.Figure()
    for of, dash, found in _runs(history, beside):
        terms = found.weighted if weighted else found.raw
        for name, values in terms.items():
            label, color = term(name)
            shown = {step: value for step, value in zip(found.at, values, strict=True) if value != 0}
            _line(figure, list(shown), list(shown.values()), of + label, color, "%{y:.4g}", dash=dash)
        if weighted and len(terms) > 1:
            _line(figure, found.at, found.total, f"{of}Sum", theme.ink(), "%{y:.4g}", dash="dashdot" if of else "dot")
    figure = _over_steps(figure, history, beside=beside)
    figure.update_yaxes(type="log", title_text="loss", dtick="D2", tickformat=".2~g")
    return figure


def scores(history: History, beside: tuple[str, History] | None = None) -> go.Figure:
    """mIoU at every evaluation (%); beside: another run's name and history, drawn in dashes."""
    figure = go.Figure()
    for of, dash, found in _runs(history, beside):
        for split in dict.fromkeys(split for _, split, _ in found.evaluations):
            label, color, symbol = _SPLITS.get(split, (split, theme.muted(), "square"))
            at = [step for step, known, _ in found.evaluations if known == split]
            values = [value for _, known, value in found.evaluations if known == split]
            _line(figure, at, values, of + label, color, "%{y:.1f} %", dash=dash, symbol=symbol + "-open" * bool(of))
    figure = _over_steps(figure, history, beside=beside)
    figure.update_yaxes(title_text="mIoU (%)", rangemode="tozero")
    return figure


def single(history: History, values: Sequence[float | None], title: str, hover: str) -> go.Figure:
    """One quantity over the steps."""
    figure = go.Figure()
    _line(figure, history.at, values, title, theme.ROLES["teacher"].color, hover)
    figure = _over_steps(figure, history, height=230, legend=False)
    figure.update_yaxes(title_text=title, rangemode="tozero")
    return figure


def groups(found: Trajectory, classes: Mapping[str, Any]) -> list[tuple[str, str, list[int]]]:
    """(name, CSS colour, which dots) of each class in a trajectory's map."""
    names, colors = classes.get("names", []), classes.get("colors", [])
    known_groups = []
    for label in dict.fromkeys(sorted(int(v) for v in found.labels)):
        known = label < len(names)
        name = names[label] if known else "unlabelled" if label == 255 else f"class {label}"
        color = theme.class_color(colors[label]) if known else theme.UNLABELLED
        known_groups.append((name, color, [i for i, v in enumerate(found.labels) if int(v) == label]))
    return known_groups


def playable(found: Trajectory, groups: list[tuple[str, str, list[int]]]) -> dict[str, Any]:
    """What the player in the browser draws: the places of the dots as shares of the map's width and height."""
    (left, bottom), (right, top) = found.frame
    width, height = max(right - left, 1e-9), max(top - bottom, 1e-9)
    places = (found.coordinates - (left, bottom)) / (width, height)
    return {
        "version": f"{found.provenance['of_snapshots']}-{found.provenance['fitted']}-{found.steps[-1]}",
        "fitted": found.provenance["fitted"],
        "steps": found.steps.tolist(),
        "frames": places.round(4).tolist(),
        "shape": [width, height],
        "groups": [{"name": name, "color": color, "dots": dots} for name, color, dots in groups],
        "names": [found.names[i] for i in found.image.tolist()],
    }


def _runs(history: History, beside: tuple[str, History] | None) -> list[tuple[str, str, History]]:
    """(what its lines' names begin with, their dash, history) of the run on screen and of one beside it."""
    return [("", "solid", history)] + ([(f"{beside[0]} · ", "dash", beside[1])] if beside else [])


def _line(
    figure: go.Figure,
    x: Sequence[int],
    y: Sequence[Any],
    name: str,
    color: str,
    hover: str,
    *,
    dash: str = "solid",
    symbol: str | None = None,
) -> None:
    figure.add_scatter(
        x=list(x),
        y=list(y),
        name=name,
        mode="lines+markers" if symbol else "lines",
        line={"color": color, "width": 1.8, "dash": dash},
        marker={"symbol": symbol or "circle", "size": 9},
        hovertemplate=f"{name}: {hover}<extra></extra>",
    )


def _over_steps(
    figure: go.Figure,
    history: History,
    *,
    height: int = 340,
    legend: bool = True,
    beside: tuple[str, History] | None = None,
) -> go.Figure:
    """Common to all curves: steps from 0 to the last, one hover for all lines, a mark where the run was resumed."""
    theme.layout(figure, height=height, legend=legend, hovermode="x unified")
    steps = max(history.steps, beside[1].steps if beside else 1, 1)
    figure.update_xaxes(title_text="step", range=[0, 1.03 * steps])
    if beside:  # Its lines have the colours of the run's own: one entry for all of them says whose the dashes are.
        lines: Any = figure.data
        others = [line for line in lines if line.name.startswith(f"{beside[0]} · ")]
        for number, line in enumerate(others):
            line.update(name=f"{beside[0]}, dashed", legendgroup="beside", showlegend=not number)
    for step in history.resumed:
        figure.add_vline(x=step, line={"width": 1, "dash": "dot", "color": theme.muted()})
    return figure

"""The images of a whole split by what changed from one model to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cirkd.charts import theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.analysis.split_scores import SplitScores


def ordered(found: SplitScores, before: str, after: str, by: str) -> list[int]:
    """The images' numbers, first those that most lost mIoU ("lost"), "gained" it, went "away" or came "closer".

    Images without labels come last where mIoU decides.
    """
    miou, divergence = found.miou_change(before, after), found.divergence_change(before, after)
    values = {"lost": miou, "gained": -miou, "away": -divergence, "closer": divergence}[by]
    return [int(i) for i in np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")]


def words(found: SplitScores, before: str, after: str, image: int) -> str:
    """What changed on one image, in a few words."""
    miou, divergence = found.miou_change(before, after)[image], found.divergence_change(before, after)[image]
    change = "" if np.isnan(miou) else f"mIoU {theme.points(float(miou))} points, "
    return f"{change}divergence {'+' if divergence > 0 else ''}{theme.number(float(divergence), 2)}"


def changes(found: SplitScores, before: str, after: str) -> Figure:
    """A dot for each image: change of mIoU in points (across), of relation divergence in nats (upward)."""
    from plotly.graph_objects import Figure

    look = theme.role(after)
    miou, divergence = 100 * found.miou_change(before, after), found.divergence_change(before, after)
    figure = Figure()
    figure.add_scatter(
        x=miou,
        y=divergence,
        mode="markers",
        customdata=[[number] for number in range(len(miou))],
        text=list(found.names),
        marker={"color": look.color, "symbol": look.symbol, "size": 9, "opacity": 0.75},
        hovertemplate="%{text}<br>mIoU %{x:+.1f} points<br>divergence %{y:+.3f} nats<extra></extra>",
    )
    title = f"{theme.label(after)} minus {theme.label(before)}"
    figure.update_xaxes(title=f"mIoU of the image, {title} (points)", zeroline=True, zerolinecolor=theme.muted())
    figure.update_yaxes(title="relation divergence (nats)", zeroline=True, zerolinecolor=theme.muted())
    figure.update_layout(dragmode="select", clickmode="event+select")
    return theme.layout(figure, height=360, legend=False)

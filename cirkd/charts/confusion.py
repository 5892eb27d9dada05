"""What a model takes the pixels of each class for, as a heatmap, and how that differs between two models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64
from plotly.colors import get_colorscale

from cirkd.charts import matrix, theme

if TYPE_CHECKING:
    from cirkd.analysis.scores import Scores
    from cirkd.data.sample import Classes


def shown(scores: Scores) -> list[int]:
    """The classes that have a row and a column: those that are labelled, or that a model predicts where labels are."""
    counts = np.sum([score.confusion for score in scores.models.values()], axis=0)
    return [int(c) for c in np.flatnonzero(scores.present | (counts.sum(axis=0) > 0))]


def shares(scores: Scores, model: str) -> Float64[np.ndarray, "c c"]:
    """Of the pixels of each label (row), the share that is taken for each class (column); nan = no such pixel.

    A row adds up to less than 1 where pixels are taken for a class that the labels do not have.
    """
    labelled = scores.labelled[:, None]
    return np.where(labelled > 0, scores.models[model].confusion / np.maximum(labelled, 1), np.nan)


def scale() -> matrix.Scale:
    """0 to 1; the colours follow the square root, so that a confusion of one pixel in fifty is seen."""
    colors = [[float(at) ** 2, color] for at, color in get_colorscale(theme.SEQUENTIAL)]
    return matrix.Scale(colors, 0.0, 1.0, "share of the label's pixels")


def change_scale(scores: Scores, before: str, after: str) -> matrix.Scale:
    """Centred on 0, to the largest change."""
    return matrix.signed_scale(_change(scores, before, after), "change of the share")


def confusion(scores: Scores, classes: Classes, model: str) -> go.Figure:
    """Labels in rows, predictions in columns, in the order of `shown`."""
    return _heatmap(shares(scores, model), scores, classes, scale())


def change(scores: Scores, classes: Classes, before: str, after: str) -> go.Figure:
    """The shares of `after` less those of `before`: on the diagonal more is better, beside it less."""
    return _heatmap(_change(scores, before, after), scores, classes, change_scale(scores, before, after))


def _change(scores: Scores, before: str, after: str) -> Float64[np.ndarray, "c c"]:
    return shares(scores, after) - shares(scores, before)


def _heatmap(z: Float64[np.ndarray, "c c"], scores: Scores, classes: Classes, colors: matrix.Scale) -> go.Figure:
    known = shown(scores)
    side = matrix.class_side(known, classes)
    return matrix.heatmap(z[np.ix_(known, known)], side, side, colors, height=380)

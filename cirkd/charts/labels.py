"""Where the names of marks go, so that they lie neither on each other nor on marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

PLACES = {
    "top center": (0.0, 1.0),
    "bottom center": (0.0, -1.0),
    "middle right": (1.0, 0.0),
    "middle left": (-1.0, 0.0),
    "top right": (1.0, 1.0),
    "bottom right": (1.0, -1.0),
    "top left": (-1.0, 1.0),
    "bottom left": (-1.0, -1.0),
}
"""Plotly's text positions, the better first: which way the text goes from its mark."""
LETTER, LINE, MARK = 7.0, 15.0, 14.0
"""Pixels: width of a letter, height of a line, size of a mark, at a font size of 12."""
Box = tuple[float, float, float, float]


def positions(
    points: Iterable[Any], texts: Sequence[str], others: Iterable[Any] = (), *, size: tuple[float, float] = (520, 460)
) -> tuple[list[str], list[str]]:
    """Plotly's `textposition` for each named mark, and the texts: empty where there is no room and hovering must do.

    points: (x, y) of the named marks; others: of further marks that no text should lie on; size: of the plot in pixels.
    """
    points = list(points)
    if not points:
        return [], []
    at = _pixels([*points, *others], size)
    marks = [(x - MARK / 2, y - MARK / 2, x + MARK / 2, y + MARK / 2) for x, y in at]
    placed: list[Box] = []
    places, shown = [], []
    for (x, y), text in zip(at[: len(points)], texts, strict=True):
        boxes = {place: _box(x, y, way, text) for place, way in PLACES.items()}
        cost = {
            place: (
                sum(_overlap(box, other) for other in placed),
                _outside(box, size),
                sum(_overlap(box, m) for m in marks),
            )
            for place, box in boxes.items()
        }
        best = min(cost, key=lambda place: (cost[place][0] + cost[place][1], cost[place][2]))
        free = cost[best][0] + cost[best][1] <= 0.12 * len(text) * LETTER * LINE
        places.append(best)
        shown.append(text if free else "")
        if free:
            placed.append(boxes[best])
    return places, shown


def _pixels(points: Iterable[Any], size: tuple[float, float]) -> list[tuple[float, float]]:
    """Places on a plot whose axes have one scale and hold all points."""
    pairs = [(float(x), float(y)) for x, y in points]
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    low = min(xs), min(ys)
    spans = max(xs) - low[0] or 1.0, max(ys) - low[1] or 1.0
    return [
        (
            (x - low[0]) / spans[0] * size[0] * 0.84 + 0.08 * size[0],
            (y - low[1]) / spans[1] * size[1] * 0.84 + 0.08 * size[1],
        )
        for x, y in zip(xs, ys, strict=True)
    ]


def _box(x: float, y: float, way: tuple[float, float], text: str) -> Box:
    width = len(text) * LETTER
    left = x - width / 2 + way[0] * (width / 2 + MARK / 2)
    bottom = y - LINE / 2 + way[1] * (LINE / 2 + MARK / 2)
    return left, bottom, left + width, bottom + LINE


def _overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box, size: tuple[float, float]) -> float:
    return (max(-box[0], 0.0) + max(box[2] - size[0], 0.0)) * LINE + (max(-box[1], 0) + max(box[3] - size[1], 0)) * 10

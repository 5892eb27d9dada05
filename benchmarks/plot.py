"""A log-log plot, drawn with Pillow: what the project has."""

import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = "#1f2328", "#d8dce1", "#ffffff"
COLORS = {"straightforward": "#b0590c", "float32": "#0b5cad", "bf16": "#5aa9e6"}
SCALE = 3  # drawn so many times larger, then shrunk: smooth lines
PANEL, LEFT, RIGHT, TOP, BOTTOM, HEAD = (560, 330), 62, 112, 40, 48, 44


@dataclass(frozen=True)
class Curve:
    """One line: a name beside its end, the key of its colour, and its points."""

    name: str
    color: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    title: str
    unit: str
    axis: str
    curves: list[Curve]


def draw(path: Path, caption: str, panels: list[Panel]) -> None:
    """Draw the panels two abreast under a caption and write them as PNG."""
    rows = -(-len(panels) // 2)
    size = (2 * PANEL[0] + 20, rows * PANEL[1] + HEAD)
    image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), PAPER)
    canvas = ImageDraw.Draw(image)
    _write(canvas, (20, 14), caption, 13, "la")
    for number, panel in enumerate(panels):
        _draw_panel(canvas, panel, (10 + number % 2 * PANEL[0], HEAD + number // 2 * PANEL[1]))
    image.resize(size, Image.Resampling.LANCZOS).save(path, optimize=True)


def _draw_panel(canvas: ImageDraw.ImageDraw, panel: Panel, corner: tuple[int, int]) -> None:
    points = [point for curve in panel.curves for point in curve.points]
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    # Above the highest point there is room for a name.
    x_range = min(xs), max(xs)
    y_range = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(2.5 * max(ys)))
    box = (corner[0] + LEFT, corner[1] + TOP, corner[0] + PANEL[0] - RIGHT, corner[1] + PANEL[1] - BOTTOM)

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = _share(x, x_range), _share(y, y_range)
        return box[0] + across * (box[2] - box[0]), box[3] - up * (box[3] - box[1])

    _write(canvas, (corner[0] + 10, corner[1] + 8), f"{panel.title} ({panel.unit})", 15, "la")
    for power in range(round(math.log10(y_range[0])), round(math.log10(y_range[1])) + 1):
        y = place(x_range[0], 10.0**power)[1]
        _line(canvas, [(box[0], y), (box[2], y)], FAINT, 1)
        _write(canvas, (box[0] - 8, y), f"{10.0**power:g}", 12, "rm")
    for x in sorted(set(xs)):
        at = place(x, y_range[0])[0]
        _line(canvas, [(at, box[3]), (at, box[3] + 4)], INK, 1)
        _write(canvas, (at, box[3] + 8), f"{x:g}", 12, "ma")
    _line(canvas, [(box[0], box[3]), (box[2], box[3])], INK, 1)
    _write(canvas, ((box[0] + box[2]) / 2, box[3] + 26), panel.axis, 12, "ma")
    for curve in panel.curves:
        _line(canvas, [place(*point) for point in curve.points], COLORS[curve.color], 2)
        for point in curve.points:
            _dot(canvas, place(*point), COLORS[curve.color])
    _name_ends(canvas, [(place(*curve.points[-1]), curve) for curve in panel.curves if curve.points], box[0], box[2])


def _name_ends(
    canvas: ImageDraw.ImageDraw, ends: list[tuple[tuple[float, float], Curve]], left: float, right: float
) -> None:
    """Names beside the ends of lines, kept apart; a line that stops early says so."""
    lowest = -math.inf
    for (x, y), curve in sorted(ends, key=lambda end: end[0][1]):
        if x < right - 1:
            # Above and to the left, where no other line passes; at the left edge, to the right.
            side, anchor = (4, "rm") if x > left + 1 else (9, "lm")
            for text, size, above in ((curve.name, 12, 28), ("does not fit beyond", 11, 14)):
                _write(canvas, (x + side, y - above), text, size, anchor, COLORS[curve.color])
            continue
        lowest = max(y, lowest + 16)
        _write(canvas, (x + 9, lowest), curve.name, 12, "lm", COLORS[curve.color])


def _share(value: float, limits: tuple[float, float]) -> float:
    low, high = (math.log(limit) for limit in limits)
    return (math.log(value) - low) / (high - low) if high > low else 0.5


def _line(canvas: ImageDraw.ImageDraw, points: list[tuple[float, float]], color: str, width: int) -> None:
    canvas.line([(x * SCALE, y * SCALE) for x, y in points], color, width * SCALE, joint="curve")


def _dot(canvas: ImageDraw.ImageDraw, at: tuple[float, float], color: str) -> None:
    x, y, r = at[0] * SCALE, at[1] * SCALE, 3.5 * SCALE
    canvas.ellipse((x - r, y - r, x + r, y + r), color)


def _write(
    canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, anchor: str, color: str = INK
) -> None:
    canvas.text((at[0] * SCALE, at[1] * SCALE), text, color, ImageFont.load_default(size * SCALE), anchor)

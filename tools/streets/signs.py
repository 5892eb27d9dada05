"""Traffic signs: plates of the usual shapes, painted here, on their posts."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import mitsuba as mi
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .materials import bitmap, flat, matt
from .stage import Stage

_SIZE = 160  # pixels of a plate's image
RED, BLUE, WHITE, BLACK, YELLOW = (190, 20, 25), (25, 70, 165), (240, 240, 238), (25, 25, 25), (240, 185, 25)
GREEN = (10, 105, 70)


def _text(draw: ImageDraw.ImageDraw, text: str, size: int, fill: tuple[int, int, int], y: float = 0.5) -> None:
    draw.text((_SIZE / 2, _SIZE * y), text, fill=fill, anchor="mm", font=ImageFont.load_default(size))


def _circle(draw: ImageDraw.ImageDraw, inset: int, fill: tuple[int, int, int]) -> None:
    draw.ellipse((inset, inset, _SIZE - inset, _SIZE - inset), fill=fill)


def _round(kind: str, draw: ImageDraw.ImageDraw) -> None:
    """Paint a round plate: no entry, a speed limit, one way, or no parking."""
    if kind == "no entry":
        _circle(draw, 0, RED)
        draw.rectangle((26, 66, 134, 94), fill=WHITE)
    elif kind == "ahead":
        _circle(draw, 0, WHITE)
        _circle(draw, 4, BLUE)
        draw.polygon(((80, 24), (116, 70), (92, 70), (92, 130), (68, 130), (68, 70), (44, 70)), fill=WHITE)
    elif kind == "no parking":
        _circle(draw, 0, RED)
        _circle(draw, 16, BLUE)
        draw.line((32, 32, 128, 128), fill=RED, width=16)
    else:
        _circle(draw, 0, RED)
        _circle(draw, 20, WHITE)
        _text(draw, kind, 70, BLACK)


def _other(kind: str, draw: ImageDraw.ImageDraw) -> None:
    """Paint a plate that is not round (the plate's outline cuts the corners)."""
    if kind == "stop":
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=RED)
        _text(draw, "STOP", 52, WHITE)
    elif kind in ("yield", "warning"):
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=RED)
        tip, base = (138, 16) if kind == "yield" else (30, 140)
        draw.polygon(((80, tip), (24, base), (136, base)), fill=WHITE)
        if kind == "warning":
            _text(draw, "!", 76, BLACK, 0.62)
    elif kind == "priority":
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=WHITE)
        draw.polygon(((80, 22), (138, 80), (80, 138), (22, 80)), fill=YELLOW)
    elif kind == "crossing":
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=BLUE)
        draw.polygon(((80, 14), (148, 138), (12, 138)), fill=WHITE)
        draw.ellipse((72, 48, 90, 66), fill=BLACK)
        draw.line(((80, 66), (78, 98), (62, 126)), fill=BLACK, width=9)
        draw.line(((78, 98), (96, 124)), fill=BLACK, width=9)
    elif kind.startswith("board"):
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=WHITE)
        draw.rectangle((5, 5, _SIZE - 6, _SIZE - 6), fill=BOARDS[kind][0])
        for row, word in enumerate(BOARDS[kind][1]):
            _text(draw, word, 26, WHITE, 0.25 + 0.25 * row)
    else:
        draw.rectangle((0, 0, _SIZE, _SIZE), fill=WHITE)
        draw.rectangle((6, 6, _SIZE - 7, _SIZE - 7), fill=YELLOW if kind == "H" else BLUE)
        _text(draw, kind, 110, GREEN if kind == "H" else WHITE)


def _ring(corners: int, first: float, radius: float = 1.0) -> np.ndarray:
    """Return a regular polygon, anticlockwise from an angle in degrees."""
    angle = np.radians(first) + np.arange(corners) * 2 * np.pi / corners
    return radius * np.c_[np.cos(angle), np.sin(angle)]


_SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
OUTLINES: dict[str, np.ndarray] = {
    "stop": _ring(8, 22.5, 1.05),
    "yield": _ring(3, -90, 1.25),
    "warning": _ring(3, 90, 1.25),
    "priority": _ring(4, 0, 1.25),
    "crossing": _SQUARE,
    "P": _SQUARE,
    "H": _SQUARE,
    "board a": _SQUARE * (2.6, 1.5),
    "board b": _SQUARE * (2.6, 1.5),
    "board c": _SQUARE * (2.6, 1.5),
}
BOARDS = {
    "board a": (GREEN, ("CENTRE", "STATION", "HARBOUR")),
    "board b": (BLUE, ("MUSEUM", "STADIUM", "AIRPORT")),
    "board c": (BLUE, ("OLD TOWN", "MARKET", "BRIDGE")),
}
ROUND = ("no entry", "ahead", "no parking", "30", "50")
KINDS = (*ROUND, *(kind for kind in OUTLINES if not kind.startswith("board")))


@lru_cache(maxsize=32)
def plate_surface(kind: str) -> Any:
    """Return the painted front of a kind of sign."""
    image = Image.new("RGB", (_SIZE, _SIZE), WHITE)
    draw = ImageDraw.Draw(image)
    (_round if kind in ROUND else _other)(kind, draw)
    return mi.load_dict(matt(bitmap(np.asarray(image, np.float32) / 255)))


def _plate(stage: Stage, kind: str, x: float, y: float, z: float, turn: float, size: float) -> None:
    """Hang one plate, front and back, just off its post."""
    outline = OUTLINES.get(kind, _ring(24, 0)) * size
    away = 1 if abs(turn) < 90 else -1
    stage.plate("traffic sign", (x, y, z + 0.06 * away), outline, turn, plate_surface(kind))
    stage.plate("traffic sign", (x, y, z + 0.05 * away), outline, turn, flat((0.55, 0.55, 0.56)))


def add_sign(stage: Stage, rng: random.Random, x: float, z: float, ground: float, turn: float) -> None:
    """Put up a post with one or two plates that look along +z at turn 0."""
    steel = flat((0.5, 0.5, 0.51))
    if rng.random() < 0.16:  # a direction board on two posts
        height = rng.uniform(2.6, 3.0)
        for dx in (-0.7, 0.7):
            stage.cylinder("pole", x + dx, z, (ground, height + 0.6), 0.045, steel)
        _plate(stage, rng.choice(sorted(BOARDS)), x, height, z, turn, 0.42)
        return
    size, top = rng.uniform(0.34, 0.46), rng.uniform(2.3, 2.75)
    kinds = rng.sample(KINDS, 2)
    stage.cylinder("pole", x, z, (ground, top + 0.3), 0.04, steel)
    _plate(stage, kinds[0], x, top, z, turn + rng.uniform(-8, 8), size)
    if rng.random() < 0.35:
        _plate(stage, kinds[1], x, top - 2.2 * size, z, turn, size * 0.85)
    if rng.random() < 0.45:  # one for the other direction
        _plate(stage, rng.choice(KINDS), x, top, z, 180.0 - turn, size * 0.95)
    stage.obstacles.append((x, z, 0.4))

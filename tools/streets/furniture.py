"""Street furniture that the archives lack: shelters, poster columns, bollards, railings, bus stops."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import mitsuba as mi
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .materials import bitmap, flat, glossy, matt
from .stage import Stage

WORDS = ("MUSIC", "THEATRE", "COFFEE", "MARKET", "CINEMA", "SUMMER", "OPERA", "BREAD")


@lru_cache(maxsize=16)
def poster(index: int) -> Any:
    """Return a printed poster: bold shapes and a word."""
    rng = random.Random(index)
    image = Image.new("RGB", (128, 192), tuple(rng.randint(60, 235) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y, r = rng.randint(0, 128), rng.randint(0, 150), rng.randint(12, 50)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.randint(20, 240) for _ in range(3)))
    draw.text((64, 165), rng.choice(WORDS), fill=(250, 250, 245), anchor="mm", font=ImageFont.load_default(24))
    return mi.load_dict(matt(bitmap(np.asarray(image, np.float32) / 255)))


def shelter(stage: Stage, rng: random.Random, x: float, z: float, ground: float, side: int) -> None:
    """Build a bus shelter, 3.6 m along the street, open towards the road."""
    steel = glossy((0.25, 0.27, 0.28))
    back, front = x + side * 0.7, x - side * 0.7
    pane = {"type": "mask", "opacity": 0.35, "b": glossy((0.35, 0.42, 0.42))}
    stage.box("street furniture", (back, front), (2.35 + ground, 2.47 + ground), (z - 1.9, z + 1.9), steel)
    stage.wall("street furniture", (back, z - 1.75), (back, z + 1.75), (ground + 0.25, ground + 2.2), pane)
    for dz in (-1.8, -0.6, 0.6, 1.8):
        stage.box(
            "street furniture",
            (back - 0.03, back + 0.03),
            (ground, ground + 2.36),
            (z + dz - 0.03, z + dz + 0.03),
            steel,
        )
    end = z + rng.choice([-1.8, 1.8])
    stage.box(
        "street furniture",
        (back, x - side * 0.3),
        (ground + 0.25, ground + 2.2),
        (end - 0.05, end + 0.05),
        steel,
    )
    for dz in (-0.06, 0.06):
        stage.wall(
            "street furniture",
            (back - side * 0.05, end + dz),
            (x - side * 0.25, end + dz),
            (ground + 0.35, ground + 2.1),
            poster(rng.randrange(8)),
        )
    stage.box(
        "street furniture",
        (back - side * 0.1, back - side * 0.5),
        (ground + 0.42, ground + 0.48),
        (z - 1.4, z + 1.0),
        flat((0.5, 0.33, 0.2)),
    )
    stage.obstacles.append((x, z, 2.0))


def poster_column(stage: Stage, rng: random.Random, x: float, z: float, ground: float) -> None:
    """Build a round advertising column."""
    dark = glossy((0.08, 0.2, 0.15))
    stage.cylinder("street furniture", x, z, (ground, ground + 0.4), 0.58, dark)
    stage.cylinder("street furniture", x, z, (ground + 0.4, ground + 2.6), 0.52, poster(rng.randrange(8)))
    stage.cylinder("street furniture", x, z, (ground + 2.6, ground + 2.85), 0.6, dark)
    stage.cylinder("street furniture", x, z, (ground + 2.85, ground + 3.1), 0.35, dark)
    stage.obstacles.append((x, z, 0.7))


def poster_stand(stage: Stage, rng: random.Random, x: float, z: float, ground: float) -> None:
    """Build an upright case with a poster on both faces, across the walk."""
    stage.box(
        "street furniture",
        (x - 0.62, x + 0.62),
        (ground, ground + 2.3),
        (z - 0.09, z + 0.09),
        glossy((0.2, 0.21, 0.22)),
    )
    for dz, (a, b) in ((-0.1, (0.54, -0.54)), (0.1, (-0.54, 0.54))):
        stage.wall(
            "street furniture",
            (x + a, z + dz),
            (x + b, z + dz),
            (ground + 0.45, ground + 2.2),
            poster(rng.randrange(8)),
        )
    stage.obstacles.append((x, z, 0.8))


def cabinet(stage: Stage, rng: random.Random, x: float, z: float, ground: float) -> None:
    """Build a telephone cabinet or a post box."""
    colour = rng.choice([(0.45, 0.47, 0.45), (0.75, 0.12, 0.1), (0.85, 0.7, 0.1), (0.15, 0.3, 0.22)])
    w, h = rng.uniform(0.25, 0.4), rng.uniform(1.1, 1.5)
    stage.box("street furniture", (x - 0.2, x + 0.2), (ground, ground + h), (z - w, z + w), glossy(colour))
    stage.box(
        "street furniture",
        (x - 0.23, x + 0.23),
        (ground + h, ground + h + 0.05),
        (z - w - 0.03, z + w + 0.03),
        flat((0.3, 0.3, 0.3)),
    )
    stage.obstacles.append((x, z, 0.5))


def bollards(stage: Stage, x: float, z: float, count: int, ground: float) -> None:
    """Put up a line of bollards along the kerb (their class is pole)."""
    paint = glossy((0.12, 0.13, 0.13))
    band = flat((0.85, 0.84, 0.8))
    for i in range(count):
        at = z + 1.4 * i
        stage.cylinder("pole", x, at, (ground, ground + 0.95), 0.065, paint)
        stage.cylinder("pole", x, at, (ground + 0.75, ground + 0.85), 0.067, band)


def railing(
    stage: Stage,
    start: tuple[float, float],
    end: tuple[float, float],
    ground: float,
    colour: tuple[float, float, float],
) -> None:
    """Build a plain pedestrian railing between two points on a line along x or z."""
    paint = mi.load_dict(glossy(colour))
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    for y in (0.18, 0.95, 1.08):
        (x0, z0), (x1, z1) = start, end
        thick = 0.022
        stage.box(
            "fence",
            (min(x0, x1) - thick, max(x0, x1) + thick),
            (ground + y - thick, ground + y + thick),
            (min(z0, z1) - thick, max(z0, z1) + thick),
            paint,
        )
    bars = max(2, int(length / 0.14))
    for i in range(bars + 1):
        x, z = (a + (b - a) * i / bars for a, b in zip(start, end, strict=True))
        post = i % 14 == 0
        stage.cylinder("fence", x, z, (ground, ground + (1.12 if post else 0.95)), 0.03 if post else 0.011, paint)


def boards(
    stage: Stage,
    start: tuple[float, float],
    end: tuple[float, float],
    ground: float,
    height: float,
    colour: tuple[float, float, float],
) -> None:
    """Build a board fence (pickets) between two points."""
    paint = mi.load_dict(flat(colour))
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    count = max(2, int(length / 0.16))
    for y in (0.25, height - 0.2):
        stage.box(
            "fence",
            (min(start[0], end[0]) - 0.02, max(start[0], end[0]) + 0.02),
            (ground + y, ground + y + 0.08),
            (min(start[1], end[1]) - 0.02, max(start[1], end[1]) + 0.02),
            paint,
        )
    for i in range(count + 1):
        x, z = (a + (b - a) * i / count for a, b in zip(start, end, strict=True))
        top = ground + height * (1.04 if i % 2 else 1.0)
        stage.box("fence", (x - 0.05, x + 0.05), (ground + 0.06, top), (z - 0.05, z + 0.05), paint)

"""Houses along a frontage: walls with painted facades, roofs, cornices, balconies and awnings."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np

from .facades import BAY, FLOOR, Facade, make_facade
from .materials import bitmap, flat, matt
from .stage import Stage
from .textures import stripes, tiles


@dataclass(frozen=True)
class Frontage:
    """A line on the ground from (x, z) `start` to `end`, left to right as seen from the street (metres)."""

    start: tuple[float, float]
    end: tuple[float, float]

    @property
    def length(self) -> float:
        """Length in metres."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    def point(self, along: float, inward: float) -> tuple[float, float]:
        """Return (x, z) of a point `along` the line and `inward`, away from the street."""
        rx, rz = ((b - a) / self.length for a, b in zip(self.start, self.end, strict=True))
        return self.start[0] + rx * along + rz * inward, self.start[1] + rz * along - rx * inward

    def box(self, along: tuple[float, float], inward: tuple[float, float]) -> tuple[tuple, tuple]:
        """Return the x and z extents of a box; the line must run along an axis."""
        (x0, z0), (x1, z1) = self.point(along[0], inward[0]), self.point(along[1], inward[1])
        return (x0, x1), (z0, z1)


@dataclass
class Style:
    """A facade with its materials, shared by the houses of one scene that have it."""

    facade: Facade
    front: Any
    trim: Any
    shop: bool


class Architect:
    """Holds the building styles of one scene, and builds houses in them."""

    def __init__(self, rng: random.Random, art: np.random.RandomState, urban: float) -> None:
        """`urban` runs from 0, low houses, to 1, tall ones."""
        self.rng = rng
        self.styles = [self._style(art, i, urban) for i in range(9)]
        self.roofs = [mi.load_dict(matt(bitmap(tiles(art)))) for _ in range(2)]
        self.awnings = [mi.load_dict(matt(bitmap(stripes(art)))) for _ in range(3)]
        self.rail = mi.load_dict(flat((0.16, 0.16, 0.17)))

    def _style(self, art: np.random.RandomState, index: int, urban: float) -> Style:
        """Paint one style; a third of them have shops."""
        floors = int(self.rng.randint(2, 3) + round(urban * self.rng.uniform(0.3, 3.4)))
        shop = index % 3 == 0
        facade = make_facade(art, self.rng.randint(3, 6), floors, shop)
        colour = bitmap(facade.colour)
        front = {
            "type": "twosided",
            "b": {
                "type": "blendbsdf",
                "weight": bitmap(facade.glass[..., None], raw=True),
                "wall": {"type": "diffuse", "reflectance": colour},
                "pane": {"type": "plastic", "int_ior": 1.9, "diffuse_reflectance": colour},
            },
        }
        trim = np.clip(facade.wall * self.rng.choice([0.6, 0.85, 1.2]), 0, 1)
        return Style(facade, mi.load_dict(front), mi.load_dict(flat(trim)), shop)

    def house(self, stage: Stage, line: Frontage, depth: float, style: Style | None = None) -> None:
        """Build one house over the whole frontage."""
        style = style or self.rng.choice(self.styles)
        height, width = style.facade.height, line.length
        base = 0.1
        corners = [line.point(0, 0), line.point(width, 0), line.point(width, depth), line.point(0, depth)]
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            stage.wall("building", a, b, (base - 0.3, height), style.front)
        (x, z) = line.box((-0.12, width + 0.12), (-0.25, depth + 0.1))
        stage.box("building", x, (height, height + 0.4), z, style.trim)
        if self.rng.random() < 0.55:
            self._gable(stage, line, depth, height + 0.4)
        elif self.rng.random() < 0.7:
            at, size = self.rng.uniform(1, max(1.1, width - 3)), self.rng.uniform(1.2, 2.5)
            (x, z) = line.box((at, at + size), (depth * 0.4, depth * 0.4 + size))
            stage.box("building", x, (height + 0.4, height + 0.4 + size), z, style.trim)
        if style.shop and self.rng.random() < 0.75:
            self._awnings(stage, line, style)
        elif not style.shop and self.rng.random() < 0.5:
            self._balconies(stage, line, style)

    def _gable(self, stage: Stage, line: Frontage, depth: float, base: float) -> None:
        """Add a ridged roof, its ridge along the street."""
        rise, width, over = self.rng.uniform(0.3, 0.5) * depth * 0.6, line.length, 0.35
        roof = self.rng.choice(self.roofs)

        def at(u: float, v: float, y: float) -> tuple[float, float, float]:
            x, z = line.point(u, v)
            return x, y, z

        mid, top = depth / 2, base + rise
        for v in (-over, depth + over):
            stage.quad(
                "building",
                [
                    at(-0.1, v, base - 0.05),
                    at(width + 0.1, v, base - 0.05),
                    at(width + 0.1, mid, top),
                    at(-0.1, mid, top),
                ],
                (width / 4, depth / 8),
                roof,
            )
        trim = self.rng.choice(self.styles).trim
        for u in (0.0, width):
            stage.quad(
                "building",
                [at(u, 0, base), at(u, depth, base), at(u, mid, top), at(u, mid, top)],
                (1, 1),
                trim,
            )
        (x, z) = line.box((width * 0.3, width * 0.3 + 0.7), (mid - 1.2, mid - 0.5))
        stage.box("building", x, (base, top + 0.9), z, trim)

    def _awnings(self, stage: Stage, line: Frontage, style: Style) -> None:
        """Hang cloth over the shop windows."""
        cloth = self.rng.choice(self.awnings)
        bay = line.length / style.facade.bays
        for b in range(style.facade.bays):
            if self.rng.random() < 0.7:
                (x0, z0), (x1, z1) = line.point(b * bay + 0.2, 0.02), line.point((b + 1) * bay - 0.2, 0.02)
                (x2, z2), (x3, z3) = line.point((b + 1) * bay - 0.2, -1.3), line.point(b * bay + 0.2, -1.3)
                stage.quad("building", [(x0, 3.0, z0), (x1, 3.0, z1), (x2, 2.4, z2), (x3, 2.4, z3)], (1, 1), cloth)

    def _balconies(self, stage: Stage, line: Frontage, style: Style) -> None:
        """Add balconies to some columns of windows."""
        bay = line.length / style.facade.bays
        for b in range(style.facade.bays):
            if self.rng.random() > 0.45:
                continue
            for floor in range(1, style.facade.floors):
                y = floor * FLOOR + 0.25
                (x, z) = line.box((b * bay + 0.35, (b + 1) * bay - 0.35), (-0.85, 0))
                stage.box("building", x, (y - 0.12, y), z, style.trim)
                (x, z) = line.box((b * bay + 0.35, (b + 1) * bay - 0.35), (-0.85, -0.82))
                for rail in (0.25, 0.45, 0.65, 0.9):
                    stage.box("building", x, (y + rail, y + rail + 0.05), z, self.rail)

    def row(self, stage: Stage, line: Frontage, depth: float) -> None:
        """Fill a frontage with houses wall to wall."""
        along = 0.0
        while along < line.length - 4:
            style = self.rng.choice(self.styles)
            width = min(style.facade.bays * BAY, line.length - along)
            if line.length - along - width < 5:
                width = line.length - along
            self.house(stage, Frontage(line.point(along, 0), line.point(along + width, 0)), depth, style)
            along += width + self.rng.choice([0.0, 0.0, 0.02])

"""The ground: roads, lane markings, sidewalks with kerbs, verges, the median and the land beyond."""

from __future__ import annotations

import random
from typing import Any

import mitsuba as mi
import numpy as np

from .catalogue import Model
from .materials import bitmap, flat, matt
from .plan import BAY_WIDTH, END, KERB, LANE, START, Plan
from .stage import Stage, transform
from .textures import asphalt, grass, paving

REACH = 170.0  # metres that cross streets run to either side


class Ground:
    """The ground materials of one scene, tiled in metres."""

    def __init__(self, rng: np.random.RandomState) -> None:
        self._images = {"road": (asphalt(rng), 12.0), "walk": (paving(rng), 4.0), "grass": (grass(rng), 6.0)}
        self.kerb = flat(np.array([0.62, 0.61, 0.58]) * rng.uniform(0.8, 1.05))
        self.paint = flat(np.array([0.86, 0.86, 0.83]) * rng.uniform(0.85, 1.0))

    def tiled(self, name: str, width: float, depth: float) -> Any:
        """Return a ground material for a rectangle of this size."""
        image, tile = self._images[name]
        return mi.load_dict(matt(bitmap(image, uv=transform().scale([width / tile, depth / tile, 1]))))


def _sheet(
    stage: Stage,
    ground: Ground,
    label: str,
    name: str,
    x: tuple[float, float],
    z: tuple[float, float],
    y: float,
) -> None:
    """Lay one tiled rectangle."""
    stage.ground(label, x, z, y, ground.tiled(name, abs(x[1] - x[0]), abs(z[1] - z[0])))


def _sidewalk(stage: Stage, ground: Ground, plan: Plan, side: int, block: tuple[float, float]) -> None:
    """Lay one sidewalk with its kerb, and a planted verge along the kerb when the plan has one."""
    inner, verge = plan.half, plan.verge[side]
    x = (side * (inner + 0.16), side * plan.edge)
    _sheet(stage, ground, "sidewalk", "walk", x, block, KERB)
    stage.box("sidewalk", (side * inner, side * (inner + 0.16)), (-0.2, KERB + 0.01), block, ground.kerb)
    if verge:
        low, high = block
        z = low + 6.0
        while z < high - 9:
            strip = (side * (inner + 0.3), side * (inner + 0.3 + verge))
            _sheet(stage, ground, "terrain", "grass", strip, (z, min(z + 11, high - 6)), KERB + 0.02)
            z += 14.0
    for z, sign in ((block[0], -1), (block[1], 1)):  # the kerb and walk that turn into the cross street
        if START < z < END:
            stage.box(
                "sidewalk",
                (side * inner, side * REACH),
                (-0.2, KERB + 0.01),
                (z - sign * 0.16, z),
                ground.kerb,
            )
            _sheet(
                stage,
                ground,
                "sidewalk",
                "walk",
                (side * plan.edge, side * REACH),
                (z - sign * 2.6, z - sign * 0.16),
                KERB - 0.002,
            )


def _zebra(stage: Stage, ground: Ground, plan: Plan, z: float) -> None:
    """Paint a crossing over the main road: bars along z."""
    for x in np.arange(-plan.half + 0.35, plan.half - 0.5, 1.0):
        stage.ground("lane marking", (x, x + 0.52), (z - 1.5, z + 1.5), 0.006, ground.paint)


def _cross_street(stage: Stage, ground: Ground, plan: Plan, mid: float, half: float) -> None:
    """Lay a cross street with its centre line and crossings."""
    for side in (-1, 1):
        _sheet(
            stage,
            ground,
            "road",
            "road",
            (side * (plan.half - 0.2), side * REACH),
            (mid - half, mid + half),
            0.002,
        )
        for x in np.arange(plan.edge + 4, 90, 5.0):
            stage.ground("lane marking", (side * x, side * (x + 2.4)), (mid - 0.07, mid + 0.07), 0.006, ground.paint)
        for z in np.arange(mid - half + 0.3, mid + half - 0.5, 1.0):
            stage.ground(
                "lane marking",
                (side * (plan.half + 0.8), side * (plan.half + 3.4)),
                (z, z + 0.5),
                0.006,
                ground.paint,
            )


def _lane_lines(stage: Stage, ground: Ground, plan: Plan, rng: random.Random, arrows: list[Model]) -> None:
    """Paint centre lines, bay lines, stop lines and arrows of the main road."""
    gap, dash = rng.choice([(2.0, 2.0), (3.0, 3.0), (1.5, 3.0)])
    solid = rng.random() < 0.25
    for low, high in plan.blocks:
        if solid and not plan.median:
            for x in (-0.2, 0.08):
                stage.ground("lane marking", (x, x + 0.12), (low + 5, high - 5), 0.005, ground.paint)
        z = low + 5
        while not plan.median and not solid and z < high - 5 - dash:
            stage.ground("lane marking", (-0.08, 0.08), (z, z + dash), 0.005, ground.paint)
            z += dash + gap
        for side in (-1, 1):
            _side_lines(stage, ground, plan, side, (low, high))
            end, sign = (high, -1) if side < 0 else (low, 1)
            for ahead in (9.0, 24.0):
                if rng.random() < 0.7 and high - low > ahead + 8:
                    x, turn = side * (plan.median + LANE / 2), 180 if side < 0 else 0
                    stage.place("lane marking", rng.choice(arrows), x, end + sign * ahead, turn, 0.8, 0.004)
                    stage.obstacles.pop()  # flat paint is no obstacle for the camera


def _side_lines(stage: Stage, ground: Ground, plan: Plan, side: int, block: tuple[float, float]) -> None:
    """Paint the bay lines or the edge line of one side, and its stop line."""
    bays = plan.parking[side]
    line = side * (plan.half - (BAY_WIDTH if bays else 0.25))
    z = block[0] + 6
    while z < block[1] - 6:
        if bays:
            stage.ground("lane marking", (line, side * plan.half), (z, z + 0.12), 0.005, ground.paint)
        edge = (line - 0.06, line + 0.06)
        stage.ground("lane marking", edge, (z, z + (2.6 if bays else 5.0)), 0.005, ground.paint)
        z += 5.4
    end, sign = (block[1], -1) if side < 0 else (block[0], 1)
    inner = side * (plan.median + 0.1)
    stage.ground("lane marking", (inner, line), (end + sign * 5.0, end + sign * 5.4), 0.005, ground.paint)


def _median(stage: Stage, ground: Ground, plan: Plan) -> None:
    """Build the raised strip between the two directions."""
    w = plan.median
    for low, high in plan.blocks:
        cuts = sorted([z for z in plan.zebras if low < z < high])
        bounds = [low + 3.5] + [c for z in cuts for c in (z - 2, z + 2)] + [high - 3.5]
        for a, b in zip(bounds[::2], bounds[1::2], strict=True):
            if b - a > 3:
                stage.box("sidewalk", (-w, w), (-0.2, KERB), (a, b), ground.kerb)
                _sheet(stage, ground, "terrain", "grass", (0.16 - w, w - 0.16), (a + 0.2, b - 0.2), KERB + 0.01)


def build_ground(
    stage: Stage, plan: Plan, rng: random.Random, art: np.random.RandomState, arrows: list[Model]
) -> Ground:
    """Lay all the ground of a scene, and return its materials."""
    ground = Ground(art)
    far = 1500.0
    _sheet(stage, ground, "terrain", "grass", (-far, far), (-far, far), -0.05)
    _sheet(stage, ground, "road", "road", (-plan.half, plan.half), (START - 12, END + 12), 0.0)
    for mid, half in plan.crosses:
        _cross_street(stage, ground, plan, mid, half)
    for z, sign in ((START, -1), (END, 1)):  # the street ends at a road that runs across it
        _sheet(stage, ground, "road", "road", (-REACH, REACH), (z, z + sign * 8), 0.003)
        _sheet(stage, ground, "sidewalk", "walk", (-REACH, REACH), (z + sign * 8, z + sign * 12), KERB)
        stage.box("sidewalk", (-REACH, REACH), (-0.2, KERB), (z + sign * 8, z + sign * 8.2), ground.kerb)
    for side in (-1, 1):
        for block in plan.blocks:
            _sidewalk(stage, ground, plan, side, block)
    for z in plan.zebras:
        _zebra(stage, ground, plan, z)
    _lane_lines(stage, ground, plan, rng, arrows)
    if plan.median:
        _median(stage, ground, plan)
    return ground

"""Builds one whole scene from a seed: ground, houses, street life, backdrop and light."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np

from . import furniture
from .buildings import Architect, Frontage
from .catalogue import Model
from .models import ModelStore
from .plan import END, KERB, START, Plan, make_plan
from .roads import build_ground
from .sky import Weather, emitters, make_weather
from .stage import Stage
from .street import Dresser
from .traffic import crossers, moving, parked

DEPTH = 11.0  # metres: how deep a house is


@dataclass
class BuiltScene:
    """A loaded scene with what the camera and the labels need to know about it."""

    scene: Any
    labels: dict[str, int]
    obstacles: np.ndarray
    plan: Plan
    weather: Weather


def _frontage(side: int, x: float, low: float, high: float) -> Frontage:
    """Return the frontage of a stretch of the main street, seen from the road."""
    return Frontage((side * x, low), (side * x, high)) if side > 0 else Frontage((side * x, high), (side * x, low))


def _garden(dresser: Dresser, architect: Architect, side: int, low: float, high: float, built: bool) -> None:
    """Lay out a lot behind a fence: a house set back in its garden, or a small park."""
    rng, stage, edge = dresser.rng, dresser.stage, dresser.plan.edge
    deep = rng.uniform(3.5, 6.5)
    if built:
        house = rng.choice([s for s in architect.styles if not s.shop])
        room = min(high - low - 3, house.facade.width)
        start = low + rng.uniform(1, high - low - room - 1)
        architect.house(stage, _frontage(side, edge + deep, start, start + room), DEPTH - 2, house)
    fence = rng.random()
    line = side * (edge + 0.15)
    if fence < 0.45:
        dresser.fence_line(line, low + 0.3, max(1, int((high - low) / 1.9)))
    elif fence < 0.75:
        colour = rng.choice([(0.85, 0.84, 0.8), (0.42, 0.28, 0.17), (0.3, 0.33, 0.3)])
        furniture.boards(stage, (line, low + 0.3), (line, high - 0.3), KERB, rng.uniform(1.0, 1.5), colour)
    elif fence < 0.9:
        furniture.railing(stage, (line, low + 0.3), (line, high - 0.3), KERB, dresser.rail_colour)
    for _ in range(rng.randint(2, 4) if built else rng.randint(4, 8)):
        dresser.tree(
            side * (edge + rng.uniform(1.5, deep if built else 14)),
            rng.uniform(low + 1, high - 1),
            rng.uniform(3.5, 8),
            rng.choice(dresser.models["tree"]),
        )
    z = low + 1
    while z < high - 1 and rng.random() < 0.8:
        dresser.place("vegetation", "hedge", side * (edge + 1.0), z, 90, 0.05)
        z += 1.6


def _blocks(dresser: Dresser, architect: Architect) -> None:
    """Fill both sides of the main street with lots."""
    rng, plan, stage = dresser.rng, dresser.plan, dresser.stage
    for side in (-1, 1):
        for low, high in plan.blocks:
            z = low + 2.6 if low > START else low
            top = high - 2.6 if high < END else high
            while z < top - 6:
                length = min(rng.uniform(11, 30), top - z)
                if top - z - length < 7:
                    length = top - z
                kind = rng.random()
                if kind < 0.3 + 0.42 * plan.urban:
                    architect.row(stage, _frontage(side, plan.edge, z, z + length), DEPTH)
                else:
                    _garden(dresser, architect, side, z, z + length, kind < 0.88 and length > 11)
                z += length
        for mid, half in plan.crosses:  # the houses of the cross street start behind the corner house
            first = plan.edge + DEPTH + 2
            for sign in (-1, 1):
                z = mid + sign * (half + 2.7)
                near, far = (side * first, z), (side * (first + 85), z)
                # seen from the cross street, left to right depends on the side we look at
                line = Frontage(near, far) if side * sign < 0 else Frontage(far, near)
                architect.row(stage, line, DEPTH)


def _backdrop(dresser: Dresser, architect: Architect) -> None:
    """Close every view: houses across both ends, and trees and tall houses behind the rows."""
    rng, plan, stage = dresser.rng, dresser.plan, dresser.stage
    for z, sign in ((START - 14, -1), (END + 14, 1)):
        a, b = (-75.0, z), (75.0, z)
        architect.row(stage, Frontage(b, a) if sign > 0 else Frontage(a, b), DEPTH)
        for _ in range(10):
            dresser.tree(rng.uniform(-60, 60), z - sign * 1.5, rng.uniform(5, 9), rng.choice(dresser.models["tree"]))
    for side in (-1, 1):
        z = START - 20
        while z < END + 20:
            length, x = rng.uniform(15, 30), plan.edge + rng.uniform(110, 125)
            architect.row(stage, _frontage(side, x, z, z + length), DEPTH)
            z += length
        for _ in range(45):
            z = rng.uniform(START, END)
            if plan.clear(z, 4):
                dresser.tree(
                    side * (plan.edge + rng.uniform(DEPTH + 4, 70)),
                    z,
                    rng.uniform(6, 13),
                    rng.choice(dresser.models["tree"]),
                )


def build_scene(seed: int, models: dict[str, list[Model]], store: ModelStore) -> BuiltScene:
    """Build the scene of a seed."""
    rng, art = random.Random(seed), np.random.RandomState(seed % 2**32)
    plan, weather, stage = make_plan(rng), make_weather(rng), Stage(store)
    build_ground(stage, plan, rng, art, models["arrow"])
    architect = Architect(rng, art, plan.urban)
    dresser = Dresser(stage, plan, rng, models)
    _blocks(dresser, architect)
    _backdrop(dresser, architect)
    dresser.walks()
    parked(dresser)
    moving(dresser)
    crossers(dresser)
    dresser.median_strip()
    stage.shapes.update(emitters(weather, art))
    scene = mi.load_dict(stage.shapes, optimize=False)
    return BuiltScene(scene, stage.labels, np.array(stage.obstacles), plan, weather)

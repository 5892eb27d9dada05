"""Puts things on the street: trees, lamps, signs, furniture, people."""

from __future__ import annotations

import random
from typing import Any

from . import furniture
from .catalogue import Model
from .materials import CAR_PAINTS
from .plan import KERB, Plan
from .signs import add_sign
from .stage import Stage

Catalogue = dict[str, list[Model]]
# What stands along the kerb: the method `_put_<name>` that puts it there, and how often.
_KERB_WEIGHTS = {
    "tree": 24,
    "lamp": 10,
    "sign": 14,
    "bench": 6,
    "bin": 6,
    "small": 5,
    "bikes": 11,
    "bollards": 4,
    "rail": 8,
    "fence": 8,
    "shelter": 4,
    "column": 3,
    "stand": 4,
    "cabinet": 4,
    "hedge": 3,
    "people": 9,
    "none": 4,
}


class Dresser:
    """Dresses one street. `kerb` positions are along the road side of the walk, `wall` along its back."""

    def __init__(self, stage: Stage, plan: Plan, rng: random.Random, models: Catalogue) -> None:
        self.stage, self.plan, self.rng, self.models = stage, plan, rng, models
        self.trees = rng.sample(models["tree"], 2)
        self.lamp = rng.choice(models["lamp"])
        self.rail_colour = rng.choice([(0.3, 0.32, 0.33), (0.1, 0.25, 0.18), (0.75, 0.75, 0.73), (0.12, 0.12, 0.13)])
        self.paints = rng.sample(CAR_PAINTS, 4)

    def kerb(self, side: int) -> float:
        """Return x of the line of posts and trees, 0.55 m behind the kerb."""
        return side * (self.plan.half + 0.55)

    def place(
        self,
        label: str,
        role: str | Model,
        x: float,
        z: float,
        turn: float,
        y: float = KERB,
        scale: float = 1.0,
    ) -> Model:
        """Place a model, or a random one of a role."""
        model = self.rng.choice(self.models[role]) if isinstance(role, str) else role
        self.stage.place(label, model, x, z, turn, scale, y)
        return model

    def tree(self, x: float, z: float, tall: float | None = None, model: Model | None = None) -> None:
        """Plant a tree of a height in metres."""
        model = model or self.rng.choice(self.trees)
        tall = tall or self.rng.uniform(5.5, 9.0)
        self.stage.place("vegetation", model, x, z, self.rng.uniform(0, 360), tall / model.size[1], KERB - 0.02)
        self.stage.obstacles[-1] = (x, z, 0.5)

    def _lamp(self, x: float, z: float, side: int) -> None:
        scale = 1.0 if self.lamp.size[1] > 5 else self.rng.uniform(1.35, 1.5)
        self.stage.place("pole", self.lamp, x, z, 90.0 * -side, scale, KERB)
        self.stage.obstacles[-1] = (x, z, 0.5)

    def _bikes(self, x: float, z: float, side: int, count: int) -> None:
        """Park two-wheelers side by side, across the walk."""
        single = self.rng.random() < 0.5
        pick = self.rng.choice(self.models["two_wheeler"])
        for i in range(count):
            model = pick if single else self.rng.choice(self.models["two_wheeler"])
            scale = 1.75 / model.size[2] if model.key in ("bicycle", "bike") else 1.1
            self.stage.place(
                "two-wheeler",
                model,
                x + self.rng.uniform(-0.1, 0.1),
                z + i * 0.75,
                90 * side + self.rng.uniform(-12, 12),
                scale,
                KERB,
            )

    def _cafe(self, x: float, z: float) -> None:
        """Set a table with chairs, sometimes under an umbrella."""
        chair, table, umbrella = self.models["cafe"]
        self.place("street furniture", table, x, z, 0)
        for turn, dx, dz in ((180, 0, 0.62), (0, 0, -0.62)):
            self.place("street furniture", chair, x + dx, z + dz, turn + self.rng.uniform(-20, 20))
        if self.rng.random() < 0.6:
            self.place("street furniture", umbrella, x, z, self.rng.uniform(0, 90), scale=1.15)

    def _people(self, x: float, z: float, count: int, y: float = KERB, spread: float = 0.55) -> None:
        """Let some people stand or walk together."""
        heading = self.rng.choice([0, 180, self.rng.uniform(0, 360)])
        for i in range(count):
            self.place(
                "person",
                "person",
                x + self.rng.uniform(-0.25, 0.25),
                z + i * spread * 1.2,
                heading + self.rng.uniform(-35, 35),
                y,
                self.rng.uniform(0.95, 1.04),
            )

    def _kerb_item(self, side: int, z: float) -> float:
        """Put one thing at the kerb, and return the length in metres that it takes."""
        kind = self.rng.choices(list(_KERB_WEIGHTS), list(_KERB_WEIGHTS.values()))[0]
        return getattr(self, f"_put_{kind}")(side, self.kerb(side), z)

    def _put_tree(self, side: int, x: float, z: float) -> float:
        self.tree(x + side * 0.2, z + 0.8)
        return 2.2

    def _put_lamp(self, side: int, x: float, z: float) -> float:
        self._lamp(x, z, side)
        return 1.2

    def _put_sign(self, side: int, x: float, z: float) -> float:
        add_sign(self.stage, self.rng, x, z, KERB, 180.0 if side < 0 else 0.0)
        return 1.2

    def _put_bench(self, side: int, x: float, z: float) -> float:
        turn = self.rng.choice([-90, 90])
        return self.place("street furniture", "bench", x + side * 0.2, z + 1, turn).size[0] + 0.6

    def _put_bin(self, side: int, x: float, z: float) -> float:
        self.place("street furniture", "bin", x, z, 90.0 * -side)
        return 1.0

    def _put_small(self, side: int, x: float, z: float) -> float:
        self.place("street furniture", "small", x, z, 90.0 * -side, scale=1.2)
        return 1.0

    def _put_bikes(self, side: int, x: float, z: float) -> float:
        count = self.rng.randint(2, 5)
        self._bikes(x + side * 0.45, z + 0.4, side, count)
        return count * 0.75 + 0.8

    def _put_bollards(self, side: int, x: float, z: float) -> float:
        furniture.bollards(self.stage, x - side * 0.2, z, 4, KERB)
        return 5.5

    def _put_rail(self, side: int, x: float, z: float) -> float:
        length, line = self.rng.uniform(4, 8), x - side * 0.2
        furniture.railing(self.stage, (line, z), (line, z + length), KERB, self.rail_colour)
        return length + 0.8

    def _put_fence(self, side: int, x: float, z: float) -> float:
        return self.fence_line(x - side * 0.1, z, self.rng.randint(3, 5)) + 0.6

    def _put_shelter(self, side: int, x: float, z: float) -> float:
        furniture.shelter(self.stage, self.rng, x + side * 0.6, z + 2, KERB, side)
        return 5.0

    def _put_column(self, side: int, x: float, z: float) -> float:
        furniture.poster_column(self.stage, self.rng, x + side * 0.3, z + 0.8, KERB)
        return 2.0

    def _put_stand(self, side: int, x: float, z: float) -> float:
        furniture.poster_stand(self.stage, self.rng, x + side * 0.3, z, KERB)
        return 1.2

    def _put_cabinet(self, side: int, x: float, z: float) -> float:
        furniture.cabinet(self.stage, self.rng, x, z, KERB)
        return 1.2

    def _put_hedge(self, side: int, x: float, z: float) -> float:
        return self.place("vegetation", "hedge", x + side * 0.25, z + 1, 90, scale=0.8).size[0] + 0.5

    def _put_people(self, side: int, x: float, z: float) -> float:
        count = self.rng.randint(1, 3)
        self._people(x + side * 0.4, z, count)
        return count * 0.7 + 0.5

    def _put_none(self, side: int, x: float, z: float) -> float:
        return 2.0

    def fence_line(self, x: float, z: float, panels: int, y: float = KERB) -> float:
        """Put up some fence panels along z, and return their length."""
        model = self.rng.choice(self.models["fence"])
        scale = 1.0 / model.size[1]
        step = model.size[0] * scale
        for i in range(panels):
            self.stage.place("fence", model, x, z + (i + 0.5) * step, 90, scale, y - model.lift * scale)
            self.stage.obstacles[-1] = (x, z + (i + 0.5) * step, 0.9)
        return panels * step

    def walks(self) -> None:
        """Dress both sidewalks over their whole length."""
        rng, plan = self.rng, self.plan
        for side in (-1, 1):
            for low, high in plan.blocks:
                z = low + 2.0
                while z < high - 6:
                    if any(abs(z + 1 - zebra) < 4 for zebra in plan.zebras):
                        if rng.random() < 0.5:
                            add_sign(self.stage, rng, self.kerb(side), z, KERB, 180.0 if side < 0 else 0.0)
                        z += 4.0
                        continue
                    z += self._kerb_item(side, z) + rng.expovariate(1.0) * 1.3 / plan.density
                self._wall_side(side, low, high)

    def _wall_side(self, side: int, low: float, high: float) -> None:
        """Put cafes, bikes, bins and walkers along the back of the walk."""
        rng, plan = self.rng, self.plan
        x, z = side * (plan.edge - 0.65), low + 3.0
        while z < high - 3:
            kind = rng.choices(["cafe", "bikes", "bench", "bin", "people", "none"], [3, 2, 2, 2, 9, 4])[0]
            if kind == "cafe" and plan.walk > 3.4:
                for i in range(rng.randint(1, 3)):
                    self._cafe(x - side * 0.2, z + i * 2.4)
                z += 6
            elif kind == "bikes":
                model = rng.choice(self.models["two_wheeler"][:2])
                self.place("two-wheeler", model, x, z, rng.choice([0, 180]), scale=1.75 / model.size[2])
            elif kind == "bench":
                self.place("street furniture", "bench", x, z, -90 * side)
            elif kind == "bin":
                self.place("street furniture", "bin", x, z, -90 * side)
            elif kind == "people":
                self._people(side * (plan.half + rng.uniform(1.2, plan.walk - 0.5)), z, rng.randint(1, 2))
            z += rng.uniform(1.5, 6.0) / plan.density

    def median_strip(self) -> None:
        """Plant the median, and fence parts of it."""
        rng, plan = self.rng, self.plan
        if not plan.median:
            return
        style: Any = rng.choice(["trees", "hedge", "fence", "trees"])
        for low, high in plan.blocks:
            z = low + 6
            while z < high - 7:
                if plan.clear(z, 3.5):
                    if style == "fence":
                        self.fence_line(0.0, z - 1.5, 2)
                    elif style == "hedge":
                        self.place("vegetation", "hedge", 0.0, z, 90, scale=0.75)
                    elif rng.random() < 0.6:
                        self.tree(0.0, z, rng.uniform(4.5, 6.5))
                    else:
                        self._lamp(0.0, z, rng.choice([-1, 1]))
                z += 3.6

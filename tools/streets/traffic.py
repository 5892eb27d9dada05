"""Puts vehicles and crossing people on the road."""

from __future__ import annotations

from .plan import LANE
from .street import Dresser


def _vehicle(dresser: Dresser, role: str, x: float, z: float, turn: float) -> float:
    """Place a car, bus or truck, painted anew if it is a car; return its length in metres."""
    rng, stage = dresser.rng, dresser.stage
    model = rng.choice(dresser.models[role])
    tint = rng.choice(dresser.paints) if role == "car" and rng.random() < 0.8 else None
    stage.place("car" if role == "car" else "bus or truck", model, x, z, turn, 1.0, 0.0, tint)
    stage.obstacles[-1] = (x, z, model.size[2] / 2)
    return model.size[2]


def _park(dresser: Dresser, side: int, z: float) -> float:
    """Fill one parking bay, or leave it free; return the extra length in metres that it took."""
    rng, x = dresser.rng, dresser.plan.parking_x(side)
    kind = rng.choices(["car", "van", "bikes", "none"], [62, 7, 9, 22])[0]
    heading = (0 if side < 0 else 180) + (180 if rng.random() < 0.1 else 0) + rng.uniform(-2, 2)
    if kind == "car":
        _vehicle(dresser, "car", x, z, heading)
    elif kind == "van" and dresser.plan.clear(z, 6):
        vans = [model for model in dresser.models["big"] if model.key in ("van", "truck")]
        dresser.place("bus or truck", rng.choice(vans), x, z + 0.7, heading, 0.0)
        return 1.6
    elif kind == "bikes":
        for i in range(rng.randint(2, 4)):
            dresser.place("two-wheeler", "two_wheeler", x, z - 1.2 + i * 0.9, 75 * side, 0.0, 1.15)
    return 0.0


def parked(dresser: Dresser) -> None:
    """Fill the parking lanes, leaving the crossings and corners free."""
    plan = dresser.plan
    for side in (-1, 1):
        if not plan.parking[side]:
            continue
        for low, high in plan.blocks:
            z = low + 5.5
            while z < high - 6:
                z += 5.4 + _park(dresser, side, z) if plan.clear(z, 3.2) else 1.0


def moving(dresser: Dresser) -> None:
    """Put moving cars, buses and trucks into the lanes."""
    rng, plan = dresser.rng, dresser.plan
    lanes = max(1, round((plan.half - plan.median - 2.2) / LANE))
    for side in (-1, 1):
        for lane in range(lanes):
            x = side * (plan.median + LANE * (lane + 0.5))
            z = -70.0 + rng.uniform(0, 20)
            while z < 140:
                role = "big" if rng.random() < 0.36 else "car"
                if plan.clear(z, 9 if role == "big" else 3.5):
                    z += _vehicle(dresser, role, x, z, 0 if side < 0 else 180)
                z += rng.uniform(9, 32) / plan.density


def crossers(dresser: Dresser) -> None:
    """Let people cross at the zebras, some pushing a bicycle."""
    rng, plan = dresser.rng, dresser.plan
    for z in plan.zebras:
        for _ in range(rng.randint(1, 4)):
            x, turn = rng.uniform(-plan.half, plan.half), rng.choice([-90, 90])
            at = z + rng.uniform(-1, 1)
            dresser.place("person", "person", x, at, turn + rng.uniform(-10, 10), 0.0)
            if rng.random() < 0.3:
                bike = rng.choice(dresser.models["two_wheeler"][:2])
                dresser.place("two-wheeler", bike, x, at + 0.5, turn, 0.0, 1.75 / bike.size[2])

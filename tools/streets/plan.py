"""Draws the plan of a street: widths, blocks, cross streets, median, weather. No geometry yet."""

from __future__ import annotations

import random
from dataclasses import dataclass

START, END = -75.0, 150.0  # metres along z that the street covers; both ends close with buildings
LANE, BAY_WIDTH, KERB = 3.1, 2.2, 0.13  # metres: traffic lane, parking lane, height of the kerb


@dataclass(frozen=True)
class Plan:
    """Lengths in metres. Sides are -1 (right when looking along +z) and +1 (left)."""

    half: float
    walk: float
    parking: dict[int, bool]
    median: float
    verge: dict[int, float]
    crosses: tuple[tuple[float, float], ...]
    blocks: tuple[tuple[float, float], ...]
    zebras: tuple[float, ...]
    urban: float
    density: float

    @property
    def edge(self) -> float:
        """Distance from the middle of the road to the back of the sidewalk."""
        return self.half + self.walk

    def parking_x(self, side: int) -> float:
        """Return x of the middle of the parking lane, or of the strip beside the kerb."""
        return side * (self.half - BAY_WIDTH / 2)

    def clear(self, z: float, room: float) -> bool:
        """Tell whether z keeps `room` metres from cross streets and zebras."""
        return all(abs(z - mid) > half + room + 2 for mid, half in self.crosses) and all(
            abs(z - mid) > room + 1.8 for mid in self.zebras
        )


def _crosses(rng: random.Random) -> tuple[tuple[float, float], ...]:
    """Return middle and half width of the cross streets."""
    first = rng.uniform(12, 45)
    crosses = [(first, rng.uniform(2.8, 4.5))]
    if rng.random() < 0.6:
        crosses.append((first + rng.uniform(45, 70), rng.uniform(2.8, 4.5)))
    if rng.random() < 0.5:
        crosses.insert(0, (first - rng.uniform(45, 60), rng.uniform(2.8, 4.5)))
    return tuple(crosses)


def make_plan(rng: random.Random) -> Plan:
    """Draw one street."""
    parking = {-1: rng.random() < 0.75, 1: rng.random() < 0.75}
    lanes = 2 if rng.random() < 0.2 else 1
    median = rng.uniform(1.0, 1.8) if rng.random() < 0.35 else 0.0
    half = lanes * LANE + median + (BAY_WIDTH if any(parking.values()) else rng.uniform(0.2, 0.8))
    walk = rng.uniform(2.8, 5.2)
    crosses = _crosses(rng)
    bounds = [START] + [z for mid, h in crosses for z in (mid - h, mid + h)] + [END]
    blocks = tuple((bounds[i], bounds[i + 1]) for i in range(0, len(bounds), 2))
    zebras = [mid + sign * (h + 2.6) for mid, h in crosses for sign in (-1, 1) if rng.random() < 0.85]
    for low, high in blocks:
        middle = rng.uniform(low + 0.3 * (high - low), high - 0.3 * (high - low))
        if high - low > 40 and rng.random() < 0.7:
            zebras.append(middle)
    verge = {side: rng.uniform(1.0, 1.8) if rng.random() < 0.45 else 0.0 for side in (-1, 1)}
    return Plan(
        half,
        walk,
        parking,
        median,
        verge,
        crosses,
        blocks,
        tuple(zebras),
        rng.random(),
        rng.uniform(0.7, 1.3),
    )

"""Chooses the views of a scene: many cheap probes, of which the most telling ones are kept."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import mitsuba as mi
import numpy as np

from .classes import INDEX, NAMES
from .labels import trace_labels
from .plan import KERB
from .scene import BuiltScene
from .stage import transform

PROBE = (64, 32)  # rays of a probe: width, height
NEAREST = 1.3  # metres: an object closer than this spoils a view

# Share of the pixels that satisfies each class; more than this earns a view nothing.
_WISH = {
    "fence": 0.012,
    "pole": 0.012,
    "traffic sign": 0.008,
    "terrain": 0.02,
    "person": 0.02,
    "car": 0.06,
    "bus or truck": 0.03,
    "two-wheeler": 0.014,
    "street furniture": 0.015,
    "lane marking": 0.008,
    "vegetation": 0.06,
    "sky": 0.08,
    "sidewalk": 0.05,
    "road": 0.1,
    "building": 0.1,
}
_RARE = (
    "fence",
    "traffic sign",
    "person",
    "bus or truck",
    "two-wheeler",
    "street furniture",
    "lane marking",
    "terrain",
)
_MOST = {
    "bus or truck": 0.28,
    "car": 0.32,
    "vegetation": 0.45,
    "building": 0.6,
    "street furniture": 0.2,
    "person": 0.15,
    "two-wheeler": 0.2,
    "terrain": 0.25,
    "fence": 0.2,
    "pole": 0.12,
    "sky": 0.5,
    "road": 0.6,
    "sidewalk": 0.5,
}


@dataclass(frozen=True)
class View:
    """A camera: eye and target in metres, horizontal field of view in degrees."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    fov: float

    def sensor(self, width: int, height: int, samples: int = 1) -> Any:
        """Return the Mitsuba sensor of this view."""
        return mi.load_dict(
            {
                "type": "perspective",
                "fov": self.fov,
                "fov_axis": "x",
                "near_clip": 0.05,
                "far_clip": 4000.0,
                "to_world": transform().look_at(list(self.eye), list(self.target), [0, 1, 0]),
                "film": {
                    "type": "hdrfilm",
                    "width": width,
                    "height": height,
                    "rfilter": {"type": "box"},
                    "pixel_format": "rgb",
                },
                "sampler": {"type": "multijitter", "sample_count": samples},
            }
        )


def _candidate(rng: random.Random, built: BuiltScene) -> View | None:
    """Draw a view from a lane, a crossing or a sidewalk; none when something stands too near."""
    plan = built.plan
    z, onward = rng.uniform(-48, 105), rng.random() < 0.55
    if rng.random() < 0.72:
        x, ground = rng.uniform(-plan.half + 0.4, plan.half - 0.4), 0.0
    else:
        x, ground = rng.choice([-1, 1]) * (plan.half + rng.uniform(0.9, plan.walk - 0.6)), KERB
    away = np.hypot(built.obstacles[:, 0] - x, built.obstacles[:, 1] - z) - built.obstacles[:, 2]
    if away.min() < 0.9:
        return None
    # Looking slightly across the street shows the near sidewalk, where the rare classes are.
    yaw = math.radians(rng.triangular(-42, 42, -x * 2.0 if onward else x * 2.0)) + (0 if onward else math.pi)
    pitch = math.radians(rng.uniform(-6, 1.5))
    y = ground + rng.uniform(1.25, 2.2)
    target = (x - math.sin(-yaw) * 10, y + math.tan(pitch) * 10, z + math.cos(yaw) * 10)
    return View((x, y, z), target, rng.uniform(54, 74))


def _probe(built: BuiltScene, view: View) -> np.ndarray | None:
    """Return the share of each class in a view, or none if the view is spoilt."""
    classes, distances = trace_labels(built.scene, view.sensor(*PROBE), built.labels, *PROBE)
    shares = np.bincount(classes.ravel(), minlength=len(NAMES)) / classes.size
    near = (distances[: PROBE[1] * 3 // 4] < NEAREST).mean()
    thing = [INDEX[n] for n in ("car", "bus or truck", "person", "street furniture", "vegetation", "building")]
    close = ((distances < 2.5) & np.isin(classes, thing)).mean()
    too_much = any(shares[INDEX[name]] > most for name, most in _MOST.items())
    return None if near > 0.01 or close > 0.08 or too_much else shares


def _gain(shares: np.ndarray, seen: np.ndarray) -> float:
    """Return the worth of a view, given how many views of the scene already show each class."""
    gain = 0.0
    for name, wish in _WISH.items():
        i = INDEX[name]
        filled = min(shares[i] / wish, 1.0)
        gain += filled * (2.2 if name in _RARE else 1.0) / (1 + 0.5 * seen[i])
    return gain


def choose_views(built: BuiltScene, count: int, seed: int, probes: int = 60) -> list[View]:
    """Return `count` views that together show the most, no two of them alike."""
    rng = random.Random(seed)
    found: list[tuple[View, np.ndarray]] = []
    for _ in range(probes * 40):
        if len(found) >= probes:
            break
        view = _candidate(rng, built)
        if view is not None and (shares := _probe(built, view)) is not None:
            found.append((view, shares))
    chosen: list[View] = []
    spare = [view for view, _ in found]
    seen = np.zeros(len(NAMES))
    while len(chosen) < count and found:
        found.sort(key=lambda pair: _gain(pair[1], seen), reverse=True)
        view, shares = found.pop(0)
        chosen.append(view)
        seen += np.minimum(shares / np.array([_WISH[name] for name in NAMES]), 1)
        found = [(v, s) for v, s in found if math.dist(v.eye, view.eye) > 6 or _turn(v, view) > 0.9]
    # Too few that differ: take the rest as they come.
    return (chosen + [view for view in spare if view not in chosen])[:count]


def _turn(a: View, b: View) -> float:
    """Return the angle in radians between two views' directions."""
    u, v = np.subtract(a.target, a.eye), np.subtract(b.target, b.eye)
    return math.acos(float(np.clip(u @ v / np.linalg.norm(u) / np.linalg.norm(v), -1, 1)))

"""Exact labels: one ray through each pixel centre."""

from __future__ import annotations

from typing import Any

import mitsuba as mi
import numpy as np

from .classes import INDEX
from .models import CUTOUT

_MAX_CUTS = 24  # cut-out surfaces (leaves) that one ray may pass


def _trace(scene: Any, ray: Any, labels: dict[str, int], sky: int) -> tuple[int, float]:
    """Return the class that a ray meets, and its distance in metres.

    A pane of glass counts as the object that carries it; only the empty parts of cut-out
    textures let the ray through.
    """
    distance = 0.0
    for _ in range(_MAX_CUTS):
        hit = scene.ray_intersect(ray)
        if not hit.is_valid():
            break
        distance += hit.t
        shape = hit.shape
        if shape.id().startswith(CUTOUT) and hit.bsdf().eval_null_transmission(hit)[0] > 0.5:
            ray = hit.spawn_ray(ray.d)
            continue
        carrier = hit.instance if hit.instance is not None else shape
        return labels[carrier.id()], distance
    return sky, np.inf


def trace_labels(
    scene: Any, sensor: Any, labels: dict[str, int], width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return class indices (height, width) and distances in metres, infinite for the sky."""
    sky = INDEX["sky"]
    classes = np.full((height, width), sky, np.uint8)
    distances = np.full((height, width), np.inf, np.float32)
    for y in range(height):
        for x in range(width):
            at = mi.ScalarPoint2f((x + 0.5) / width, (y + 0.5) / height)
            ray, _ = sensor.sample_ray(0.0, 0.5, at, mi.ScalarPoint2f(0.5, 0.5))
            classes[y, x], distances[y, x] = _trace(scene, ray, labels, sky)
    return classes, distances

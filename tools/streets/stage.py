"""Collects the shapes of one scene, and with each the class that its pixels get."""

from __future__ import annotations

import math
from typing import Any

import mitsuba as mi
import numpy as np

from .catalogue import Model
from .classes import INDEX
from .models import ModelStore


def transform() -> Any:
    """Return the identity transform."""
    return mi.ScalarTransform4f()


def polygon_mesh(points: np.ndarray, faces: np.ndarray, uvs: np.ndarray, bsdf: Any) -> Any:
    """Return a mesh of points (N, 3) in metres, triangles (M, 3) and texture coordinates (N, 2)."""
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(bsdf) if isinstance(bsdf, dict) else bsdf
    props["face_normals"] = True
    mesh = mi.Mesh("polygon", len(points), len(faces), has_vertex_texcoords=True, props=props)
    params = mi.traverse(mesh)
    params["vertex_positions"] = np.asarray(points, np.float32).ravel()
    params["faces"] = np.asarray(faces, np.uint32).ravel()
    params["vertex_texcoords"] = np.asarray(uvs, np.float32).ravel()
    params.update()
    return mesh


class Stage:
    """A scene under construction. Lengths are metres; x points left of a view along +z, y up."""

    def __init__(self, store: ModelStore) -> None:
        self.shapes: dict[str, Any] = {"type": "scene"}
        self.labels: dict[str, int] = {}
        self.obstacles: list[tuple[float, float, float]] = []
        self._store = store
        self._groups: dict[int, str] = {}

    def add(self, label: str, shape: Any) -> None:
        """Add one shape under a class name."""
        key = f"s{len(self.labels):05d}"
        self.shapes[key] = shape
        self.labels[key] = INDEX[label]

    def place(
        self,
        label: str,
        model: Model,
        x: float,
        z: float,
        turn: float = 0.0,
        scale: float = 1.0,
        y: float = 0.0,
        tint: tuple[float, float, float] | None = None,
    ) -> None:
        """Put a model at (x, z), turned by degrees about the vertical; at 0 its front looks along +z."""
        group = self._store.group(model, tint)
        if id(group) not in self._groups:
            self._groups[id(group)] = f"g{len(self._groups):04d}"
            self.shapes[self._groups[id(group)]] = group
        to_world = transform().translate([x, y, z]).rotate([0, 1, 0], turn).scale(scale)
        self.add(label, {"type": "instance", "to_world": to_world, "group": group})
        self.obstacles.append((x, z, 0.5 * scale * min(max(model.size[0], model.size[2]), 3 * model.size[0])))

    def ground(self, label: str, x: tuple[float, float], z: tuple[float, float], y: float, bsdf: Any) -> None:
        """Add a level rectangle, given its extents."""
        mid = [(x[0] + x[1]) / 2, y, (z[0] + z[1]) / 2]
        to_world = transform().translate(mid).rotate([1, 0, 0], -90)
        to_world = to_world.scale([abs(x[1] - x[0]) / 2, abs(z[1] - z[0]) / 2, 1])
        self.add(label, {"type": "rectangle", "to_world": to_world, "bsdf": bsdf})

    def box(
        self, label: str, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], bsdf: Any
    ) -> None:
        """Add a box, given its extents."""
        mid = [(a + b) / 2 for a, b in (x, y, z)]
        half = [abs(b - a) / 2 for a, b in (x, y, z)]
        self.add(label, {"type": "cube", "to_world": transform().translate(mid).scale(half), "bsdf": bsdf})

    def wall(
        self,
        label: str,
        start: tuple[float, float],
        end: tuple[float, float],
        y: tuple[float, float],
        bsdf: Any,
    ) -> None:
        """Add an upright rectangle between two ground points (x, z); texture u runs from start to end."""
        (x0, z0), (x1, z1) = start, end
        points = np.array([(x0, y[0], z0), (x1, y[0], z1), (x1, y[1], z1), (x0, y[1], z0)])
        uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)])
        self.add(label, polygon_mesh(points, np.array([(0, 1, 2), (0, 2, 3)]), uvs, bsdf))

    def quad(
        self, label: str, points: list[tuple[float, float, float]], repeat: tuple[float, float], bsdf: Any
    ) -> None:
        """Add a quadrilateral through four points, its texture repeated along the two sides."""
        uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], float) * repeat
        self.add(label, polygon_mesh(np.array(points), np.array([(0, 1, 2), (0, 2, 3)]), uvs, bsdf))

    def cylinder(self, label: str, x: float, z: float, y: tuple[float, float], radius: float, bsdf: Any) -> None:
        """Add an upright cylinder."""
        self.add(
            label,
            {"type": "cylinder", "p0": [x, y[0], z], "p1": [x, y[1], z], "radius": radius, "bsdf": bsdf},
        )

    def plate(
        self, label: str, centre: tuple[float, float, float], outline: np.ndarray, turn: float, bsdf: Any
    ) -> None:
        """Add a flat upright plate with an outline (N, 2) in metres; at turn 0 it looks along +z."""
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        points = np.c_[outline[:, 0] * cos, outline[:, 1], -outline[:, 0] * sin] + centre
        low, high = outline.min(0), outline.max(0)
        uvs = (outline - low) / (high - low)
        uvs[:, 1] = 1 - uvs[:, 1]
        fan = np.array([(0, i, i + 1) for i in range(1, len(outline) - 1)])
        self.add(label, polygon_mesh(points, fan, uvs, bsdf))

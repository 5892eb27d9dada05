"""Builds each model once, as a group of meshes that scenes place by reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np

from .catalogue import Model
from .materials import surface
from .mesh import Part, load_mesh

CUTOUT = "cutout"  # start of the id of the meshes whose texture alpha cuts their outline


def _mesh(part: Part, matrix: np.ndarray, tint: tuple[float, float, float] | None) -> tuple[str, Any]:
    """Return one part as a kind and a Mitsuba mesh, its vertices moved by a 4x4 matrix (metres)."""
    bsdf, cutout = surface(part.material, part.uvs is not None, tint)
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(bsdf)
    mesh = mi.Mesh(
        "part",
        len(part.vertices),
        len(part.faces),
        has_vertex_normals=part.normals is not None,
        has_vertex_texcoords=part.uvs is not None,
        props=props,
    )
    params = mi.traverse(mesh)
    points = np.c_[part.vertices, np.ones(len(part.vertices))] @ matrix.T
    params["vertex_positions"] = points[:, :3].astype(np.float32).ravel()
    params["faces"] = part.faces.ravel()
    if part.normals is not None:
        normals = part.normals @ np.linalg.inv(matrix[:3, :3])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        params["vertex_normals"] = normals.astype(np.float32).ravel()
    if part.uvs is not None:
        # OBJ counts v from the bottom of the image, Mitsuba from its top.
        params["vertex_texcoords"] = (part.uvs * [1, -1] + [0, 1]).astype(np.float32).ravel()
    params.update()
    return CUTOUT if cutout else "solid", mesh


class ModelStore:
    """Hands out the shape group of a model; one process builds each of them at most once."""

    def __init__(self, cache: Path) -> None:
        """`cache` is the folder of the parsed meshes."""
        self._cache = cache
        self._groups: dict[tuple[str, Any], Any] = {}

    def group(self, model: Model, tint: tuple[float, float, float] | None = None) -> Any:
        """Return the model at its true size, standing on y = 0 and centred on x = z = 0."""
        key = (model.key, tint)
        if key not in self._groups:
            matrix = np.eye(4)
            if model.rotation:
                matrix[:3, :3] = np.array(model.rotation).reshape(3, 3)
            matrix = np.diag([*model.size, 1.0]) @ matrix
            matrix[1, 3] = model.size[1] / 2 + model.lift
            group: dict[str, Any] = {"type": "shapegroup"}
            for i, part in enumerate(load_mesh(model.path, self._cache)):
                kind, mesh = _mesh(part, matrix, tint)
                group[f"{kind}{i:03d}"] = mesh
            self._groups[key] = mi.load_dict(group, optimize=False)
        return self._groups[key]

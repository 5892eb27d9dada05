"""Reads OBJ and MTL files into arrays, and keeps the result, since parsing is slow."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass
class Material:
    """What an MTL file says: linear-looking colours 0..1, opacity 0..1, textures as absolute paths."""

    colour: tuple[float, ...] = (0.6, 0.6, 0.6)
    gloss: float = 0.0
    opacity: float = 1.0
    texture: str = ""


@dataclass
class Part:
    """The triangles of one material. Vertices span a unit box centred on the origin."""

    vertices: np.ndarray
    uvs: np.ndarray | None
    normals: np.ndarray | None
    faces: np.ndarray
    material: Material


def read_mtl(path: Path) -> dict[str, Material]:
    """Return the materials of an MTL file; a missing file has none, a missing texture is left out."""
    materials: dict[str, Material] = {}
    if not path.is_file():
        return materials
    current = Material()
    for line in path.read_text(encoding="latin-1").splitlines():
        key, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if key == "newmtl":
            current = materials.setdefault(rest, Material())
        elif key == "Kd":
            current.colour = tuple(float(x) for x in rest.split()[:3])
        elif key == "Ks":
            current.gloss = max(float(x) for x in rest.split()[:3])
        elif key == "d":
            current.opacity = float(rest.split()[-1])
        elif key == "map_Kd":
            texture = path.parent / rest
            current.texture = str(texture) if texture.is_file() else ""
    return materials


def _corner(token: str, counts: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the zero-based (vertex, uv, normal) indices of one face corner, -1 where absent."""
    fields = [*token.split("/"), "", ""][:3]
    return tuple(-1 if not f else int(f) - 1 if int(f) > 0 else int(f) + n for f, n in zip(fields, counts, strict=True))


def _read_obj(path: Path) -> tuple[dict[str, list], dict[str, list], dict[str, Material]]:
    """Return the attribute lists, the triangles of each material, and the materials."""
    data: dict[str, list] = {"v": [], "vt": [], "vn": []}
    faces: dict[str, list] = {}
    materials: dict[str, Material] = {}
    current = ""
    with path.open(encoding="latin-1") as lines:
        for line in lines:
            words = line.split()
            if not words:
                continue
            if words[0] in data:
                width = 2 if words[0] == "vt" else 3
                data[words[0]].append([float(x) for x in words[1 : 1 + width]])
            elif words[0] == "mtllib":
                materials.update(read_mtl(path.parent / " ".join(words[1:])))
            elif words[0] == "usemtl":
                current = " ".join(words[1:])
            elif words[0] == "f":
                counts = (len(data["v"]), len(data["vt"]), len(data["vn"]))
                ring = [_corner(word, counts) for word in words[1:]]
                fan = faces.setdefault(current, [])
                fan.extend((ring[0], ring[i], ring[i + 1]) for i in range(1, len(ring) - 1))
    return data, faces, materials


def _parts(path: Path) -> list[Part]:
    """Parse an OBJ file, and scale it to the unit box."""
    data, faces, materials = _read_obj(path)
    vertices = np.array(data["v"], np.float32)
    uvs = np.array(data["vt"] or [(0, 0)], np.float32)
    normals = np.array(data["vn"] or [(0, 0, 0)], np.float32)
    corners = {name: np.array(fan, np.int64).reshape(-1, 3) for name, fan in faces.items() if fan}
    used = np.unique(np.concatenate([c[:, 0] for c in corners.values()]))
    low, high = vertices[used].min(0), vertices[used].max(0)
    vertices = (vertices - (low + high) / 2) / np.maximum(high - low, 1e-6)
    parts = []
    for name, triples in corners.items():
        unique, inverse = np.unique(triples, axis=0, return_inverse=True)
        parts.append(
            Part(
                vertices=vertices[unique[:, 0]],
                uvs=uvs[unique[:, 1]] if (unique[:, 1] >= 0).all() else None,
                normals=normals[unique[:, 2]] if (unique[:, 2] >= 0).all() else None,
                faces=inverse.reshape(-1, 3).astype(np.uint32),
                material=materials.get(name, Material()),
            )
        )
    return parts


def load_mesh(path: Path, cache: Path) -> list[Part]:
    """Return the parts of an OBJ file, from the cache folder when it was parsed before."""
    kept = cache / "meshes" / (hashlib.sha256(str(path).encode()).hexdigest()[:20] + ".npz")
    if kept.is_file():
        with np.load(kept) as data:
            return [
                Part(data[f"v{i}"], data.get(f"t{i}"), data.get(f"n{i}"), data[f"f{i}"], Material(**about))
                for i, about in enumerate(json.loads(str(data["about"])))
            ]
    parts = _parts(path)
    arrays: dict[str, np.ndarray] = {"about": np.array(json.dumps([asdict(p.material) for p in parts]))}
    for i, part in enumerate(parts):
        arrays.update({f"v{i}": part.vertices, f"f{i}": part.faces})
        if part.uvs is not None:
            arrays[f"t{i}"] = part.uvs
        if part.normals is not None:
            arrays[f"n{i}"] = part.normals
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(temporary, **arrays)  # pyright: ignore[reportArgumentType]
    os.replace(temporary, kept)
    return parts

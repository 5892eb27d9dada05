"""Keys of a memory bank and the pixels in view in one map: all of them lie in the teacher's embedding space."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from cirkd.analysis.layout import laid_out, principal_axes
from cirkd.analysis.memory_bank import BankSample, require_memory, sample_bank, view_centroids
from cirkd.analysis.projection import METHODS, Progress
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import TEACHER, FeatureSet
from cirkd.features.sampling import balanced_sample
from cirkd.models.layer_names import EMBEDDINGS

Frame = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class BankMap:
    """One map of keys and pixels.

    Attributes:
        keys: the keys drawn; key_points: float32 [n, 2], where they lie.
        pixels: int64 [S], the pixels drawn, by their numbers in the feature set; labels: uint8 [S], the class each
            counts as.
        points: name -> float32 [S, 2], where the pixels lie: the teacher's embeddings as they are, the student's
            after its projection head. Without a teacher of the keys' width, the student alone.
        frames: (low, high) of each axis with some room around all keys and the teacher's pixels (None), or around
            keys and that model's pixels (its name): parts of one map.
        method: "pca", "umap" or "tsne".
        explained: share of the variance on each axis of a PCA; empty for the other methods.
        provenance: seed, parameters, seconds.
    """

    keys: BankSample
    key_points: Float32[np.ndarray, "n 2"]
    pixels: Int64[np.ndarray, " s"]
    labels: UInt8[np.ndarray, " s"]
    points: dict[str, Float32[np.ndarray, "s 2"]]
    frames: dict[str | None, Frame]
    method: str
    explained: tuple[float, ...]
    provenance: dict[str, Any] = field(default_factory=dict)


def bank_map(
    features: FeatureSet,
    name: str,
    model: Any,
    method: str = "pca",
    *,
    key_budget: int = 750,
    region_budget: int = 150,
    pixel_budget: int = 600,
    seed: int = 0,
    progress: Progress | None = None,
) -> BankMap:
    """Lay a class-balanced choice of keys and of pixels in view out together, by cosine.

    Args:
        progress: called while UMAP or t-SNE runs; an exception raised from it ends that and is passed on.

    Raises:
        StudyError: an unknown method, or a model without a memory bank or with an empty one.
    """
    if method not in METHODS:
        raise StudyError(f"projection {method!r} is unknown; choose one of: {', '.join(METHODS)}")
    started = time.perf_counter()
    memory, grouping = require_memory(name, model), features.grouping()
    keys = sample_bank(memory, {"pixel": key_budget, "region": region_budget}, seed)
    pixels = balanced_sample(grouping.values, pixel_budget, seed).index
    rows = {of: unit[pixels] for of, unit in rows_beside_keys(features, name, model).items()}
    everything = np.concatenate([keys.keys, *rows.values()])
    axes = principal_axes(everything, 2)
    at = laid_out(everything, axes, method, seed, partial(progress, 0.0, "") if progress else None)
    parts = np.split(at.astype(np.float32), len(keys.keys) + len(pixels) * np.arange(len(rows)))
    points = dict(zip(rows, parts[1:], strict=True))
    return BankMap(
        keys=keys,
        key_points=parts[0],
        pixels=pixels,
        labels=grouping.values[pixels],
        points=points,
        frames=_frames(parts[0], points),
        method=method,
        explained=axes.explained if method == "pca" else (),
        provenance={"seed": seed, "grouped_by": grouping.source, "seconds": time.perf_counter() - started},
    )


def _frames(keys: np.ndarray, points: dict[str, np.ndarray]) -> dict[str | None, Frame]:
    """The teacher's pixels lie among the keys: their panels share a frame, which a student far away does not widen."""
    own = np.concatenate([keys, *(at for name, at in points.items() if name == TEACHER)])
    shown: dict[str | None, np.ndarray] = {None: own, TEACHER: own}
    shown |= {name: np.concatenate([own, at]) for name, at in points.items() if name != TEACHER}
    return {name: (_range(at[:, 0]), _range(at[:, 1])) for name, at in shown.items()}


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.04 * max(high - low, 1e-6)
    return low - room, high + room


def rows_beside_keys(features: FeatureSet, name: str, model: Any) -> dict[str, Float32[np.ndarray, "p d"]]:
    """All pixels as they can be compared with a bank's keys: the teacher's, where it is the bank's, and a student's."""
    rows = {name: projected_rows(features, name, require_memory(name, model))}
    if view_centroids(features, model)[1]:
        return rows
    return {TEACHER: features.models[TEACHER].unit_embedding(), **rows}


def projected_rows(features: FeatureSet, name: str, memory: Any) -> Float32[np.ndarray, "p d"]:
    """A student's embeddings of all pixels in the teacher's space: through its projection head, l2-normalised."""
    import torch

    from cirkd.relations import normalize

    found = features.models[name]
    if found.layer not in EMBEDDINGS:
        raise StudyError(
            f"{name} shows its layer {found.layer}, and the memory bank is compared with decoder embeddings; "
            "choose the layer decoder or projected"
        )
    rows = torch.from_numpy(found.embedding)
    with torch.no_grad():
        if found.layer != "projected":
            device = next(memory.projection.parameters()).device
            rows = memory.projection(rows.T[None, :, :, None].to(device))[0, :, :, 0].T
        return normalize(rows).cpu().numpy()

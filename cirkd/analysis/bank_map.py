"""Keys of a memory bank beside the pixels in view: in one map, as all lie in the teacher's embedding space, and as the
rows of the method's pixel-to-region term."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from cirkd.analysis.layout import laid_out, principal_axes
from cirkd.analysis.memory_bank import BankSample, class_keys, require_memory, sample_bank, view_centroids
from cirkd.analysis.projection import METHODS, Progress
from cirkd.analysis.relations import RegionRelations, pixels_by_class, runs
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import TEACHER, FeatureSet
from cirkd.features.sampling import balanced_sample
from cirkd.models.layer_names import EMBEDDINGS

Frame = tuple[tuple[float, float], tuple[float, float]]
OF_BANK = -1
"""In `RegionRelations.region_image`: a region from the memory bank, of no image in view."""


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


def bank_relations(
    features: FeatureSet, name: str, model: Any, image: int | None = 0, budget: int = 256, per_class: int = 6
) -> RegionRelations:
    """Relations of an image's pixels (None = all images), in class order, with the newest regions of a memory bank.

    The teacher's pixels as they are, the student's after its projection head. The labels of the regions are in the
    bank's numbering.

    Args:
        per_class: at most so many regions of each class, the newest.

    Raises:
        StudyError: no memory bank, an empty one, or no such image.
    """
    memory, grouping = require_memory(name, model), features.grouping()
    rows = pixels_by_class(features, image, budget)
    newest = [
        _newest(keys, steps, per_class)
        for keys, steps in zip(class_keys(memory.region_queue), memory.region_queue.step.cpu().numpy(), strict=True)
    ]
    keys = np.concatenate(newest)
    if not len(keys):
        raise StudyError("the memory bank holds no regions: nothing was written into it; train the student longer")
    return RegionRelations(
        matrices={of: unit[rows] @ keys.T for of, unit in rows_beside_keys(features, name, model).items()},
        rows=rows,
        row_labels=grouping.values[rows],
        row_runs=runs(grouping.values[rows]),
        region_image=np.full(len(keys), OF_BANK, np.int64),
        region_label=np.concatenate([np.full(len(part), c, np.int64) for c, part in enumerate(newest)]),
        provenance={"budget": budget, "grouped_by": grouping.source, "per_class": per_class},
    )


def _newest(keys: np.ndarray, steps: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(-steps[steps >= 0], kind="stable")[:count]
    return keys[np.sort(order)]

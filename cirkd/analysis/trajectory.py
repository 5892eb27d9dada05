"""How a run's pixel embeddings moved while it learned: the probe's snapshots in one fixed map."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from cirkd.analysis.layout import principal_axes
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import IGNORED, Progress
from cirkd.features.sampling import balanced_sample, evenly

MOST_SNAPSHOTS = 40


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The same S pixels at each of T snapshots.

    The map is one for all snapshots: two principal axes of the l2-normalised embeddings, fitted once. A network's
    embedding space is the same space from step to step, so nothing is turned or scaled between frames.

    Attributes:
        steps: int64 [T], ascending.
        coordinates: float32 [T, S, 2].
        labels: uint8 [S], classes; 255 = unlabelled.
        image: int64 [S], which image of the probe; names: of the images.
        explained: share of the variance of the fitted snapshots together on each axis.
        frame: (left, bottom), (right, top) of the map; holds all dots, with room around those of the fitted snapshots.
        provenance: pixels, of (how many there are), snapshots, of_snapshots, fitted (to how many), seed.
    """

    steps: Int64[np.ndarray, " t"]
    coordinates: Float32[np.ndarray, "t s 2"]
    labels: UInt8[np.ndarray, " s"]
    image: Int64[np.ndarray, " s"]
    names: tuple[str, ...]
    explained: tuple[float, ...]
    frame: tuple[tuple[float, float], tuple[float, float]]
    provenance: dict[str, Any] = field(default_factory=dict)


def snapshots(run: Path) -> list[Path]:
    """The snapshot files of a run's folder, first step first."""
    return sorted((run / "snapshots").glob("step_*.npz"))


def trajectory(
    run: Path,
    budget: int = 600,
    seed: int = 0,
    fitted: int | None = None,
    progress: Progress | None = None,
) -> Trajectory:
    """Lay a class-balanced sample of the probe's pixels out at each snapshot of a run.

    Args:
        run: the run's folder.
        budget: pixels shown.
        seed: of the sample.
        fitted: fit the map to the first so many snapshots, so that it stays while further ones come; None = to all.
        progress: called with (fraction, text) before each snapshot; an exception raised from it is passed on.

    Of more than 40 snapshots, 40 are taken, evenly spread, first and last among them.

    Raises:
        StudyError: no snapshot yet, or one that is damaged or of another probe.
    """
    files = snapshots(run)
    if not files:
        raise StudyError(f"{run.name} has no snapshot of its probe yet; the first is written when training begins")
    count = len(files) if fitted is None else min(max(fitted, 1), len(files))
    base, chosen = ([files[i] for i in evenly(n, MOST_SNAPSHOTS)] for n in (count, len(files)))
    labels, image, names = _probe(chosen[0])
    sample = balanced_sample(labels, budget, seed)
    wanted, rows = sorted({*base, *chosen}), {}
    for done, path in enumerate(wanted):
        if progress is not None:
            progress(done / len(wanted), f"Reading snapshot {done + 1} of {len(wanted)}")
        rows[path] = _unit_rows(path, sample.index, len(labels))
    axes = principal_axes(np.concatenate([rows[path] for path in base]), 2)
    coordinates = np.stack([axes.project(rows[path]) for path in chosen]).astype(np.float32)
    return Trajectory(
        steps=np.array([int(path.stem.rpartition("_")[2]) for path in chosen], np.int64),
        coordinates=coordinates,
        labels=labels[sample.index],
        image=image[sample.index],
        names=names,
        explained=axes.explained,
        frame=_frame(np.stack([axes.project(rows[path]) for path in base]), coordinates),
        provenance={
            "pixels": len(sample.index),
            "of": len(labels),
            "snapshots": len(chosen),
            "of_snapshots": len(files),
            "fitted": count,
            "seed": seed,
        },
    )


def _frame(base: np.ndarray, shown: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Corners around all dots; the room around those it was fitted to lets most later ones in without a change."""
    low, high = base.min(axis=(0, 1)), base.max(axis=(0, 1))
    room = 0.08 * (high - low)
    low, high = np.minimum(low - room, shown.min(axis=(0, 1))), np.maximum(high + room, shown.max(axis=(0, 1)))
    return (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))


def _probe(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Labels uint8 [P] and image numbers int64 [P] of all positions of the probe, and the images' names."""
    arrays, maps = _load(path)
    sizes = [found.shape[1:] for found in maps]
    labels = [arrays.get(f"label_{i}", np.full(size, IGNORED)).reshape(-1) for i, size in enumerate(sizes)]
    image = np.repeat(np.arange(len(maps)), [height * width for height, width in sizes])
    return np.concatenate(labels).astype(np.uint8), image, tuple(str(name) for name in arrays["names"])


def _unit_rows(path: Path, index: np.ndarray, count: int) -> Float[np.ndarray, "s d"]:
    """The l2-normalised embeddings of some positions, in one snapshot."""
    rows = np.concatenate([found.reshape(found.shape[0], -1).T for found in _load(path)[1]]).astype(np.float32)
    if len(rows) != count:
        raise StudyError(f"{path}: {len(rows)} positions, the first snapshot has {count}; its probe is another one")
    rows = rows[index]
    if not np.isfinite(rows).all():
        raise StudyError(f"{path}: embeddings that are not finite; the run diverged before this step")
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _load(path: Path) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """All arrays of a snapshot, and among them the embedding map [d, h, w] of each image."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        names = [f"embedding_{i}" for i in range(len(arrays["names"]))]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StudyError(f"{path}: not a snapshot ({type(error).__name__}); delete it to see the others") from None
    for name in names:
        if name not in arrays or arrays[name].ndim != 3:
            raise StudyError(f"{path}: {name} is missing; delete this snapshot to see the others")
    return arrays, [arrays[name] for name in names]

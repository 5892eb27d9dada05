"""A recorded run, and the rules by which what it does not store is made: weights, images, queues, sign vectors."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIGNS = 16
STUDENT_FACTORS = {"running_var": 10_000.0, "running_mean": 100.0}
UNSCALED = ("head.block.1.", "head.block.4.", "auxlayer.block.1.", "auxlayer.block.4.")
STUDENT_FACTOR = 10.0


class Trace:
    """One of a folder's recorded runs.

    Args:
        folder: holds `step_parity.json` and the run's arrays.
        name: `as_published` or `class_pixels`.

    Attributes:
        settings: the json.
        left: names of arrays that nobody has asked for yet.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.settings: dict[str, Any] = json.loads((folder / "step_parity.json").read_text())
        with np.load(folder / f"{name}.npz") as file:
            self._arrays = {key: file[key] for key in file.files}
        self.left = set(self._arrays)
        self.prefix: str = self.settings["prefix"]
        self.steps: int = self.settings["steps"]
        self.classes: int = self.settings["classes"]
        self.batch: int = self.settings["batch"]

    def __getitem__(self, name: str) -> np.ndarray:
        self.left.discard(name)
        return self._arrays[name]

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """Arrays whose name begins so, by the rest of it."""
        return {key.removeprefix(prefix): self[key] for key in self._arrays if key.startswith(prefix)}

    def random(self, text: str) -> np.random.Generator:
        return generator(self.prefix + text)

    def labels(self, step: int) -> np.ndarray:
        return self["labels"][step - 1].astype(np.int64)

    def images(self, name: str, labels: np.ndarray) -> np.ndarray:
        """float32 [B, 3, H, W], by the labels' colours and noise; `name` is a step's number or `heldout`."""
        colors = self.random("colours").normal(size=(self.classes + 1, 3)) * 50
        ignored = labels == self.settings["ignore_label"]
        noise = self.random(f"images/{name}").normal(size=(*labels.shape, 3)) * 20
        pixels = colors[np.where(ignored, self.classes, labels)] + noise
        return pixels.transpose(0, 3, 1, 2).astype(np.float32)

    def queue(self, kind: str) -> np.ndarray:
        """float32 [C, rows, d]: what the queue of a kind, `pixel` or `region`, starts from."""
        rows, width = self.settings["queues"][f"{kind}_rows"], self.settings["width_teacher"]
        values = self.random(f"queue/{kind}").normal(size=(self.classes, rows, width))
        return (values / np.linalg.norm(values, axis=2, keepdims=True)).astype(np.float32)

    def weights(self, part: str) -> dict[str, np.ndarray]:
        """State of `student`, `teacher` or `projection` before the first step, by its published names."""
        if part == "teacher":
            shapes = self.settings["teacher_state"]
        else:
            whole = self.settings["shapes"]
            shapes = {k.removeprefix(f"{part}/"): shape for k, shape in whole.items() if k.startswith(f"{part}/")}
        return {key: self._weight(part, key, shape) for key, shape in shapes.items()}

    def dropout(self) -> float:
        """Of the student while it was recorded."""
        found = re.search(r"dropout ([\d.]+)", self.settings["student"])
        return float(found[1]) if found else 0.0

    def _weight(self, part: str, key: str, shape: list[int]) -> np.ndarray:
        rng = self.random(f"{part}/{key}")
        if key.endswith("num_batches_tracked"):
            return np.zeros(shape, np.int64)
        if key.endswith("running_var"):
            values = rng.uniform(0.5, 1.5, shape)
        elif key.endswith("running_mean"):
            values = rng.normal(size=shape) * 0.1
        elif len(shape) >= 2:
            values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif key.endswith("weight"):
            values = rng.uniform(0.3, 0.9, shape)
        else:
            values = rng.normal(size=shape) * 0.05
        return (values * _factor(part, key)).astype(np.float32)


def _factor(part: str, key: str) -> float:
    if part == "teacher":
        return 1.0
    kind = key.rpartition(".")[2]
    if kind in STUDENT_FACTORS:
        return STUDENT_FACTORS[kind]
    return 1.0 if key.startswith(UNSCALED) else STUDENT_FACTOR


def generator(text: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(text.encode()))


def digest(name: str, *arrays: np.ndarray) -> np.ndarray:
    """For each array [1 + SIGNS]: its norm, and its sums under the sign vectors of a name."""
    flat = np.stack([array.astype(np.float64).ravel() for array in arrays])
    signs = generator(f"probe/{name}").integers(0, 2, size=(SIGNS, flat.shape[1]), dtype=np.int8)
    sums = [2 * (flat @ row) - flat.sum(axis=1) for row in signs]
    return np.column_stack([np.linalg.norm(flat, axis=1), *sums])


def rank_rows(trace: Trace, step: int) -> Iterator[tuple[dict[str, int], np.ndarray, np.ndarray]]:
    """What a step enqueues, in order: an entry's columns, and ranks and raster positions of its rows."""
    columns = trace.settings["enqueue_columns"]
    parts = trace["draw/enqueue"], trace["draw/rank"], trace["draw/position"]
    for entry, ranks, positions in zip(*parts, strict=True):
        named = dict(zip(columns, map(int, entry), strict=True))
        if named["step"] == step:
            yield named, ranks[: named["rows"]].astype(np.int64), positions[: named["rows"]].astype(np.int64)

"""The memory bank of a distilled checkpoint: how full, how old and how pure its queues are, and where its keys lie.

The crops that the keys were cut from are gone, so a key's own label cannot be looked up. What can be measured is
whether a key still looks like its class: its *purity* is whether the class centroid most similar to it is its own
class's. The centroids are those of the teacher's pixels in view; where the study has no such teacher, those of the
bank's own keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.data.errors import StudyError
from cirkd.data.matching import in_colors_of, match_classes
from cirkd.data.sample import IGNORED
from cirkd.features.feature_set import TEACHER, FeatureSet
from cirkd.features.sampling import balanced_sample
from cirkd.models.layer_names import EMBEDDINGS

if TYPE_CHECKING:
    from cirkd.data.sample import Classes
    from cirkd.losses.memory import RelationMemory
    from cirkd.relations import ClassQueue

BY_VIEW, BY_BANK = "teacher's pixels in view", "keys of the bank"


@dataclass(frozen=True, eq=False)
class QueueState:
    """The ring buffers of the C classes of a checkpoint, filled with keys of one kind.

    Attributes:
        kind: "pixel" or "region".
        size: rows a class's ring holds.
        written: int64 [C], rows ever written.
        held: int64 [C], rows it holds now, at most `size`.
        age: float64 [C, 3], training steps since the newest, the median and the oldest row was written, counted from
            the end of training (the last step's rows have age 0); nan = empty.
        purity: float64 [C], share of a class's rows whose most similar centroid is its own class's, 0..1; nan =
            empty, or there is no such centroid.
        nearest: float64 [C, C], share of the rows of a class (row) by their most similar centroid (column).
    """

    kind: str
    size: int
    written: Int64[np.ndarray, " c"]
    held: Int64[np.ndarray, " c"]
    age: Float64[np.ndarray, "c 3"]
    purity: Float64[np.ndarray, " c"]
    nearest: Float64[np.ndarray, "c c"]

    @property
    def fill(self) -> Float64[np.ndarray, " c"]:
        """How full each class's ring is, 0..1."""
        return self.held / self.size

    @property
    def oldest(self) -> float:
        """The age of the oldest row of all; nan = all are empty."""
        return float(np.nanmax(self.age[:, 2])) if self.held.any() else float("nan")

    @property
    def mean_purity(self) -> float:
        """Mean of `purity` over the classes that have one; nan = none has."""
        known = self.purity[~np.isnan(self.purity)]
        return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True, eq=False)
class MemoryBank:
    """The queues in one model's checkpoint.

    Attributes:
        model: whose.
        classes: of the queues.
        queues: "pixel" and "region" -> state.
        steps: length of the training, in steps.
        pixels_per_class: how many pixels of a class and image were stored at a step.
        teacher: file that the keys came from, as far as the checkpoint says; "" = unknown.
        measured_by: what purity was measured with: `BY_VIEW` or `BY_BANK`.
        note: why not with the pixels in view ("" = it was).
    """

    model: str
    classes: Classes
    queues: dict[str, QueueState]
    steps: int
    pixels_per_class: int
    teacher: str
    measured_by: str
    note: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)


def banks(models: dict[str, Any]) -> tuple[str, ...]:
    """The names of the models that bring a memory bank."""
    return tuple(name for name, model in models.items() if _memory(model) is not None)


def memory_bank(features: FeatureSet, name: str, model: Any) -> MemoryBank:
    """Fill, age and purity of the queues that a loaded model brings.

    Raises:
        StudyError: it brings none.
    """
    memory = require_memory(name, model)
    centroids, note = view_centroids(features, model)
    by_bank = bool(note)
    provenance = dict(model.info.provenance)
    recipe = provenance.get("recipe") or {}
    steps = int(provenance.get("steps") or 1 + max(int(q.step.max()) for q in _queues(memory).values()))
    queues = {
        kind: _state(kind, queue, bank_centroids(queue) if by_bank else centroids, steps)
        for kind, queue in _queues(memory).items()
    }
    return MemoryBank(
        model=name,
        classes=in_colors_of(model.info.classes, features.models[name].classes),
        queues=queues,
        steps=steps,
        pixels_per_class=int(memory.pixels_per_class),
        teacher=str(recipe.get("teacher") or ""),
        measured_by=BY_BANK if by_bank else BY_VIEW,
        note=note,
        provenance={"pixels": len(features.pixels), "grouped_by": features.grouping().source},
    )


def require_memory(name: str, model: Any) -> RelationMemory:
    """The memory that a loaded model brings.

    Raises:
        StudyError: it brings none.
    """
    memory = _memory(model)
    if memory is None:
        raise StudyError(f"{name}: its checkpoint holds no memory bank; choose a student distilled with memory terms")
    return memory


def view_centroids(features: FeatureSet, model: Any) -> tuple[Float64[np.ndarray, "c d"], str]:
    """The teacher's centroid of every class of `model`'s bank, over the pixels in view; nan rows = class not in view.

    Returns:
        The centroids, and why there are none ("" = there are).
    """
    memory, classes = _memory(model), model.info.classes
    nothing = np.full((len(classes), 1), np.nan)
    if TEACHER not in features.models:
        return nothing, "there is no teacher in view"
    teacher, grouping = features.models[TEACHER], features.grouping()
    if teacher.layer not in EMBEDDINGS:
        return (
            nothing,
            f"the teacher in view shows its layer {teacher.layer}, and the keys are its decoder's",
        )
    if memory is None or teacher.embedding.shape[1] != memory.teacher_width:
        width = 0 if memory is None else memory.teacher_width
        return nothing, f"the teacher in view is {teacher.embedding.shape[1]} wide and the keys are {width}"
    table = match_classes(classes, grouping.classes).table
    if table is None:
        return nothing, "the bank's classes are not those of the images in view"
    unit = teacher.unit_embedding()
    centroids = np.full((len(classes), unit.shape[1]), np.nan)
    for own in range(len(classes)):
        chosen = grouping.values == table[own]
        if table[own] != IGNORED and chosen.any():
            centroids[own] = _direction(unit[chosen])
    if np.isnan(centroids).all():
        return nothing, "no pixel in view belongs to a class"
    return centroids, ""


def bank_centroids(queue: ClassQueue) -> Float64[np.ndarray, "c d"]:
    """The direction of the mean key of every class; nan = empty."""
    return np.stack(
        [_direction(keys) if len(keys) else np.full(queue.keys.shape[2], np.nan) for keys in class_keys(queue)]
    )


def class_keys(queue: ClassQueue) -> list[Float32[np.ndarray, "n d"]]:
    """The l2-normalised rows that each class holds."""
    found = []
    for keys, steps in zip(queue.keys.cpu().numpy(), queue.step.cpu().numpy(), strict=True):
        rows = keys[steps >= 0].astype(np.float32)
        found.append(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
    return found


@dataclass(frozen=True, eq=False)
class BankSample:
    """Some keys of a bank, the same number of each class as far as it has them.

    Attributes:
        keys: l2-normalised [n, d].
        labels: int64 [n], the class of each, in the bank's numbering.
        kinds: [n], "pixel" or "region".
    """

    keys: Float32[np.ndarray, "n d"]
    labels: Int64[np.ndarray, " n"]
    kinds: np.ndarray


def sample_bank(memory: RelationMemory, budget: dict[str, int], seed: int = 0) -> BankSample:
    """At most `budget[kind]` keys of each kind, class-balanced; the same arguments choose the same keys."""
    keys, labels, kinds = [], [], []
    for kind, queue in _queues(memory).items():
        rows = class_keys(queue)
        label = np.concatenate([np.full(len(part), c, np.uint8) for c, part in enumerate(rows)])
        if not len(label) or budget.get(kind, 0) < 1:
            continue
        chosen = balanced_sample(label, budget[kind], seed).index
        keys.append(np.concatenate(rows)[chosen])
        labels.append(label[chosen].astype(np.int64))
        kinds.append(np.full(len(chosen), kind))
    if not keys:
        raise StudyError("the memory bank is empty: nothing was written into it; train the student longer")
    return BankSample(np.concatenate(keys), np.concatenate(labels), np.concatenate(kinds))


def _state(kind: str, queue: ClassQueue, centroids: np.ndarray, steps: int) -> QueueState:
    rows, written = class_keys(queue), queue.written.cpu().numpy().astype(np.int64)
    ages = [steps - 1 - step[step >= 0] for step in queue.step.cpu().numpy()]
    nearest = np.stack([_nearest(part, centroids) for part in rows])
    known = ~np.isnan(centroids[:, 0])
    own = np.diag(nearest)
    return QueueState(
        kind=kind,
        size=int(queue.keys.shape[1]),
        written=written,
        held=np.array([len(part) for part in rows], np.int64),
        age=np.array([[np.min(a), np.median(a), np.max(a)] if len(a) else [np.nan] * 3 for a in ages], np.float64),
        purity=np.where(known & [len(part) > 0 for part in rows], own, np.nan),
        nearest=nearest,
    )


def _nearest(rows: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Share of the rows by most similar centroid [C]; nan without rows."""
    if not len(rows):
        return np.full(len(centroids), np.nan)
    similarity = rows @ np.nan_to_num(centroids).T.astype(np.float32)
    similarity[:, np.isnan(centroids[:, 0])] = -np.inf
    return np.bincount(similarity.argmax(axis=1), minlength=len(centroids)) / len(rows)


def _direction(rows: np.ndarray) -> np.ndarray:
    mean = rows.mean(axis=0, dtype=np.float64)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def _memory(model: Any) -> Any:
    memory = getattr(model, "memory", None)
    return memory if hasattr(memory, "pixel_queue") else None


def _queues(memory: Any) -> dict[str, Any]:
    return {"pixel": memory.pixel_queue, "region": memory.region_queue}

"""What a memory loss amounts to on the images in view, against different keys, and how large it could be at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from cirkd.analysis.bank_map import projected_rows
from cirkd.analysis.memory_bank import bank_centroids, require_memory, view_centroids
from cirkd.analysis.published_indexing import OWN, PUBLISHED, stored_pixels
from cirkd.data.errors import StudyError
from cirkd.data.sample import Classes
from cirkd.features.feature_set import TEACHER, FeatureSet

if TYPE_CHECKING:
    from torch import Tensor

KEYS = {
    "pixel bank": "pixels in the memory bank",
    "region bank": "regions in the memory bank",
    "own": "pixels in view, each stored under its own class",
    "published": "pixels in view, stored by the published indexing",
    "noise": "random noise, which published queues start with",
}


@dataclass(frozen=True)
class KeyLoss:
    """The memory loss of a student against one set of keys.

    Attributes:
        keys: a key of `KEYS`; count: how many keys.
        loss: `cirkd.losses.memory_relation`, in nats.
        ceiling: what a student would pay whose relations to all keys are equal: the mean divergence of the teacher's
            distributions from the even one, in nats. Keys that resemble each other leave little to learn.
    """

    keys: str
    count: int
    loss: float
    ceiling: float


@dataclass(frozen=True, eq=False)
class MemoryLesson:
    """Memory losses of one student on the images in view.

    Attributes:
        model: whose; losses: one for each set of keys.
        rows: pixels they are means over.
        classes: of the bank that have a region in it; relations: TEACHER and `model` -> float32 [P, K], cosines of all
            pixels in view with the mean region of each.
        weight: of each memory term in the student's training, by name; empty = its checkpoint does not say.
        temperature.
    """

    model: str
    losses: tuple[KeyLoss, ...]
    rows: int
    classes: Classes
    relations: dict[str, Float32[np.ndarray, "p k"]]
    weight: dict[str, float]
    temperature: float
    provenance: dict[str, Any] = field(default_factory=dict)


def memory_lesson(
    features: FeatureSet, name: str, model: Any, temperature: float = 0.1, *, seed: int = 0
) -> MemoryLesson:
    """Memory losses of `model` against its own bank and against other keys, on the pixels in view that have a class.

    Raises:
        StudyError: no memory bank, no teacher in view that fits it, or a temperature that is not above 0.
    """
    import torch

    from cirkd.relations import normalize

    if not temperature > 0:
        raise StudyError(f"temperature {temperature}: must be above 0; the method uses 0.1")
    memory = require_memory(name, model)
    why = view_centroids(features, model)[1]
    if why:
        raise StudyError(f"memory losses compare with the teacher that filled the bank, and {why}")
    known = features.grouping().members().known
    projected = projected_rows(features, name, memory)
    student = torch.from_numpy(projected[known])
    teacher = torch.from_numpy(features.models[TEACHER].unit_embedding())
    means = bank_centroids(memory.region_queue)
    held = [c for c in range(len(means)) if not np.isnan(means[c, 0])]
    regions = means[held].T.astype(np.float32)
    classes = features.models[name].classes
    draw = torch.Generator().manual_seed(seed)
    stored = stored_pixels(features, memory.pixels_per_class, seed)
    pixel_keys = memory.sample_pixels(draw).keys.cpu()
    keys = {
        "pixel bank": pixel_keys,
        "region bank": memory.sample_regions(draw).keys.cpu(),
        "own": teacher[torch.from_numpy(stored.pixels[OWN])],
        "published": teacher[torch.from_numpy(stored.pixels[PUBLISHED])],
        "noise": normalize(torch.randn(max(len(pixel_keys), 1), teacher.shape[1], generator=draw)),
    }
    rows = teacher[torch.from_numpy(known)]
    recipe = dict(model.info.provenance).get("recipe") or {}
    weights = {
        k: float(v) for k, v in (recipe.get("objective") or {}).items() if k in ("memory_pixel", "memory_region")
    }
    return MemoryLesson(
        model=name,
        losses=tuple(_key_loss(k, student, rows, normalize(v), temperature) for k, v in keys.items() if len(v)),
        rows=int(known.sum()),
        classes=Classes(tuple(classes.names[c] for c in held), tuple(classes.colors[c] for c in held)),
        relations={TEACHER: teacher.numpy() @ regions, name: projected @ regions},
        weight=weights,
        temperature=temperature,
        provenance={"seed": seed, "grouped_by": features.grouping().source},
    )


def _key_loss(name: str, student: Tensor, teacher: Tensor, keys: Tensor, temperature: float) -> KeyLoss:
    import torch

    from cirkd.losses import memory_relation

    ceiling = 0.0
    for block in torch.arange(len(teacher)).split(2048):
        q = (teacher[block] @ keys.T / temperature).softmax(dim=1)
        ceiling += float((q * q.clamp(min=1e-38).log()).sum(dim=1).add(float(np.log(len(keys)))).double().sum())
    return KeyLoss(
        keys=name,
        count=len(keys),
        loss=float(memory_relation(student, teacher, keys, temperature)),
        ceiling=ceiling / len(teacher),
    )

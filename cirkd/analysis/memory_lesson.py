"""What a memory loss amounts to on the images in view, against different keys, and how large it could be at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.analysis.bank_map import projected_rows
from cirkd.analysis.memory_bank import require_memory, view_centroids
from cirkd.analysis.published_indexing import OWN, PUBLISHED, stored_pixels
from cirkd.data.errors import StudyError
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
        deviation: the spread of the differences between the student's and the teacher's cosines that the loss comes
            from, as a standard deviation under the teacher's distribution; `cosine_deviation(loss)` where it is small.
    """

    keys: str
    count: int
    loss: float
    ceiling: float
    deviation: float


@dataclass(frozen=True, eq=False)
class MemoryLesson:
    """Memory losses of one student on the images in view.

    Attributes:
        model: whose; losses: one for each set of keys.
        rows: pixels they are means over.
        weight: of each memory term in the student's training, by name; empty = its checkpoint does not say.
        temperature.
    """

    model: str
    losses: tuple[KeyLoss, ...]
    rows: int
    weight: dict[str, float]
    temperature: float
    provenance: dict[str, Any] = field(default_factory=dict)


def cosine_deviation(loss: float, temperature: float = 0.1) -> float:
    """The spread of cosine differences that a small relation loss means: temperature * sqrt(2 loss).

    For logits that differ by d, KL = Var(d) / 2 up to third order, the variance taken under the teacher's
    distribution; d is the difference of cosines over the temperature.
    """
    return temperature * float(np.sqrt(2 * max(loss, 0.0)))


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
    student = torch.from_numpy(projected_rows(features, name, memory)[known])
    teacher = torch.from_numpy(features.models[TEACHER].unit_embedding())
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
        weight=weights,
        temperature=temperature,
        provenance={"seed": seed, "grouped_by": features.grouping().source},
    )


def _key_loss(name: str, student: Tensor, teacher: Tensor, keys: Tensor, temperature: float) -> KeyLoss:
    import torch

    from cirkd.losses import memory_relation

    ceiling, variance = 0.0, 0.0
    for block in torch.arange(len(teacher)).split(2048):
        t, s = teacher[block] @ keys.T, student[block] @ keys.T
        q = (t / temperature).softmax(dim=1)
        ceiling += float((q * q.clamp(min=1e-38).log()).sum(dim=1).add(float(np.log(len(keys)))).double().sum())
        mean = (q * (t - s)).sum(dim=1, keepdim=True)
        variance += float((q * (t - s - mean) ** 2).sum(dim=1).double().sum())
    return KeyLoss(
        keys=name,
        count=len(keys),
        loss=float(memory_relation(student, teacher, keys, temperature)),
        ceiling=ceiling / len(teacher),
        deviation=float(np.sqrt(variance / len(teacher))),
    )

"""What a memory loss amounts to on the images in view, against different keys, and how large it could be at all; and
what the authors' published code stores in its pixel queues, beside what belongs there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from cirkd.analysis.bank_map import projected_rows
from cirkd.analysis.memory_bank import bank_centroids, require_memory, view_centroids
from cirkd.analysis.relations import require_temperature
from cirkd.data.errors import StudyError
from cirkd.data.matching import in_colors_of
from cirkd.data.sample import Classes
from cirkd.features.feature_set import TEACHER, FeatureSet

if TYPE_CHECKING:
    from torch import Tensor

    from cirkd.features.feature_set import Grouping
    from cirkd.losses.pixel_choice import Indexing

KEYS = {
    "pixel bank": "pixels in the memory bank",
    "region bank": "regions in the memory bank",
    "own": "pixels in view, each stored under its own class",
    "published": "pixels in view, stored by the published indexing",
    "noise": "random noise, which published queues start with",
}
PIXELS_PER_CLASS = 16
OWN, PUBLISHED = "own", "published"


@dataclass(frozen=True)
class KeyLoss:
    """The memory loss of a student against one set of keys.

    Attributes:
        keys: a key of `KEYS`; count: how many keys.
        loss: `cirkd.losses.memory_relation`, in nats.
        ceiling: the loss of a student whose relations to all keys are equal: the mean divergence of the teacher's
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
        temperature: of the softmax over the keys.
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

    require_temperature(temperature)
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
    classes = in_colors_of(model.info.classes, features.models[name].classes)
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


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """The pixels that one training step on the images in view would put into the pixel queue.

    Attributes:
        classes: names and colours.
        present: int64 [K], the classes that occur.
        pixels: "own" (the class's own pixels) and "published" -> int64 [n], the pixels stored; stored_as: int64 [n],
            the class each is stored under.
        purity: "own" and "published" -> float64 [K], share of what is stored under a class that belongs to it,
            expected over all draws; 0..1.
        holds: "own" and "published" -> float64 [K, K + 1], expected share of what is stored under a class (row) by
            what it is (column); the last column: pixels of no class.
        provenance: pixels_per_class, seed, grouped_by, images.

    Source: github.com/winycg/CIRKD, the update of its pixel queue; behaviour only.
    """

    classes: Classes
    present: Int64[np.ndarray, " k"]
    pixels: dict[str, Int64[np.ndarray, " n"]]
    stored_as: dict[str, Int64[np.ndarray, " n"]]
    purity: dict[str, Float64[np.ndarray, " k"]]
    holds: dict[str, Float64[np.ndarray, "k k1"]]
    provenance: dict[str, Any] = field(default_factory=dict)

    def mean_purity(self, kind: str) -> float:
        """Mean purity over the classes that occur, 0..1."""
        return float(self.purity[kind].mean())


def stored_pixels(features: FeatureSet, per_class: int = PIXELS_PER_CLASS, seed: int = 0) -> StoredPixels:
    """Both choices on the images in view, by the function that training uses.

    Raises:
        StudyError: no pixel belongs to a class, or less than one pixel per class is asked for.
    """
    if per_class < 1:
        raise StudyError(f"{per_class} pixels per class: choose at least 1")
    grouping = features.grouping()
    present = np.array(grouping.present(), np.int64)
    if not len(present):
        raise StudyError("no pixel in view belongs to a class; choose other images")
    kinds: tuple[Indexing, ...] = ("own", "published")
    drawn = {kind: _draw(features, grouping, kind, per_class, seed) for kind in kinds}
    holds = _expected(features, grouping.values, present, per_class)
    return StoredPixels(
        classes=grouping.classes,
        present=present,
        pixels={kind: pixels for kind, (pixels, _) in drawn.items()},
        stored_as={kind: classes for kind, (_, classes) in drawn.items()},
        purity={kind: np.diag(table[:, :-1]).copy() for kind, table in holds.items()},
        holds=holds,
        provenance={
            "pixels_per_class": per_class,
            "seed": seed,
            "grouped_by": grouping.source,
            "images": len(features.images),
        },
    )


def _draw(
    features: FeatureSet, grouping: Grouping, kind: Indexing, per_class: int, seed: int
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """One way's choice: the pixels, and the classes they are stored under. Images may differ in size."""
    import torch

    from cirkd.losses.pixel_choice import choose_pixels

    pixels, stored_as = [], []
    for image in range(len(features.images)):
        labels = torch.from_numpy(features.pixels.grid_map(grouping.values, image).astype(np.int64))[None]
        generator = torch.Generator().manual_seed(seed * 10_007 + image)
        (positions,), (classes,) = choose_pixels(labels, len(grouping.classes), per_class, generator, kind)
        pixels.append(positions[classes >= 0].numpy() + features.pixels.of_image(image).start)
        stored_as.append(classes[classes >= 0].numpy())
    return np.concatenate(pixels), np.concatenate(stored_as)


def _expected(
    features: FeatureSet, values: np.ndarray, present: np.ndarray, per_class: int
) -> dict[str, Float64[np.ndarray, "k k1"]]:
    """Expected share of what is stored under each class by what it is, both ways."""
    size = len(present)
    place = np.full(256, size)
    place[present] = np.arange(size)
    total = np.zeros((size, size + 1))
    for image in range(len(features.images)):
        kinds = place[values[features.pixels.of_image(image)]]
        for k, count in enumerate(np.bincount(kinds, minlength=size + 1)[:size]):
            # Any of the first `count` positions is as likely as any other.
            first = np.bincount(kinds[:count], minlength=size + 1)
            total[k] += min(per_class, count) * first / max(count, 1)
    return {OWN: np.eye(size, size + 1), PUBLISHED: total / total.sum(axis=1, keepdims=True)}

"""Which terms a student is trained on, and their weights.

Objective(task=1, auxiliary=0.4, kd=1, minibatch_pixel=1, memory_pixel=0.1, memory_region=0.1, ...)
    .terms(student_output, teacher_output or None, labels, memory=None, *, generator=None, step=0,
           ignore_index=255) -> dict name -> raw scalar      (also fills the memory, after drawing from it)
    .weighted(terms) -> dict name -> weighted scalar
    .total(terms) -> scalar to minimise
    .needs_teacher .needs_memory -> bool
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import RelationMemory, memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.relations import flatten_positions, resize_labels

Terms = dict[str, Tensor]


@runtime_checkable
class Output(Protocol):
    """What a segmenter returns: logits [b,c,h,w], embedding [b,d,h,w], auxiliary logits or None."""

    @property
    def logits(self) -> Tensor: ...
    @property
    def embedding(self) -> Tensor: ...
    @property
    def auxiliary(self) -> Tensor | None: ...


@dataclass(frozen=True)
class Objective:
    """Weights of the terms; one of weight 0 is not computed. Defaults are the paper's.

    Attributes:
        task: cross-entropy of the logits.
        auxiliary: cross-entropy of the auxiliary logits, where the student has them.
        kd: divergence of the class probabilities.
        minibatch_pixel: relations between the pixels of the mini-batch (alpha of the paper).
        memory_pixel: relations to pixels in memory (beta).
        memory_region: relations to regions in memory (gamma).
        temperature: of the relation distributions.
        kd_temperature: of the class probabilities.
        across_processes: whether mini-batch relations run over the images of all processes that train together; the
            memory terms do in any case, as every process's memory holds the rows of all.

    Source: CIRKD (Yang et al., CVPR 2022), section 3.4 and 4.1.
    """

    task: float = 1.0
    auxiliary: float = 0.4
    kd: float = 1.0
    minibatch_pixel: float = 1.0
    memory_pixel: float = 0.1
    memory_region: float = 0.1
    temperature: float = 0.1
    kd_temperature: float = 1.0
    across_processes: bool = False

    @property
    def needs_teacher(self) -> bool:
        """Whether any weighted term compares with a teacher."""
        return any(self._weight(name) for name in TERMS if name not in ("task", "auxiliary"))

    @property
    def needs_memory(self) -> bool:
        """Whether any weighted term compares with a memory."""
        return bool(self.memory_pixel or self.memory_region)

    def terms(
        self,
        student_output: Output,
        teacher_output: Output | None,
        labels: Tensor,
        memory: RelationMemory | None = None,
        *,
        generator: torch.Generator | None = None,
        step: int = 0,
        ignore_index: int = 255,
    ) -> Terms:
        """Raw value of each weighted term, by name, in the order of the fields.

        Then fills the memory with this batch, if the memory is in training mode.

        Args:
            teacher_output: needed by every term but task and auxiliary; gets no gradient.
            labels: [b, H, W]; `ignore_index` and, for the memory, what lies outside the classes are ignored.
            memory: needed by the memory terms.
            generator: source of the draws from the memory and into it.
            step: the training step, kept with what goes into the memory.

        Raises:
            ValueError: a weighted term lacks the teacher or the memory.
        """
        self._require(teacher_output, memory)
        batch = _Batch(student_output, teacher_output, labels, memory, generator, ignore_index, self)
        found = {name: term(batch) for name, term in TERMS.items() if self._weight(name)}
        if self.needs_memory and memory is not None and memory.training:
            ignored = labels == ignore_index
            memory.update(batch.teacher_embedding, labels.long().masked_fill(ignored, -1), step, generator)
        return {name: value for name, value in found.items() if value is not None}

    def weighted(self, terms: Terms) -> Terms:
        """Each term times its weight."""
        return {name: value * self._weight(name) for name, value in terms.items()}

    def total(self, terms: Terms) -> Tensor:
        """The sum to minimise.

        Raises:
            ValueError: there are no terms.
        """
        if not terms:
            raise ValueError("no term has weight, so there is nothing to train on: give task a weight")
        return torch.stack(list(self.weighted(terms).values())).sum()

    @classmethod
    def task_only(cls, auxiliary: float = 0.4) -> Objective:
        """Training without a teacher: teachers themselves, and baselines."""
        return cls(auxiliary=auxiliary, kd=0, minibatch_pixel=0, memory_pixel=0, memory_region=0)

    def _require(self, teacher_output: Output | None, memory: RelationMemory | None) -> None:
        if self.needs_teacher and teacher_output is None:
            raise ValueError("this objective distils and got no teacher output: pass one, or use Objective.task_only()")
        if self.needs_memory and memory is None:
            raise ValueError("memory terms have weight and there is no memory: pass a RelationMemory, or weigh them 0")

    def _weight(self, name: str) -> float:
        return float(getattr(self, name))


@dataclass
class _Batch:
    """What the terms read; the teacher's maps come on the student's grid."""

    student: Output
    teacher: Output | None
    labels: Tensor
    memory: RelationMemory | None
    generator: torch.Generator | None
    ignore_index: int
    objective: Objective

    @cached_property
    def teacher_logits(self) -> Tensor:
        assert self.teacher is not None
        return _on_grid(self.teacher.logits.detach(), self.student.logits)

    @cached_property
    def teacher_embedding(self) -> Tensor:
        assert self.teacher is not None
        return _on_grid(self.teacher.embedding.detach(), self.student.embedding)

    @cached_property
    def labelled_rows(self) -> tuple[Tensor, Tensor]:
        """Projected student and teacher embeddings [n, d] of the labelled pixels."""
        assert self.memory is not None
        embedding = self.student.embedding
        labels = resize_labels(self.labels, (embedding.shape[2], embedding.shape[3])).flatten()
        kept = (labels >= 0) & (labels < self.memory.num_classes) & (labels != self.ignore_index)
        student = flatten_positions(self.memory.projection(embedding)).flatten(0, 1)[kept]
        return student, flatten_positions(self.teacher_embedding).flatten(0, 1)[kept]


def _on_grid(teacher: Tensor, student: Tensor) -> Tensor:
    if teacher.shape[2:] == student.shape[2:]:
        return teacher
    return F.interpolate(teacher, size=student.shape[2:], mode="bilinear", align_corners=False)


def _task(batch: _Batch) -> Tensor:
    return segmentation_cross_entropy(batch.student.logits, batch.labels, batch.ignore_index)


def _auxiliary(batch: _Batch) -> Tensor | None:
    if batch.student.auxiliary is None:
        return None
    return segmentation_cross_entropy(batch.student.auxiliary, batch.labels, batch.ignore_index)


def _kd(batch: _Batch) -> Tensor:
    return logit_distillation(batch.student.logits, batch.teacher_logits, batch.objective.kd_temperature)


def _minibatch_pixel(batch: _Batch) -> Tensor:
    return minibatch_pixel_relation(
        batch.student.embedding,
        batch.teacher_embedding,
        batch.objective.temperature,
        across_processes=batch.objective.across_processes,
    )


def _memory_pixel(batch: _Batch) -> Tensor:
    assert batch.memory is not None
    keys = batch.memory.sample_pixels(batch.generator).keys
    return memory_relation(*batch.labelled_rows, keys, batch.objective.temperature)


def _memory_region(batch: _Batch) -> Tensor:
    assert batch.memory is not None
    keys = batch.memory.sample_regions(batch.generator).keys
    return memory_relation(*batch.labelled_rows, keys, batch.objective.temperature)


# A new loss is a function of the batch here and a field of Objective with its weight.
TERMS: dict[str, Callable[[_Batch], Tensor | None]] = {
    "task": _task,
    "auxiliary": _auxiliary,
    "kd": _kd,
    "minibatch_pixel": _minibatch_pixel,
    "memory_pixel": _memory_pixel,
    "memory_region": _memory_region,
}

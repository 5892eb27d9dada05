"""The terms by name, each a function of the batch: what `Objective` weighs.

A new loss is a function of the batch here, a line in `TERMS`, and a field of `Objective` with its weight; what it
trains beside the student is a head of `cirkd.losses.heads`, named in `NEEDED_HEADS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from cirkd.losses.attention import attention_transfer
from cirkd.losses.channel import (
    channel_difference,
    channel_pool,
    memory_channel_relation,
    minibatch_channel_relation,
)
from cirkd.losses.channel_wise import channel_wise
from cirkd.losses.discriminator import student_deception, teacher_recognition
from cirkd.losses.double_similarity import category_similarity, pixel_similarity
from cirkd.losses.fitnet import hint
from cirkd.losses.heads import Heads
from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import RelationMemory, memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.structured import structured_pairwise
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.losses.variation import intra_class_variation
from cirkd.relations import flatten_positions, resize_labels
from cirkd.relations.cells import average_cells, cells_of
from cirkd.relations.gather import share_of_mean


@runtime_checkable
class Output(Protocol):
    """What a segmenter returns: logits [b,c,h,w], embedding [b,d,h,w], auxiliary logits and encoder's map, or None."""

    @property
    def logits(self) -> Tensor: ...
    @property
    def embedding(self) -> Tensor: ...
    @property
    def auxiliary(self) -> Tensor | None: ...
    @property
    def encoded(self) -> Tensor | None: ...


@dataclass
class Batch:
    """What the terms read; the teacher's maps come on the student's grid."""

    student: Output
    teacher: Output | None
    labels: Tensor
    memory: RelationMemory | None
    heads: Heads | None
    generator: torch.Generator | None
    ignore_index: int
    temperature: float
    kd_temperature: float
    channel_wise_temperature: float
    across_processes: bool
    minibatch_projected: bool = False
    relation_stride: int = 0
    teacher_labels: bool = False

    @cached_property
    def teacher_logits(self) -> Tensor:
        assert self.teacher is not None
        return _on_grid(self.teacher.logits.detach(), self.student.logits)

    @cached_property
    def teacher_embedding(self) -> Tensor:
        assert self.teacher is not None
        return _on_grid(self.teacher.embedding.detach(), self.student.embedding)

    @cached_property
    def memory_labels(self) -> Tensor:
        """Labels [b, H, W] by which pixels go to the memory's terms and queues, -1 for none.

        Where the objective says so, an image without any label has the teacher's predictions.
        """
        labels = self.labels.long().masked_fill(self.labels == self.ignore_index, -1)
        if not self.teacher_labels:
            return labels
        predicted = self.teacher_logits.argmax(dim=1, keepdim=True)
        enlarged = F.interpolate(predicted.float(), size=labels.shape[1:], mode="nearest-exact")[:, 0].long()
        return torch.where((labels < 0).flatten(1).all(dim=1)[:, None, None], enlarged, labels)

    @cached_property
    def related(self) -> tuple[Tensor, Tensor]:
        """Student's and teacher's embeddings that relations are taken of: averaged over cells, where asked for."""
        assert self.teacher is not None
        own = self.student.embedding
        student = average_cells(own, cells_of(self.labels.shape, own.shape, self.relation_stride))
        teacher = self.teacher.embedding.detach()
        if teacher.shape[2:] == student.shape[2:]:  # averaged already, as kept outputs are
            return student, teacher
        return student, average_cells(
            self.teacher_embedding, cells_of(self.labels.shape, own.shape, self.relation_stride)
        )

    @cached_property
    def stages(self) -> tuple[list[Tensor], list[Tensor]]:
        """Maps of student and teacher from early to late: the encoder's last, where both give it, embedding, logits."""
        assert self.teacher is not None
        student = [self.student.embedding, self.student.logits]
        teacher = [self.teacher_embedding, self.teacher_logits]
        if self.student.encoded is not None and self.teacher.encoded is not None:
            student.insert(0, self.student.encoded)
            teacher.insert(0, _on_grid(self.teacher.encoded.detach(), self.student.encoded))
        return student, teacher

    @cached_property
    def projected(self) -> Tensor:
        """The student's embedding at the teacher's width, through the memory's projection head."""
        assert self.memory is not None
        return self.memory.projection(self.related[0])

    @cached_property
    def labelled_rows(self) -> tuple[Tensor, Tensor]:
        """Projected student and teacher embeddings [n, d] of the labelled pixels."""
        assert self.memory is not None
        teacher = self.related[1]
        labels = resize_labels(self.memory_labels, (teacher.shape[2], teacher.shape[3])).flatten()
        kept = (labels >= 0) & (labels < self.memory.num_classes)
        student = flatten_positions(self.projected).flatten(0, 1)[kept]
        return student, flatten_positions(teacher).flatten(0, 1)[kept]

    @cached_property
    def student_channels(self) -> Tensor:
        """The student's pooled channels [b, c, n], projected to the teacher's number."""
        assert self.heads is not None and self.heads.channels is not None
        return self.heads.channels.projection(channel_pool(self.student.embedding)).flatten(2)

    @cached_property
    def teacher_channels(self) -> Tensor:
        """The teacher's pooled channels [b, c, n]."""
        return channel_pool(self.teacher_embedding).flatten(2)


def _on_grid(teacher: Tensor, student: Tensor) -> Tensor:
    if teacher.shape[2:] == student.shape[2:]:
        return teacher
    return F.interpolate(teacher, size=student.shape[2:], mode="bilinear", align_corners=False)


def _cross_entropy(batch: Batch, logits: Tensor) -> Tensor:
    value = segmentation_cross_entropy(logits, batch.labels, batch.ignore_index)
    return _over_processes(value, (batch.labels != batch.ignore_index).sum())


def _over_processes(value: Tensor, count: Tensor) -> Tensor:
    """A mean over `count` items, scaled so that the mean over processes is that over all their items."""
    share = share_of_mean(count)
    return value if share is None else value * share


def _task(batch: Batch) -> Tensor:
    return _cross_entropy(batch, batch.student.logits)


def _auxiliary(batch: Batch) -> Tensor | None:
    if batch.student.auxiliary is None:
        return None
    return _cross_entropy(batch, batch.student.auxiliary)


def _kd(batch: Batch) -> Tensor:
    return logit_distillation(batch.student.logits, batch.teacher_logits, batch.kd_temperature)


def _minibatch_pixel(batch: Batch) -> Tensor:
    student, teacher = batch.related
    return minibatch_pixel_relation(
        batch.projected if batch.minibatch_projected else student,
        teacher,
        batch.temperature,
        across_processes=batch.across_processes,
    )


def _memory_pixel(batch: Batch) -> Tensor:
    assert batch.memory is not None
    return _to_keys(batch, batch.memory.sample_pixels(batch.generator).keys)


def _memory_region(batch: Batch) -> Tensor:
    assert batch.memory is not None
    return _to_keys(batch, batch.memory.sample_regions(batch.generator).keys)


def _to_keys(batch: Batch, keys: Tensor) -> Tensor:
    student, teacher = batch.labelled_rows
    value = memory_relation(student, teacher, keys, batch.temperature)
    return _over_processes(value, torch.tensor(len(student), device=value.device))


def _structured(batch: Batch) -> Tensor:
    return structured_pairwise(batch.student.embedding, batch.teacher_embedding)


def _adversarial(batch: Batch) -> Tensor:
    assert batch.heads is not None and batch.heads.discriminator is not None
    return student_deception(batch.heads.discriminator, batch.student.logits)


def _discriminator(batch: Batch) -> Tensor:
    assert batch.heads is not None and batch.heads.discriminator is not None
    return teacher_recognition(batch.heads.discriminator, batch.student.logits, batch.teacher_logits)


def _variation(batch: Batch) -> Tensor:
    labels = batch.labels.long().masked_fill(batch.labels == batch.ignore_index, -1)
    classes = batch.student.logits.shape[1]
    return intra_class_variation(batch.student.embedding, batch.teacher_embedding, labels, classes)


def _channel_wise_embedding(batch: Batch) -> Tensor:
    assert batch.heads is not None and batch.heads.channel_wise is not None
    projected = batch.heads.channel_wise(batch.student.embedding)
    return channel_wise(projected, batch.teacher_embedding, batch.channel_wise_temperature)


def _channel_wise_logits(batch: Batch) -> Tensor:
    return channel_wise(batch.student.logits, batch.teacher_logits, batch.channel_wise_temperature)


def _attention(batch: Batch) -> Tensor:
    return attention_transfer(batch.student.embedding, batch.teacher_embedding)


def _hint(batch: Batch) -> Tensor:
    assert batch.heads is not None and batch.heads.hint is not None
    embedding = batch.student.embedding
    if batch.heads.context is not None:
        embedding = batch.heads.context(embedding)
    return hint(batch.heads.hint(embedding), batch.teacher_embedding)


def _pixel_similarity(batch: Batch) -> Tensor:
    return pixel_similarity(*batch.stages)


def _category_similarity(batch: Batch) -> Tensor:
    return category_similarity(batch.student.logits, batch.teacher_logits)


def _minibatch_channel(batch: Batch) -> Tensor:
    return minibatch_channel_relation(batch.student_channels, batch.teacher_channels, batch.temperature)


def _memory_channel(batch: Batch) -> Tensor:
    assert batch.heads is not None and batch.heads.channels is not None
    keys = batch.heads.channels.sample(batch.generator)
    return memory_channel_relation(batch.student_channels, batch.teacher_channels, keys, batch.temperature)


def _channel_difference(batch: Batch) -> Tensor:
    return channel_difference(batch.student_channels, batch.teacher_channels)


TERMS: dict[str, Callable[[Batch], Tensor | None]] = {
    "task": _task,
    "auxiliary": _auxiliary,
    "kd": _kd,
    "minibatch_pixel": _minibatch_pixel,
    "memory_pixel": _memory_pixel,
    "memory_region": _memory_region,
    "structured": _structured,
    "adversarial": _adversarial,
    "discriminator": _discriminator,
    "variation": _variation,
    "channel_wise_embedding": _channel_wise_embedding,
    "channel_wise_logits": _channel_wise_logits,
    "attention": _attention,
    "hint": _hint,
    "pixel_similarity": _pixel_similarity,
    "category_similarity": _category_similarity,
    "minibatch_channel": _minibatch_channel,
    "memory_channel": _memory_channel,
    "channel_difference": _channel_difference,
}

NEEDED_HEADS = {
    "hint": "hint",
    "channel_wise_embedding": "channel_wise",
    "adversarial": "discriminator",
    "discriminator": "discriminator",
    "minibatch_channel": "channels",
    "memory_channel": "channels",
    "channel_difference": "channels",
}
"""Which head a term trains."""

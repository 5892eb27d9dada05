"""What a term of an objective is, and what it is computed from: outputs, labels, memory, heads and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.losses.channel import channel_pool
from cirkd.losses.generation import random_mask
from cirkd.losses.memory import RelationMemory
from cirkd.losses.pixel_choice import Draws, GivenDraws
from cirkd.relations import flatten_positions, majority_labels, resize_labels
from cirkd.relations.gather import several_processes, share_of_mean
from cirkd.relations.similarity import average_cells, cells_of

UNLABELLED = -1
"""The label of a pixel that nobody has labelled; one that is to be left out has the data set's ignored value."""


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


@dataclass(frozen=True)
class Settings:
    """How terms are computed, beside their weights.

    Attributes:
        temperature: of the relation distributions.
        kd_temperature: of the class probabilities.
        channel_wise_temperature: of distributions over positions (CWD and BPKD's body).
        context: a trained self-attention module before the hint (CIRKDv2). The published code then relates what
            the module returns; here relations stay those of the embedding that feeds the classifier.
        across_processes: whether mini-batch relations run over the images of all processes that train together; the
            memory terms do in any case, as every process's memory holds the rows of all. The published code relates
            the images of one GPU alone, as is done here unless this is set.
        means_by_process: whether cross-entropy, memory terms and the term at boundaries are means over the labelled
            pixels of each process, of which the mean is taken, as in the published code; else every labelled pixel of
            the batch counts alike, however they are shared out. Parts of a process's share count by theirs either way.
        relations_fade: whether the weights of the relations between pixels fall from their value at the first step
            to 0 at the last (not of the paper): they shape the features first, and leave the end to the task.
        minibatch_projected: whether the mini-batch relations, too, are those of the embedding behind the memory's
            projection head (not of the paper): the embedding that feeds the classifier is then freer.
        relation_stride: side, in pixels of the network's input, of the square cells over which both networks'
            embeddings are averaged before relations between pixels are taken and pixels are stored in the memory; 0
            takes every position of the map. Relations within a batch grow with the square of the positions: the
            published SegFormer code averages over 2x2 positions of stride 4 (8 pixels), its second version 4x4 (16).
        teacher_labels: whether `UNLABELLED` pixels count, for the memory alone, as what the teacher predicts there;
            for training with few labels (not of the paper).
    """

    temperature: float = 0.1
    kd_temperature: float = 1.0
    channel_wise_temperature: float = 4.0
    context: bool = False
    across_processes: bool = False
    means_by_process: bool = False
    relations_fade: bool = False
    minibatch_projected: bool = False
    relation_stride: int = 0
    teacher_labels: bool = False


@dataclass(frozen=True)
class Share:
    """All images of a process, where a step sees them part by part, every part of as many.

    Attributes:
        labels: [B, H, W].
        teacher_logits: [B, c, h, w]; needed where unlabelled pixels count as what the teacher predicts.
    """

    labels: Tensor
    teacher_logits: Tensor | None = None


@dataclass
class Inputs:
    """A batch as the terms see it. The teacher's maps come on the student's grid and get no gradient.

    Attributes:
        share: what the batch is a part of; None where it is all that this process has.
    """

    student: Output
    teacher: Output | None
    labels: Tensor
    memory: RelationMemory | None
    heads: Any
    draws: Draws
    ignore_index: int
    settings: Settings
    share: Share | None = None

    @property
    def generator(self) -> torch.Generator | None:
        """Of random numbers that cannot be given."""
        return None if isinstance(self.draws, GivenDraws) else self.draws

    def fill(self, memory: RelationMemory, step: int) -> None:
        """Enqueue the teacher's embeddings."""
        memory.update(self.related[1], self.related_labels, step, self.draws)

    def head(self, name: str) -> Any:
        """The head of that name, which `Objective.terms` has made sure is there."""
        return getattr(self.heads, name)

    @cached_property
    def of_share(self) -> Inputs:
        """The labels of the whole share on the grids of this part; what else there is stays this part's."""
        if self.share is None:
            return self
        teacher, logits = self.teacher, self.share.teacher_logits
        if teacher is not None and logits is not None:
            teacher = _Predicted(logits, teacher.embedding)
        return replace(self, labels=self.share.labels, teacher=teacher, share=None)

    @cached_property
    def known_labels(self) -> Tensor:
        """Labels [b, H, W], with -1 where they are to be ignored or there are none."""
        return self.labels.long().masked_fill(self.labels == self.ignore_index, -1)

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

        Where the settings say so, unlabelled pixels have the teacher's predictions.
        """
        labels = self.known_labels
        if not self.settings.teacher_labels:
            return labels
        predicted = self.teacher_logits.argmax(dim=1, keepdim=True)
        enlarged = F.interpolate(predicted.float(), size=labels.shape[1:], mode="nearest-exact")[:, 0].long()
        return torch.where(self.labels == UNLABELLED, enlarged, labels)

    @cached_property
    def related_labels(self) -> Tensor:
        """`memory_labels` on the grid of `related`: of cells by majority, of single positions by nearest neighbour."""
        assert self.memory is not None
        size = (self.related[1].shape[2], self.related[1].shape[3])
        if self.settings.relation_stride:
            return majority_labels(self.memory_labels, size, num_classes=self.memory.num_classes)
        return resize_labels(self.memory_labels, size)

    @cached_property
    def related(self) -> tuple[Tensor, Tensor]:
        """Student's and teacher's embeddings that relations are taken of: averaged over cells, where asked for."""
        assert self.teacher is not None
        own = self.student.embedding
        cells = cells_of(self.labels.shape, own.shape, self.settings.relation_stride)
        student, teacher = average_cells(own, cells), self.teacher.embedding.detach()
        if teacher.shape[2:] == student.shape[2:]:  # averaged already, as kept outputs are
            return student, teacher
        return student, average_cells(self.teacher_embedding, cells)

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
    def labelled(self) -> Tensor:
        """Which positions of `related`, image by image, are of a class."""
        assert self.memory is not None
        labels = self.related_labels.flatten()
        return (labels >= 0) & (labels < self.memory.num_classes)

    @cached_property
    def labelled_rows(self) -> tuple[Tensor, Tensor]:
        """Projected student and teacher embeddings [n, d] of the labelled pixels."""
        student, teacher = (flatten_positions(maps).flatten(0, 1) for maps in (self.projected, self.related[1]))
        return student[self.labelled], teacher[self.labelled]

    @cached_property
    def channels(self) -> tuple[Tensor, Tensor]:
        """Pooled channels [b, c, n] of the student, projected to the teacher's number, and of the teacher."""
        student = self.head("channels").projection(channel_pool(self.student.embedding))
        return student.flatten(2), channel_pool(self.teacher_embedding).flatten(2)

    @cached_property
    def generated(self) -> Tensor:
        """The teacher's embedding as generated from the student's, most positions masked (MGD)."""
        embedding = self.student.embedding
        return self.head("generation")(embedding, random_mask(embedding, self.generator))


@dataclass(frozen=True)
class _Predicted:
    """A teacher's output of which labels are made: logits of the whole share, an embedding of a part."""

    logits: Tensor
    embedding: Tensor
    auxiliary: None = None
    encoded: None = None


def over_share(batch: Inputs, value: Tensor, count: Callable[[Inputs], Tensor]) -> Tensor:
    """A mean over some items, scaled so that the mean over parts and processes is that over all their items.

    Over the parts of each process alone where the settings ask for means by process.

    Args:
        count: how many items there are, by the labels of a part or of the whole share.
    """
    across = several_processes() and not batch.settings.means_by_process
    if batch.share is None and not across:
        return value
    whole = batch.of_share
    parts = len(whole.labels) // len(batch.labels)
    return value * share_of_mean(count(batch), count(whole), parts, across=across).to(value.dtype)


def _on_grid(teacher: Tensor, student: Tensor) -> Tensor:
    if teacher.shape[2:] == student.shape[2:]:
        return teacher
    return F.interpolate(teacher, size=student.shape[2:], mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Sizes:
    """What heads are built for: classes, widths of the embeddings, and the sizes of a memory of channels.

    Attributes:
        positions: of an embedding map after `channel_pool`; for a memory of channels alone.
    """

    num_classes: int
    student_width: int
    teacher_width: int
    positions: int = 0
    channel_queue_size: int = 10_000
    channel_contrast: int = 2_048
    channels_enqueued: int = 256


@dataclass(frozen=True)
class Head:
    """What a term trains beside the student: its name among `Heads`, and how it is built."""

    name: str
    build: Callable[[Sizes], nn.Module]


@dataclass(frozen=True)
class Term:
    """One term of the objective.

    Attributes:
        label: its name for people. color: of its curve.
        help: what it compares; shown with the flag of its weight.
        compute: its value for a batch; None where the student lacks what it is of.
        weight: in `Objective()`, the paper's CIRKD.
        head: what it trains beside the student; terms may share one.
        teacher: whether it compares with a teacher. memory: whether with a `RelationMemory`.
        positions: whether it compares embeddings at every position of the map. encoded: whether it reads the encoder's
            last map.
    """

    label: str
    color: str
    help: str
    compute: Callable[[Inputs], Tensor | None]
    weight: float = 0.0
    head: Head | None = None
    teacher: bool = True
    memory: bool = False
    positions: bool = False
    encoded: bool = False

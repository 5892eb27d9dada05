"""Which terms a student is trained on, and their weights.

Objective(task=1, auxiliary=0.4, kd=1, minibatch_pixel=1, memory_pixel=0.1, memory_region=0.1, ...)
    .terms(student_output, teacher_output or None, labels, memory=None, *, heads=None, generator=None, step=0,
           ignore_index=255) -> dict name -> raw scalar      (also fills the memories, after drawing from them)
    .weighted(terms) -> dict name -> weighted scalar
    .total(terms) -> scalar to minimise
    .at(progress) -> the objective with the weights that it has there
    .needs_teacher .needs_memory -> bool    .needed_heads -> names of heads
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cirkd.losses.heads import HEADS, Heads
from cirkd.losses.memory import RelationMemory
from cirkd.losses.terms import NEEDED_HEADS, TERMS, Batch, Output

Terms = dict[str, Tensor]
RELATIONS = ("minibatch_pixel", "memory_pixel", "memory_region")
"""The paper's own terms."""


@dataclass(frozen=True)
class Objective:
    """Weights of the terms; one of weight 0 is not computed. Defaults are the paper's CIRKD.

    Attributes:
        task: cross-entropy of the logits.
        auxiliary: cross-entropy of the auxiliary logits, where the student has them.
        kd: divergence of the class probabilities.
        minibatch_pixel: relations between the pixels of the mini-batch (alpha of the paper).
        memory_pixel: relations to pixels in memory (beta).
        memory_region: relations to regions in memory (gamma).
        structured: pairwise structure within an image (SKD).
        adversarial: the student's logits pass for the teacher's (SKD's option); wants `discriminator`, which trains
            the judge. It is trained by the run's own optimiser.
        variation: variation within classes (IFVD).
        channel_wise_embedding, channel_wise_logits: where each channel looks (CWD); embeddings after a trained 1x1
            projection to the teacher's width.
        attention: where the embedding is active (AT).
        hint: the teacher's embedding itself, after a trained 1x1 projection (FitNet).
        pixel_similarity, category_similarity: double similarity (DSD); stages are the encoder's last map, embedding
            and logits.
        minibatch_channel, memory_channel: relations between channels (CIRKDv2).
        channel_difference: mean squared difference of the channels (CIRKDv2).
        temperature: of the relation distributions.
        kd_temperature: of the class probabilities.
        channel_wise_temperature: of CWD's distributions.
        context: a trained self-attention module before the hint (CIRKDv2). The published code then relates what
            the module returns; here relations stay those of the embedding that feeds the classifier.
        across_processes: whether mini-batch relations run over the images of all processes that train together; the
            memory terms do in any case, as every process's memory holds the rows of all.
        relations_fade: whether the weights of the relations between pixels fall from their value at the first step
            to 0 at the last (not of the paper): they shape the features first, and leave the end to the task.
        minibatch_projected: whether the mini-batch relations, too, are those of the embedding behind the memory's
            projection head (not of the paper): the embedding that feeds the classifier is then freer.
        relation_stride: side, in pixels of the network's input, of the square cells over which both networks'
            embeddings are averaged before relations between pixels are taken and pixels are stored in the memory; 0
            takes every position of the map. Relations within a batch grow with the square of the positions: the
            published SegFormer code averages over 2x2 positions of stride 4 (8 pixels), its second version 4x4 (16).
        teacher_labels: whether pixels of an image without any label count, for the memory alone, as what the teacher
            predicts there; for training with few labels (not of the paper).

    Source: CIRKD (Yang et al., CVPR 2022), section 3.4 and 4.1; the others as their losses say.
    """

    task: float = 1.0
    auxiliary: float = 0.4
    kd: float = 1.0
    minibatch_pixel: float = 1.0
    memory_pixel: float = 0.1
    memory_region: float = 0.1
    structured: float = 0.0
    adversarial: float = 0.0
    discriminator: float = 0.0
    variation: float = 0.0
    channel_wise_embedding: float = 0.0
    channel_wise_logits: float = 0.0
    attention: float = 0.0
    hint: float = 0.0
    pixel_similarity: float = 0.0
    category_similarity: float = 0.0
    minibatch_channel: float = 0.0
    memory_channel: float = 0.0
    channel_difference: float = 0.0
    temperature: float = 0.1
    kd_temperature: float = 1.0
    channel_wise_temperature: float = 4.0
    context: bool = False
    across_processes: bool = False
    relations_fade: bool = False
    minibatch_projected: bool = False
    relation_stride: int = 0
    teacher_labels: bool = False

    @property
    def needs_teacher(self) -> bool:
        """Whether any weighted term compares with a teacher."""
        return any(self.weight(name) for name in TERMS if name not in ("task", "auxiliary"))

    @property
    def only_relates(self) -> bool:
        """Whether embeddings are compared by averaged cells alone; a teacher's are then kept as such."""
        finer = (
            "structured",
            "variation",
            "channel_wise_embedding",
            "attention",
            "hint",
            "pixel_similarity",
            "minibatch_channel",
            "memory_channel",
            "channel_difference",
        )
        return self.relation_stride > 0 and not any(self.weight(name) for name in finer)

    @property
    def needs_memory(self) -> bool:
        """Whether any weighted term compares with a memory, or is taken behind its projection head."""
        return bool(self.memory_pixel or self.memory_region or (self.minibatch_pixel and self.minibatch_projected))

    @property
    def needed_heads(self) -> tuple[str, ...]:
        """What the weighted terms train beside the student, by the names of `HEADS`."""
        needed = {head for term, head in NEEDED_HEADS.items() if self.weight(term)}
        if self.context and self.hint:
            needed.add("context")
        return tuple(name for name in HEADS if name in needed)

    def terms(
        self,
        student_output: Output,
        teacher_output: Output | None,
        labels: Tensor,
        memory: RelationMemory | None = None,
        *,
        heads: Heads | None = None,
        generator: torch.Generator | None = None,
        step: int = 0,
        ignore_index: int = 255,
    ) -> Terms:
        """Raw value of each weighted term, by name, in the order of the fields.

        Then fills the memories with this batch, if they are in training mode.

        Args:
            teacher_output: needed by every term but task and auxiliary; gets no gradient.
            labels: [b, H, W]; `ignore_index` and, for the memory, what lies outside the classes are ignored.
            memory: needed by the memory terms.
            heads: needed by the terms that train something beside the student.
            generator: source of the draws from the memories and into them.
            step: the training step, kept with what goes into the memories.

        Raises:
            ValueError: a weighted term lacks the teacher, the memory or its head.
        """
        self._require(teacher_output, memory, heads)
        batch = Batch(
            student_output, teacher_output, labels, memory, heads, generator, ignore_index, self.temperature,
            self.kd_temperature, self.channel_wise_temperature, self.across_processes,
            self.minibatch_projected, self.relation_stride,
            self.teacher_labels,
        )  # fmt: skip
        found = {name: term(batch) for name, term in TERMS.items() if self.weight(name)}
        if self.needs_memory and memory is not None and memory.training:
            memory.update(batch.related[1], batch.memory_labels, step, generator)
        if self.memory_channel and heads is not None and heads.channels is not None and heads.training:
            heads.channels.update(batch.teacher_channels, step, generator)
        return {name: value for name, value in found.items() if value is not None}

    def weight(self, name: str) -> float:
        """The weight of a term."""
        return float(getattr(self, name))

    def at(self, progress: float) -> Objective:
        """The same with the weights that it has when `progress` of the run, in [0, 1], is done."""
        if not self.relations_fade:
            return self
        return replace(self, **{name: self.weight(name) * (1 - progress) for name in RELATIONS})

    def weighted(self, terms: Terms) -> Terms:
        """Each term times its weight."""
        return {name: value * self.weight(name) for name, value in terms.items()}

    def total(self, terms: Terms) -> Tensor:
        """The sum to minimise.

        Raises:
            ValueError: there are no terms.
        """
        if not terms:
            raise ValueError("no term has weight, so there is nothing to train on: give task a weight")
        return torch.stack(list(self.weighted(terms).values())).sum()

    def without(self, *names: str) -> Objective:
        """The same without some terms."""
        return replace(self, **dict.fromkeys(names, 0.0))

    @classmethod
    def task_only(cls, auxiliary: float = 0.4) -> Objective:
        """Training without a teacher: teachers themselves, and baselines."""
        return replace(cls().without(*TERMS), task=1.0, auxiliary=auxiliary)

    def _require(self, teacher_output: Output | None, memory: RelationMemory | None, heads: Heads | None) -> None:
        if self.needs_teacher and teacher_output is None:
            raise ValueError("this objective distils and got no teacher output: pass one, or use Objective.task_only()")
        if self.needs_memory and memory is None:
            raise ValueError("memory terms have weight and there is no memory: pass a RelationMemory, or weigh them 0")
        missing = set(self.needed_heads) - set(heads.names() if heads is not None else ())
        if missing:
            raise ValueError(
                f"terms of the head {min(missing)} have weight and it is not there: pass Heads, or weigh 0"
            )

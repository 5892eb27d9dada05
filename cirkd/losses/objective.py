"""Which terms a student is trained on, and their weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, make_dataclass, replace
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from typing_extensions import Doc

from cirkd.losses.inputs import Inputs, Output, Settings, Share, Sizes, Term
from cirkd.losses.memory import RelationMemory
from cirkd.losses.pixel_choice import Draws, GivenDraws
from cirkd.losses.terms import HEADS, TERMS

Terms = dict[str, Tensor]
RELATIONS = ("minibatch_pixel", "memory_pixel", "memory_region")
"""The paper's own terms."""


class Heads(nn.Module):
    """What the terms of an objective need beside student and memory; its parameters are trained with the student's.

    A head that is there is an attribute of its name, any other of `cirkd.losses.terms.HEADS` is None.

    Args:
        names: which ones, out of `HEADS`.
        num_classes: of the logits.
        student_width, teacher_width: of the embeddings.
        positions: of an embedding map after `channel_pool`; for `channels` alone.
        sizes: of the memory of channels, as in `Sizes`.

    Raises:
        ValueError: a name that is not known.

    Example:
        >>> heads = Heads(["hint"], num_classes=3, student_width=64, teacher_width=128)
        >>> heads.hint.weight.shape
        torch.Size([128, 64, 1, 1])
    """

    def __init__(
        self,
        names: Collection[str],
        num_classes: int,
        student_width: int,
        teacher_width: int,
        positions: int = 0,
        **sizes: int,
    ) -> None:
        super().__init__()
        unknown = sorted(set(names) - HEADS.keys())
        if unknown:
            raise ValueError(f"there is no head {unknown[0]!r}; choose among {', '.join(HEADS)}")
        built_for = Sizes(num_classes, student_width, teacher_width, positions, **sizes)
        for name, head in HEADS.items():
            setattr(self, name, head.build(built_for) if name in names else None)

    def names(self) -> tuple[str, ...]:
        """Those that are there."""
        return tuple(name for name in HEADS if self.get(name) is not None)

    def get(self, name: str) -> Any:
        """A head by name, or None."""
        return getattr(self, name, None)


def _weights(terms: Mapping[str, Term], *bases: type) -> Any:
    """A dataclass with a field for the weight of each term."""
    fields = [(name, Annotated[float, Doc(term.help)], field(default=term.weight)) for name, term in terms.items()]
    return make_dataclass("Objective", fields, bases=bases, frozen=True)


_Weights: Any = _weights(TERMS)


@dataclass(frozen=True)
class Objective(Settings, _Weights):
    """Weights of the terms, a field for each of `cirkd.losses.terms.TERMS`; one of weight 0 is not computed.

    Defaults are the paper's CIRKD. Its settings are those of `Settings`.

    Example:
        >>> objective = Objective(memory_pixel=0.2)
        >>> objective.weight("minibatch_pixel"), objective.memory_pixel, objective.weight("attention")
        (1.0, 0.2, 0.0)

    Source: CIRKD (Yang et al., CVPR 2022), section 3.4 and 4.1; the others as their losses say.
    """

    @property
    def needs_teacher(self) -> bool:
        """Whether any weighted term compares with a teacher."""
        return any(term.teacher for term in self._weighted_terms())

    @property
    def needs_encoded(self) -> bool:
        """Whether any weighted term reads the encoder's last map."""
        return any(term.encoded for term in self._weighted_terms())

    @property
    def only_relates(self) -> bool:
        """Whether embeddings are compared by averaged cells alone; a teacher's are then kept as such."""
        return self.relation_stride > 0 and not any(term.positions for term in self._weighted_terms())

    @property
    def needs_memory(self) -> bool:
        """Whether any weighted term compares with a memory, or is taken behind its projection head."""
        through_head = bool(self.minibatch_pixel and self.minibatch_projected)
        return through_head or any(term.memory for term in self._weighted_terms())

    @property
    def needed_heads(self) -> tuple[str, ...]:
        """What the weighted terms train beside the student, by the names of `HEADS`."""
        needed = {term.head.name for term in self._weighted_terms() if term.head is not None}
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
        generator: Draws = None,
        step: int = 0,
        ignore_index: int = 255,
        share: Share | None = None,
    ) -> Terms:
        """Raw value of each weighted term, by name, in the order of the fields.

        Then fills the memories with this batch, if they are in training mode; that of relations first, where its
        `enqueue` says "before".

        Args:
            teacher_output: needed by every term but task and auxiliary; gets no gradient.
            labels: [b, H, W]; `ignore_index` and, for the memory, what lies outside the classes are ignored, and
                `UNLABELLED` pixels (-1) unless `teacher_labels` is set.
            memory: needed by the memory terms.
            heads: needed by the terms that train something beside the student.
            generator: source of the draws from the memories and into them; or `GivenDraws`.
            step: the training step, kept with what goes into the memories.
            share: what the images are a part of, where a step sees a process's share part by part; means over labelled
                pixels then come with the weight of this part's.

        Raises:
            ValueError: a weighted term lacks the teacher, the memory or its head, or draws are given for the memory of
                channels.
        """
        self._require(teacher_output, memory, heads)
        if self.memory_channel and isinstance(generator, GivenDraws):
            raise ValueError("draws can be given for memories of pixels and regions; weigh memory_channel 0")
        batch = Inputs(student_output, teacher_output, labels, memory, heads, generator, ignore_index, self, share)
        filled = memory if self.needs_memory and memory is not None and memory.training else None
        if filled is not None and filled.enqueue == "before":
            batch.fill(filled, step)
        found = {name: term.compute(batch) for name, term in TERMS.items() if self.weight(name)}
        if filled is not None and filled.enqueue == "after":
            batch.fill(filled, step)
        if self.memory_channel and heads is not None and heads.training:
            heads.get("channels").update(batch.channels[1], step, batch.generator)
        return {name: value for name, value in found.items() if value is not None}

    def weight(self, name: str) -> float:
        """The weight of a term; 0 of one that this objective has no field for."""
        return float(getattr(self, name, 0.0))

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
        return replace(self, **{name: 0.0 for name in names if hasattr(self, name)})

    @classmethod
    def task_only(cls, auxiliary: float = 0.4) -> Objective:
        """Training without a teacher: teachers themselves, and baselines."""
        return replace(cls().without(*TERMS), task=1.0, auxiliary=auxiliary)

    def _weighted_terms(self) -> list[Term]:
        return [term for name, term in TERMS.items() if self.weight(name)]

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


def with_terms(terms: Mapping[str, Term]) -> type[Objective]:
    """An `Objective` with more fields, for losses of your own: their flags, values in the journal and curves follow.

    Args:
        terms: by the names of their weights.

    Raises:
        ValueError: a name that is taken, of a term or of another head.

    Example:
        >>> import torch
        >>> sharp = Term("Sharpness", "#0072B2", "How sure the student is.", lambda b: b.student.logits.std())
        >>> Mine = with_terms({"sharpness": sharp})
        >>> Mine(sharpness=0.5).weight("sharpness")
        0.5
    """
    known = {item.name for item in fields(Objective)}
    if taken := sorted(terms.keys() & known):
        raise ValueError(f"there is a field {taken[0]!r} already; choose another name for your term")
    heads = {term.head.name: term.head for term in terms.values() if term.head is not None}
    ours = {"context", *(term.head.name for name, term in TERMS.items() if name in known and term.head is not None)}
    if taken := sorted(name for name in heads.keys() & ours if heads[name] is not HEADS[name]):
        raise ValueError(f"there is a head {taken[0]!r} already; choose another name for yours")
    TERMS.update(terms)
    HEADS.update(heads)
    return _weights(terms, Objective)

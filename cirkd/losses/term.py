"""What an entry of the objective's table says: a term, and the head that it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from cirkd.losses.inputs import Inputs


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

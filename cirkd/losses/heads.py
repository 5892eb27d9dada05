"""The parts that terms train beside the student: projections, context, discriminator, generator, memory of channels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

from cirkd.losses.term import Sizes
from cirkd.losses.terms import HEADS


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

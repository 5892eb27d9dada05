"""An exponential moving average of a student's weights and batch statistics."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cirkd.models.segmenter import Segmenter


class WeightAverage(nn.Module):
    """The average that a run evaluates and saves in place of the last step's weights.

    After step t each weight and batch statistic is `decay` times what it was plus `1 - decay` times the student's;
    in the first steps the decay is smaller, (1 + t) / (10 + t), so that the start is forgotten.

    Args:
        student: The network in training; it is copied.
        decay: In (0, 1); 0.995 averages over the last 200 steps or so.

    Source: Polyak averaging, in the form of Tarvainen and Valpola (NeurIPS 2017).
    """

    def __init__(self, student: Segmenter, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.averaged = AveragedModel(student, use_buffers=True)

    @property
    def student(self) -> Segmenter:
        """The network with the averaged weights."""
        return self.averaged.module  # pyright: ignore[reportReturnType]

    def update(self, student: Segmenter, step: int) -> None:
        """Take in the student's weights after `step` steps."""
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        self.averaged.update_parameters(student)

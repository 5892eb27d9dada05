"""What is trained, as one module."""

from torch import nn

from cirkd.losses.heads import Heads
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective, Terms
from cirkd.losses.pixel_choice import Draws
from cirkd.models.segmenter import SegmentationOutput, Segmenter
from cirkd.training.batches import Batch


class Distillation(nn.Module):
    """Student, memory, heads and objective as one module, so that their parameters are trained and wrapped together."""

    def __init__(
        self, student: Segmenter, memory: RelationMemory | None, heads: Heads | None, objective: Objective
    ) -> None:
        super().__init__()
        self.student = student
        self.memory = memory
        self.heads = heads
        self.objective = objective

    def forward(self, batch: Batch, teacher_output: SegmentationOutput | None, draws: Draws, step: int) -> Terms:
        return self.objective.terms(
            student_output=self.student(batch.images),
            teacher_output=teacher_output,
            labels=batch.labels,
            memory=self.memory,
            heads=self.heads,
            generator=draws,
            step=step,
            ignore_index=self.student.info.classes.ignore_index,
        )

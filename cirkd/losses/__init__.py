"""The losses: student first, teacher second; scalars, differentiable with respect to the student."""

from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import RelationMemory, memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.objective import Objective, Terms
from cirkd.losses.task import segmentation_cross_entropy

__all__ = [
    "Objective",
    "RelationMemory",
    "Terms",
    "logit_distillation",
    "memory_relation",
    "minibatch_pixel_relation",
    "segmentation_cross_entropy",
]

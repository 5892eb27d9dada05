"""The losses: student first, teacher second; scalars, differentiable with respect to the student."""

from cirkd.losses.attention import attention_transfer
from cirkd.losses.channel import (
    channel_difference,
    channel_pool,
    memory_channel_relation,
    minibatch_channel_relation,
)
from cirkd.losses.channel_wise import channel_wise
from cirkd.losses.context import ContextModule
from cirkd.losses.discriminator import Discriminator, student_deception, teacher_recognition
from cirkd.losses.double_similarity import category_similarity, pixel_similarity
from cirkd.losses.fitnet import hint
from cirkd.losses.heads import Heads
from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import RelationMemory, memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.objective import Objective, Terms
from cirkd.losses.structured import structured_pairwise
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.losses.variation import intra_class_variation

__all__ = [
    "ContextModule",
    "Discriminator",
    "Heads",
    "Objective",
    "RelationMemory",
    "Terms",
    "attention_transfer",
    "category_similarity",
    "channel_difference",
    "channel_pool",
    "channel_wise",
    "hint",
    "intra_class_variation",
    "logit_distillation",
    "memory_channel_relation",
    "memory_relation",
    "minibatch_channel_relation",
    "minibatch_pixel_relation",
    "pixel_similarity",
    "segmentation_cross_entropy",
    "structured_pairwise",
    "student_deception",
    "teacher_recognition",
]

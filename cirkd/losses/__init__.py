"""The losses: student first, teacher second; scalars, differentiable with respect to the student."""

from cirkd.losses.attention import attention_transfer
from cirkd.losses.boundary import body_distillation, boundary_distillation
from cirkd.losses.channel import (
    ContextModule,
    channel_difference,
    channel_pool,
    memory_channel_relation,
    minibatch_channel_relation,
)
from cirkd.losses.channel_wise import channel_wise
from cirkd.losses.correlation import inter_class_correlation, intra_class_correlation
from cirkd.losses.double_similarity import category_similarity, pixel_similarity
from cirkd.losses.fitnet import hint
from cirkd.losses.generation import FeatureGenerator, dense_contrast, masked_generation
from cirkd.losses.inputs import Head, Term
from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import RelationMemory, memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.objective import Heads, Objective, Terms, with_terms
from cirkd.losses.structured import Discriminator, structured_pairwise, student_deception, teacher_recognition
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.losses.terms import TERMS
from cirkd.losses.variation import intra_class_variation

__all__ = [
    "TERMS",
    "ContextModule",
    "Discriminator",
    "FeatureGenerator",
    "Head",
    "Heads",
    "Objective",
    "RelationMemory",
    "Term",
    "Terms",
    "attention_transfer",
    "body_distillation",
    "boundary_distillation",
    "category_similarity",
    "channel_difference",
    "channel_pool",
    "channel_wise",
    "dense_contrast",
    "hint",
    "inter_class_correlation",
    "intra_class_correlation",
    "intra_class_variation",
    "logit_distillation",
    "masked_generation",
    "memory_channel_relation",
    "memory_relation",
    "minibatch_channel_relation",
    "minibatch_pixel_relation",
    "pixel_similarity",
    "segmentation_cross_entropy",
    "structured_pairwise",
    "student_deception",
    "teacher_recognition",
    "with_terms",
]

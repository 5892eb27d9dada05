"""The terms of the objective, one entry each: what it computes, what it needs, its name and colour on screen.

To add a loss: write its function in a file of its own, and give it an entry here. Its weight is then a field of
`Objective` and a flag of the command line, its values are in the journal and in the charts, and tests of edge cases try
it. A loss of your own, outside this package, is added by `cirkd.losses.with_terms`.
"""

from __future__ import annotations

from torch import Tensor, nn

from cirkd.losses import channel, structured
from cirkd.losses.attention import as_published, attention_transfer
from cirkd.losses.boundary import body_distillation, boundary_distillation, split_at_boundaries
from cirkd.losses.channel_wise import channel_wise
from cirkd.losses.correlation import inter_class_correlation, intra_class_correlation
from cirkd.losses.double_similarity import category_similarity, pixel_similarity
from cirkd.losses.fitnet import hint
from cirkd.losses.generation import FeatureGenerator, dense_contrast, masked_generation
from cirkd.losses.inputs import Head, Inputs, Sizes, Term, over_share
from cirkd.losses.logit import logit_distillation
from cirkd.losses.memory import memory_relation
from cirkd.losses.minibatch import minibatch_pixel_relation
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.losses.variation import intra_class_variation


def _to_teacher_width(sizes: Sizes) -> nn.Module:
    return nn.Conv2d(sizes.student_width, sizes.teacher_width, 1, bias=False)


def _channel_memory(sizes: Sizes) -> nn.Module:
    return channel.ChannelMemory(
        sizes.student_width,
        sizes.teacher_width,
        sizes.positions,
        queue_size=sizes.channel_queue_size,
        contrast=sizes.channel_contrast,
        enqueued=sizes.channels_enqueued,
    )


HINT = Head("hint", _to_teacher_width)
CHANNEL_WISE = Head("channel_wise", _to_teacher_width)
CONTEXT = Head("context", lambda sizes: channel.ContextModule(sizes.student_width))
DISCRIMINATOR = Head("discriminator", lambda sizes: structured.Discriminator(sizes.num_classes))
CHANNELS = Head("channels", _channel_memory)
GENERATION = Head("generation", lambda sizes: FeatureGenerator(sizes.student_width, sizes.teacher_width))


def _cross_entropy(batch: Inputs, logits: Tensor | None) -> Tensor | None:
    if logits is None:
        return None
    value = segmentation_cross_entropy(logits, batch.known_labels, ignore_index=-1)
    return over_share(batch, value, lambda part: (part.known_labels >= 0).sum())


def _minibatch_pixel(batch: Inputs) -> Tensor:
    student, teacher = batch.related
    settings = batch.settings
    student = batch.projected if settings.minibatch_projected else student
    return minibatch_pixel_relation(student, teacher, settings.temperature, across_processes=settings.across_processes)


def _memory_pixel(batch: Inputs) -> Tensor:
    assert batch.memory is not None
    return _to_keys(batch, batch.memory.sample_pixels(batch.draws).keys)


def _memory_region(batch: Inputs) -> Tensor:
    assert batch.memory is not None
    return _to_keys(batch, batch.memory.sample_regions(batch.draws).keys)


def _to_keys(batch: Inputs, keys: Tensor) -> Tensor:
    student, teacher = batch.labelled_rows
    value = memory_relation(student, teacher, keys, batch.settings.temperature, unit_keys=True)
    return over_share(batch, value, lambda part: part.labelled.sum())


def _boundary(batch: Inputs) -> Tensor:
    student, labels = batch.student.logits, batch.known_labels
    value = boundary_distillation(student, batch.teacher_logits, labels, batch.settings.kd_temperature)
    return over_share(batch, value, lambda part: split_at_boundaries(student, part.known_labels)[0].sum())


def _attention(batch: Inputs) -> Tensor:
    embedding = batch.student.embedding
    return as_published(attention_transfer(embedding, batch.teacher_embedding), embedding[0, 0].numel())


def _hint(batch: Inputs) -> Tensor:
    embedding = batch.student.embedding
    if batch.settings.context:
        embedding = batch.head("context")(embedding)
    return hint(batch.head("hint")(embedding), batch.teacher_embedding)


def _memory_channel(batch: Inputs) -> Tensor:
    keys = batch.head("channels").sample(batch.generator)
    return channel.memory_channel_relation(*batch.channels, keys, batch.settings.temperature)


TERMS: dict[str, Term] = {
    "task": Term(
        "Task (cross-entropy)",
        "#5A6472",
        "Cross-entropy of the logits.",
        lambda b: _cross_entropy(b, b.student.logits),
        weight=1.0,
        teacher=False,
    ),
    "auxiliary": Term(
        "Auxiliary head",
        "#9AA5B4",
        "Cross-entropy of the auxiliary logits, where the student has them.",
        lambda b: _cross_entropy(b, b.student.auxiliary),
        weight=0.4,
        teacher=False,
    ),
    "kd": Term(
        "Logit distillation",
        "#7B61FF",
        "Divergence of the class probabilities (KD).",
        lambda b: logit_distillation(b.student.logits, b.teacher_logits, b.settings.kd_temperature),
        weight=1.0,
    ),
    "minibatch_pixel": Term(
        "Pixels of the mini-batch",
        "#009E8E",
        "Relations between the pixels of the mini-batch (alpha of the paper).",
        _minibatch_pixel,
        weight=1.0,
    ),
    "memory_pixel": Term(
        "Pixels of the memory",
        "#B5891A",
        "Relations to pixels in memory (beta of the paper).",
        _memory_pixel,
        weight=0.1,
        memory=True,
    ),
    "memory_region": Term(
        "Regions of the memory",
        "#B24C8E",
        "Relations to regions in memory (gamma of the paper).",
        _memory_region,
        weight=0.1,
        memory=True,
    ),
    "structured": Term(
        "Structure within an image (SKD)",
        "#009E8E",
        "Pairwise structure within an image (SKD).",
        lambda b: structured.structured_pairwise(b.student.embedding, b.teacher_embedding),
        positions=True,
    ),
    "adversarial": Term(
        "Adversarial loss of the student (SKD)",
        "#B5891A",
        "Adversarial loss of the student's logits (SKD's option); needs `discriminator`.",
        lambda b: structured.student_deception(b.head("discriminator"), b.student.logits),
        head=DISCRIMINATOR,
    ),
    "discriminator": Term(
        "Discriminator (SKD)",
        "#B24C8E",
        "Loss of the discriminator that tells student and teacher apart (SKD).",
        lambda b: structured.teacher_recognition(b.head("discriminator"), b.student.logits, b.teacher_logits),
        head=DISCRIMINATOR,
    ),
    "variation": Term(
        "Variation within classes (IFVD)",
        "#009E8E",
        "Variation of features within classes (IFVD).",
        lambda b: intra_class_variation(
            b.student.embedding, b.teacher_embedding, b.known_labels, b.student.logits.shape[1]
        ),
        positions=True,
    ),
    "channel_wise_embedding": Term(
        "Channel-wise distillation: embedding (CWD)",
        "#009E8E",
        "KL divergence of each channel's softmax over positions, after a trained 1x1 projection to the teacher's "
        "width (CWD).",
        lambda b: channel_wise(
            b.head("channel_wise")(b.student.embedding), b.teacher_embedding, b.settings.channel_wise_temperature
        ),
        head=CHANNEL_WISE,
        positions=True,
    ),
    "channel_wise_logits": Term(
        "Channel-wise distillation: logits (CWD)",
        "#B5891A",
        "KL divergence of each class's softmax over positions (CWD).",
        lambda b: channel_wise(b.student.logits, b.teacher_logits, b.settings.channel_wise_temperature),
    ),
    "attention": Term(
        "Attention (AT)",
        "#009E8E",
        "Attention maps of the embedding (AT), times positions / 8,192, so that the published weight suits any map "
        "size.",
        _attention,
        positions=True,
    ),
    "hint": Term(
        "The teacher's embedding (FitNet)",
        "#5B87A6",
        "The teacher's embedding itself, after a trained 1x1 projection (FitNet).",
        _hint,
        head=HINT,
        positions=True,
    ),
    "pixel_similarity": Term(
        "Similarity of stages (DSD)",
        "#009E8E",
        "Changes of attention between the encoder's last map, embedding and logits (DSD), times positions / 8,192.",
        lambda b: pixel_similarity(*b.stages, published_size=True),
        positions=True,
        encoded=True,
    ),
    "category_similarity": Term(
        "Similarity of classes (DSD)",
        "#B5891A",
        "Similarity between classes of where each is seen (DSD).",
        lambda b: category_similarity(b.student.logits, b.teacher_logits),
    ),
    "minibatch_channel": Term(
        "Channels of the mini-batch",
        "#8A8F3C",
        "Relations between the channels of the mini-batch (CIRKDv2).",
        lambda b: channel.minibatch_channel_relation(*b.channels, b.settings.temperature),
        head=CHANNELS,
        positions=True,
    ),
    "memory_channel": Term(
        "Channels of the memory",
        "#D55E00",
        "Relations to channels in memory (CIRKDv2).",
        _memory_channel,
        head=CHANNELS,
        positions=True,
    ),
    "channel_difference": Term(
        "Difference of channels",
        "#0072B2",
        "Mean squared difference of the channels (CIRKDv2).",
        lambda b: channel.channel_difference(*b.channels),
        head=CHANNELS,
        positions=True,
    ),
    "inter_class": Term(
        "Correlation over classes (DIST)",
        "#009E8E",
        "1 - correlation over the classes of each pixel (DIST).",
        lambda b: inter_class_correlation(b.student.logits, b.teacher_logits, b.settings.kd_temperature),
    ),
    "intra_class": Term(
        "Correlation over pixels (DIST)",
        "#B5891A",
        "1 - correlation over the pixels of each class (DIST).",
        lambda b: intra_class_correlation(b.student.logits, b.teacher_logits, b.settings.kd_temperature),
    ),
    "generation": Term(
        "Generated embedding (MGD)",
        "#009E8E",
        "The teacher's embedding, generated from a quarter of the student's positions (MGD).",
        lambda b: masked_generation(b.generated, b.teacher_embedding),
        head=GENERATION,
        positions=True,
    ),
    "dense_contrast": Term(
        "Contrast of channel groups (Af-DCD)",
        "#B5891A",
        "Groups of channels of the generated embedding find the teacher's among those nearby (Af-DCD; option of MGD).",
        lambda b: dense_contrast(b.generated, b.teacher_embedding),
        head=GENERATION,
        positions=True,
    ),
    "boundary": Term(
        "Probabilities at boundaries (BPKD)",
        "#009E8E",
        "Divergence of the class probabilities at boundaries between labels (BPKD).",
        _boundary,
    ),
    "body": Term(
        "Shapes of regions (BPKD)",
        "#B5891A",
        "KL divergence of each class's softmax over positions inside regions (BPKD).",
        lambda b: body_distillation(
            b.student.logits, b.teacher_logits, b.known_labels, b.settings.channel_wise_temperature
        ),
    ),
}

# Run states hold parameters by their order: the first five stay as they were.
HEADS: dict[str, Head] = {
    head.name: head
    for head in (HINT, CHANNEL_WISE, CONTEXT, DISCRIMINATOR, CHANNELS, *(t.head for t in TERMS.values() if t.head))
}
"""All heads by name."""

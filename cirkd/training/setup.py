"""What a run is made of: the student, its teacher, and the memory and heads between them, as the recipe says."""

import dataclasses
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from cirkd.checkpoint import load_model
from cirkd.data.catalog import DATA_SETS
from cirkd.data.errors import CheckpointError, TrainingError
from cirkd.data.matching import channel_order, match_classes
from cirkd.data.sample import Classes, SegmentationData
from cirkd.losses.channel import CHANNEL_POOL
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Heads
from cirkd.losses.terms import TERMS
from cirkd.models import published
from cirkd.models.build import ARCHITECTURES, build_segmenter
from cirkd.models.segmenter import Segmenter
from cirkd.training.recipes import Recipe


def require_sensible(recipe: Recipe) -> None:
    """Raise TrainingError for a value with which no run can begin, before anything is loaded."""
    objective, network = recipe.objective, recipe.network
    for flag, value, fits, wanted in (
        ("steps", recipe.steps, recipe.steps >= 1, "1 or more"),
        ("batch-size", recipe.batch_size, recipe.batch_size >= 1, "1 or more"),
        ("seed", recipe.seed, recipe.seed >= 0, "0 or more"),
        ("workers", recipe.workers, recipe.workers >= 0, "0 or more"),
        ("learning-rate", recipe.learning_rate, recipe.learning_rate > 0, "above 0"),
        ("average", recipe.average, 0 <= recipe.average < 1, "from 0 to below 1"),
        ("network.input-scale", network.input_scale, 1 / 64 <= network.input_scale <= 8, "from 1/64 to 8"),
        ("objective.temperature", objective.temperature, objective.temperature >= 0.002, "0.002 or more, as 0.1"),
        ("objective.kd-temperature", objective.kd_temperature, objective.kd_temperature > 0, "above 0, as 1"),
        (
            "objective.relation-stride",
            objective.relation_stride,
            objective.relation_stride >= 0 and not objective.relation_stride % network.output_stride,
            f"0 or a multiple of the network's output stride, {network.output_stride}",
        ),
        (
            "objective.task",
            objective.task,
            any(objective.weight(term) for term in TERMS if term != "auxiliary" or network.auxiliary),
            "a weight above 0 for it or another term",
        ),
        *(
            (name.replace("_", "-"), getattr(recipe, name), getattr(recipe, name) >= 0, "0 or more steps")
            for name in ("evaluate_every", "snapshot_every", "save_every", "journal_every")
        ),
    ):
        if not fits:
            raise TrainingError(f"--{flag} {value:g}: {wanted} was wanted")


def load_teacher(recipe: Recipe, data: SegmentationData, device: torch.device) -> Segmenter | None:
    """The frozen teacher on its device, or None where the objective needs none.

    Raises:
        CirkdError: the recipe names no teacher, or one of other classes.
    """
    if not recipe.objective.needs_teacher:
        return None
    if recipe.teacher is None:
        raise TrainingError(f"{recipe.name} distils and names no teacher; give its checkpoint with --teacher")
    teacher = load_model(recipe.teacher, device, **recipe.told.given())
    if data.classes is None:
        raise TrainingError(f"{data.name} names no classes; training needs labels and their classes")
    matching = match_classes(teacher.info.classes, data.classes, data.name)
    order = channel_order(teacher.info.classes, data.classes)
    if order is None:
        raise CheckpointError(
            f"{recipe.teacher}: this teacher's classes are not those of {data.name}; train one on it, or name them: "
            f"{matching.note or 'it has several for one of them'}"
        )
    for note in filter(None, (*teacher.info.notes, matching.note)):
        warnings.warn(f"{recipe.teacher}: {note}", stacklevel=2)
    if order != list(range(len(teacher.info.classes))):
        teacher.classifier = nn.Sequential(teacher.classifier, Channels(order)).to(device)
        teacher.info = dataclasses.replace(teacher.info, classes=data.classes)
    return teacher.requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


class Channels(nn.Module):
    """Class scores in another order, or some of them.

    Args:
        order: For each channel of the output that of the input.

    Example:
        >>> Channels([1, 0])(torch.tensor([[[[1.0]], [[2.0]]]])).flatten().tolist()
        [2.0, 1.0]
    """

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        # Of the state, by which a teacher's outputs are told apart.
        self.register_buffer("order", torch.tensor(order))

    def forward(self, scores: Tensor) -> Tensor:
        return scores[:, self.get_buffer("order")]


def warn_of_files(recipe: Recipe, *splits: SegmentationData) -> None:
    """Say which files were passed over or read in a way that had to be chosen."""
    for note in dict.fromkeys(note for data in splits for note in getattr(data, "notes", ())):
        warnings.warn(f"{recipe.name}: {note}", stacklevel=2)


def warn_of_overlap(recipe: Recipe, train: SegmentationData, val: SegmentationData) -> None:
    """Say loudly where images that are trained on are evaluated on as well: their scores say nothing about others."""
    files = [{frame.image for frame in getattr(data, "frames", ())} for data in (train, val)]
    both = len(files[0] & files[1])
    if both:
        warnings.warn(
            f"{both} of the {len(val)} images that {recipe.name} is evaluated on are trained on as well, so scores "
            "will be far too good; choose others with --train-split and --val-split, such as 0-80% and 80-100%",
            stacklevel=2,
        )


def build_student(recipe: Recipe, data: SegmentationData) -> Segmenter:
    """The recipe's network with fresh weights, drawn from the global generator."""
    if data.classes is None:
        raise TrainingError(f"{data.name} names no classes; training needs labels and their classes")
    network = recipe.network
    entry = ARCHITECTURES.get(network.architecture)
    options = {name: getattr(network, name) for name in entry.options} if entry else {}
    options = {name: value for name, value in options.items() if value is not None}
    if network.pyramid_dropout is not None and "pyramid_dropout" not in options:
        raise TrainingError(f"{network.architecture} has no pyramid; leave --network.pyramid-dropout out")
    if network.layout == "published":
        return _published_student(recipe, data.classes)
    return build_segmenter(
        network.architecture,
        network.encoder,
        data.classes,
        output_stride=network.output_stride,
        embedding_channels=network.embedding_channels,
        auxiliary=network.auxiliary,
        pretrained=network.pretrained,
        input_scale=network.input_scale,
        **options,
    )


def _published_student(recipe: Recipe, classes: Classes) -> Segmenter:
    network = recipe.network
    if network.output_stride != published.OUTPUT_STRIDE or network.input_scale != 1:
        raise TrainingError(
            f"{recipe.name}: published networks see images as they are, at output stride {published.OUTPUT_STRIDE}; "
            "leave --network.output-stride and --network.input-scale out"
        )
    if network.pretrained and network.encoder_weights is None:
        raise TrainingError(
            f"{recipe.name}: ImageNet weights of the published {network.encoder} lie in a file of its authors; give it "
            "with --network.encoder-weights FILE, or train from scratch with --network.no-pretrained"
        )
    dropout = {} if network.pyramid_dropout is None else {"pyramid_dropout": network.pyramid_dropout}
    student = published.fresh(
        network.architecture, network.encoder, classes, network.embedding_channels, network.auxiliary, **dropout
    )
    if network.encoder_weights is not None:
        published.load_encoder(student, network.encoder_weights)
    return student


def build_memory(recipe: Recipe, student: Segmenter, teacher: Segmenter | None) -> RelationMemory | None:
    """An empty memory between the widths of student and teacher, or None where the objective needs none."""
    if teacher is None or not recipe.objective.needs_memory:
        return None
    sizes = {name: size for name, size in dataclasses.asdict(recipe.memory).items() if not name.startswith("channel")}
    return RelationMemory(
        len(student.info.classes), student.info.embedding_channels, teacher.info.embedding_channels, **sizes
    )


def build_heads(recipe: Recipe, student: Segmenter, teacher: Segmenter | None) -> Heads | None:
    """What the objective trains beside the student, with fresh weights, or None where it trains nothing else."""
    if teacher is None or not recipe.objective.needed_heads:
        return None
    height, width = (math.ceil(side / student.info.output_stride) for side in recipe.augmentation.crop)
    positions = math.ceil(height / CHANNEL_POOL) * math.ceil(width / CHANNEL_POOL)
    memory = recipe.memory
    return Heads(
        recipe.objective.needed_heads,
        len(student.info.classes),
        student.info.embedding_channels,
        teacher.info.embedding_channels,
        positions,
        channel_queue_size=memory.channel_queue_size,
        channel_contrast=memory.channel_contrast,
        channels_enqueued=memory.channels_enqueued,
    )


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON: no path of this machine, only the names of files."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return value.name
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return list(value) if isinstance(value, tuple) else value

    return plain(dataclasses.asdict(recipe))


def has_labelled_test(recipe: Recipe) -> bool:
    """Whether the data set has a test split with labels where it lies."""
    entry = DATA_SETS[recipe.data]
    if not entry.labelled_test or (recipe.root is not None and "test" not in entry.splits_at(recipe.root)):
        return False
    test = entry.opened("test", recipe.root)
    return test.split == "test" and test[0].label is not None


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes: of the GPU where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

"""The paper's own recipes: its networks, crops, schedule and weights, on its data sets.

They are made for GPUs: 40,000 steps of 16 crops, in as many processes as the launcher starts. A teacher is trained, or
taken from a file, and given with `--teacher`; where none is named, that of the data set's own recipe is looked for. Any
other method on these networks is a user's own recipe: `distilled(CITYSCAPES, "resnet18", "skd")`.

They are the method as the paper has it. `paper-cityscapes-resnet18-cirkd-as-published` is what the published code does,
which differs in network, memory and means over GPUs (docs/published.md).

Source: CIRKD (Yang et al., CVPR 2022), section 4.1, and its published code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cirkd.data.transforms import Augmentation
from cirkd.training.recipes.methods import METHODS
from cirkd.training.recipes.recipe import Memory, Network, Recipe


@dataclass(frozen=True)
class PaperData:
    """A data set as the paper trains on it.

    Attributes:
        name: in `cirkd.data.catalog`; title: for people.
        crop: height and width.
        memory_weight: of both memory terms (beta and gamma).
        train_split: what is trained on.
    """

    name: str
    title: str
    crop: tuple[int, int]
    memory_weight: float = 0.1
    train_split: str = "train"


CITYSCAPES = PaperData("cityscapes", "Cityscapes", (512, 1024))
CAMVID = PaperData("camvid", "CamVid", (360, 360))
VOC = PaperData("voc", "Pascal VOC with SBD", (512, 512), memory_weight=0.01, train_split="train_aug")

RATES = (12, 24, 36)
TEACHER = Network("deeplabv3", "resnet101", 8, 256, RATES, auxiliary=True, pretrained=True)
STUDENTS: dict[str, tuple[str, Network]] = {
    "resnet18": (
        "DeepLabV3-ResNet18",
        Network("deeplabv3", "resnet18", 8, 128, RATES, auxiliary=True, pretrained=True),
    ),
    "mobilenetv2": ("DeepLabV3-MobileNetV2", Network("deeplabv3", "mobilenet_v2", 8, 128, RATES, pretrained=True)),
    "pspnet": ("PSPNet-ResNet18", Network("pspnet", "resnet18", 8, 128, auxiliary=True, pretrained=True)),
}
MEMORY = Memory(
    pixel_queue_size=20_000,
    region_queue_size=2_000,
    pixel_contrast=4_096,
    region_contrast=1_024,
    pixels_per_class=16,
    channel_queue_size=10_000,
    channel_contrast=2_048,
    channels_enqueued=256,
)
SEGFORMER_TEACHER = Network("segformer", "mit_b4", 4, 768, pretrained=True)
SEGFORMER_STUDENT = Network("segformer", "mit_b0", 4, 256, pretrained=True)


def teacher(data: PaperData) -> Recipe:
    """DeepLabV3-ResNet101, trained as the students are."""
    return replace(_alone(data, TEACHER), name=f"paper-{data.name}-teacher")


def baseline(data: PaperData, student: str) -> Recipe:
    """A student trained alone."""
    return replace(_alone(data, STUDENTS[student][1]), name=f"paper-{data.name}-{student}-baseline")


def distilled(data: PaperData, student: str, method: str) -> Recipe:
    """The same student, distilled from the data set's teacher.

    Args:
        method: a key of `METHODS`.
    """
    return _distilled(data, baseline(data, student), method, f"paper-{data.name}-teacher")


def segformer_teacher() -> Recipe:
    """The paper's SegFormer-B4 on Cityscapes (--root FOLDER): the teacher of SegFormer-B0."""
    return replace(_segformer(SEGFORMER_TEACHER), name="paper-cityscapes-segformer-teacher")


def segformer_baseline() -> Recipe:
    """The paper's SegFormer-B0 trained alone on Cityscapes (--root FOLDER)."""
    return replace(_segformer(SEGFORMER_STUDENT), name="paper-cityscapes-segformer-baseline")


def segformer_cirkd() -> Recipe:
    """The paper's SegFormer-B0 distilled with CIRKD from SegFormer-B4 on Cityscapes (--root FOLDER)."""
    recipe = _distilled(CITYSCAPES, segformer_baseline(), "cirkd", "paper-cityscapes-segformer-teacher")
    # As in its published script: a map at stride 4 and crops of 1024 leave less room for keys, and pairs of images are
    # related by means over 2x2 positions.
    objective = replace(recipe.objective, relation_stride=8)
    return replace(recipe, objective=objective, memory=replace(MEMORY, pixel_queue_size=2_000))


def as_published() -> Recipe:
    """The published run on Cityscapes with its faults, number by number: its networks, memory and per-GPU means."""
    recipe = distilled(CITYSCAPES, "resnet18", "cirkd")
    return replace(
        recipe,
        name=f"{recipe.name}-as-published",
        network=replace(recipe.network, layout="published"),
        objective=replace(recipe.objective, means_by_process=True),
        memory=replace(
            MEMORY, indexing="published", enqueue="before", initial="noise", overflow="jump", slots="shared"
        ),
    )


def _alone(data: PaperData, network: Network) -> Recipe:
    return Recipe(
        name=f"paper-{data.name}",
        data=data.name,
        train_split=data.train_split,
        network=network,
        memory=MEMORY,
        augmentation=Augmentation(crop=data.crop, scale=(0.5, 2.0), flip=0.5, color=0.0),
        steps=40_000,
        batch_size=16,
        learning_rate=0.02,
        momentum=0.9,
        weight_decay=1e-4,
        power=0.9,
        warmup=0,
        sync_batch_norm=True,
        teacher_precision="float32",
        evaluate_every=4_000,
        snapshot_every=4_000,
        save_every=800,
        workers=8,
    )


def _segformer(network: Network) -> Recipe:
    """Transformers are trained by AdamW, for longer, on larger crops, with SegFormer's own warm-up and weight decay."""
    return replace(
        _alone(CITYSCAPES, network),
        augmentation=Augmentation(crop=(1024, 1024), scale=(0.5, 2.0), flip=0.5, color=0.0),
        optimizer="adamw",
        steps=160_000,
        batch_size=8,
        learning_rate=2e-4,
        weight_decay=0.01,
        warmup=1_500,
    )


def _distilled(data: PaperData, alone: Recipe, method: str, teacher: str) -> Recipe:
    objective = METHODS[method].objective
    if objective.needs_memory:
        objective = replace(objective, memory_pixel=data.memory_weight, memory_region=data.memory_weight)
    return replace(
        alone,
        name=alone.name.replace("baseline", method),
        teacher=Path(f"runs/{teacher}/{teacher}.safetensors"),
        objective=objective,
    )


def _recipes() -> dict[str, Callable[[], Recipe]]:
    """Teacher, and each student alone and with CIRKD, on each data set that the paper has it on."""
    found = {}
    few = ("resnet18", "pspnet")
    for data, students in ((CITYSCAPES, tuple(STUDENTS)), (CAMVID, few), (VOC, few)):
        makes = {f"teacher on {data.title}: DeepLabV3-ResNet101": partial(teacher, data)}
        for student in students:
            title = STUDENTS[student][0]
            makes[f"{title} trained alone on {data.title}"] = partial(baseline, data, student)
            makes[f"{title} distilled with CIRKD on {data.title}"] = partial(distilled, data, student, "cirkd")
        for text, make in makes.items():
            make.__doc__ = f"The paper's {text} (--root FOLDER)."
            found[make().name] = make
    return found | {
        make().name: make for make in (segformer_teacher, segformer_baseline, segformer_cirkd, as_published)
    }


RECIPES = _recipes()

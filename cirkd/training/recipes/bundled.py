"""Recipes for the data at hand: the bundled streets, and CamVid's photographs.

Networks see images at full size and have an embedding every 4 pixels: averaged onto a grid of stride 16 and brought
back, the streets' own labels reach 69 % mIoU, of stride 4, 88 %. Three kinds of students: from scratch
(MobileNetV3-small at half width), with ImageNet weights (`...-s2-...`: EfficientNet-Lite0, near its teacher), and one
DeepLabV3 at stride 16 as the paper's networks are, small enough to be tried in minutes. A student's run takes ten to
thirty minutes on two cores, a teacher's about an hour.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cirkd.data.transforms import Augmentation
from cirkd.training.recipes.methods import METHODS
from cirkd.training.recipes.recipe import Network, Recipe

CROPS = Augmentation(crop=(256, 256), scale=(0.5, 1.5), color=0.2)
RELATION_STRIDE = 16
"""Relations are taken between means over 16x16 pixels: 2,048 rows in a batch of eight crops instead of 32,768."""
WIDTH = 128
TEACHER = Network("segformer", "tu-tf_efficientnet_lite2", 4, WIDTH, pretrained=True)
STUDENT = Network("segformer", "tu-mobilenetv3_small_050", 4, 64)
PRETRAINED_STUDENT = Network("segformer", "tu-tf_efficientnet_lite0", 4, WIDTH, pretrained=True)
DEEPLAB_TEACHER = Network("deeplabv3", "tu-tf_efficientnet_lite0", 8, WIDTH, pretrained=True, input_scale=0.5)
DEEPLAB_STUDENT = Network("deeplabv3", "tu-mobilenetv3_small_050", 8, 64, input_scale=0.5)
AVERAGE = 0.995
FEW = 1 / 8
KINDS = ("s2", "few")
"""Students of the same teacher, in the names of recipes."""


def _alone(name: str, network: Network, steps: int) -> Recipe:
    """A network trained on labels alone, as all networks at stride 4 are."""
    return Recipe(
        name=name,
        data=name.partition("-")[0],
        network=network,
        augmentation=CROPS,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.01,
        average=AVERAGE,
        steps=steps,
        evaluate_every=500,
        snapshot_every=250,
    )


def streets_teacher() -> Recipe:
    """Teacher on the bundled streets: SegFormer's decoder on EfficientNet-Lite2 with ImageNet weights."""
    return replace(_alone("streets-teacher", TEACHER, 4500), average=0.0)


def streets_baseline() -> Recipe:
    """Student trained alone on the bundled streets: the same decoder on MobileNetV3-small-0.5, from scratch."""
    return _alone("streets-baseline", STUDENT, 3000)


def streets_s2_baseline() -> Recipe:
    """Student with ImageNet weights (EfficientNet-Lite0) trained alone on the bundled streets."""
    return _alone("streets-s2-baseline", PRETRAINED_STUDENT, 2500)


def streets_s2_kd() -> Recipe:
    """The same, distilled from the streets' teacher: class probabilities alone (KD)."""
    return _distilled(streets_s2_baseline(), "kd")


def streets_s2_cirkd() -> Recipe:
    """The same, distilled with CIRKD from the streets' teacher."""
    return _distilled(streets_s2_baseline(), "cirkd")


def streets_few_baseline() -> Recipe:
    """The student from scratch with the labels of an eighth of the streets' frames, trained on these alone."""
    return replace(_alone("streets-few-baseline", STUDENT, 3000), labelled_share=FEW)


def streets_few_kd() -> Recipe:
    """The same, and the teacher's class probabilities on all frames (KD)."""
    return _distilled(streets_few_baseline(), "kd")


def streets_few_cirkd() -> Recipe:
    """The same with CIRKD; where labels lack, the memory goes by the teacher's predictions."""
    recipe = _distilled(streets_few_baseline(), "cirkd")
    return replace(recipe, objective=replace(recipe.objective, teacher_labels=True))


def streets_deeplabv3_teacher() -> Recipe:
    """DeepLabV3 on EfficientNet-Lite0 with ImageNet weights, frames at half size: the teacher of the next two."""
    return Recipe(name="streets-deeplabv3-teacher", network=DEEPLAB_TEACHER, learning_rate=0.03)


def streets_deeplabv3_baseline() -> Recipe:
    """DeepLabV3 on MobileNetV3-small-0.5, from scratch, frames at half size."""
    return Recipe(name="streets-deeplabv3-baseline", network=DEEPLAB_STUDENT)


def streets_deeplabv3_cirkd() -> Recipe:
    """The same, distilled with CIRKD from `streets-deeplabv3-teacher`, mini-batch relations at a tenth."""
    recipe = _distilled(streets_deeplabv3_baseline(), "cirkd", relation_stride=0)
    # In a schedule this short these relations would outweigh the task in the student's gradient.
    return replace(recipe, objective=replace(recipe.objective, minibatch_pixel=0.1))


def camvid_teacher() -> Recipe:
    """Teacher on CamVid's photographs (--root FOLDER): as the streets'."""
    return replace(_alone("camvid-teacher", TEACHER, 2000), average=0.0)


def camvid_baseline() -> Recipe:
    """Student trained alone on CamVid (--root FOLDER): as the streets'."""
    return _alone("camvid-baseline", STUDENT, 3000)


def camvid_kd() -> Recipe:
    """The same student, distilled from CamVid's teacher: class probabilities alone (--root FOLDER)."""
    return _distilled(camvid_baseline(), "kd")


def camvid_cirkd() -> Recipe:
    """The same student, distilled with CIRKD from CamVid's teacher (--root FOLDER)."""
    return _distilled(camvid_baseline(), "cirkd")


def _distilled(baseline: Recipe, method: str, relation_stride: int = RELATION_STRIDE) -> Recipe:
    """A baseline's recipe with a method's objective at its published weights, and the teacher of its kind."""
    kind = baseline.name.removesuffix("-baseline")
    data, _, special = kind.partition("-")
    taught_by = data if special in KINDS else kind
    return replace(
        baseline,
        name=f"{kind}-{method}",
        teacher=Path(f"checkpoints/{taught_by}-teacher.safetensors"),
        objective=replace(METHODS[method].objective, auxiliary=0.0, relation_stride=relation_stride),
    )


def _streets_by(method: str) -> Callable[[], Recipe]:
    """The recipe of a method on the streets."""

    def make() -> Recipe:
        return _distilled(streets_baseline(), method)

    found = METHODS[method]
    make.__doc__ = f"The student distilled with {found.title}: {found.adds}."
    return make


RECIPES: dict[str, Callable[[], Recipe]] = {
    "streets-teacher": streets_teacher,
    "streets-baseline": streets_baseline,
    **{f"streets-{method}": _streets_by(method) for method in METHODS},
    "streets-s2-baseline": streets_s2_baseline,
    "streets-s2-kd": streets_s2_kd,
    "streets-s2-cirkd": streets_s2_cirkd,
    "streets-few-baseline": streets_few_baseline,
    "streets-few-kd": streets_few_kd,
    "streets-few-cirkd": streets_few_cirkd,
    "streets-deeplabv3-teacher": streets_deeplabv3_teacher,
    "streets-deeplabv3-baseline": streets_deeplabv3_baseline,
    "streets-deeplabv3-cirkd": streets_deeplabv3_cirkd,
    "camvid-teacher": camvid_teacher,
    "camvid-baseline": camvid_baseline,
    "camvid-kd": camvid_kd,
    "camvid-cirkd": camvid_cirkd,
}

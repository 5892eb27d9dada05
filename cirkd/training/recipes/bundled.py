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
from typing import Any

from cirkd.data.bundled import data_of
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


def _alone(name: str, network: Network, steps: int) -> Recipe:
    """A network trained on labels alone, as all networks at stride 4 are.

    From scratch it learns at ten times the rate of ImageNet weights: after 1,000 steps alone on the streets a student
    has 44.9 % mIoU on val at 0.001, 51.1 at 0.003, 53.7 at 0.006 and 54.6 at 0.012; 0.024 was behind after 500.
    """
    return Recipe(
        name=name,
        data=name.partition("-")[0],
        network=network,
        augmentation=CROPS,
        optimizer="adamw",
        learning_rate=1e-3 if network.pretrained else 1e-2,
        weight_decay=0.01,
        average=AVERAGE,
        steps=steps,
        evaluate_every=500,
        snapshot_every=250,
    )


def _distilled(baseline: Recipe, method: str, **changes: Any) -> Recipe:
    """A baseline's recipe with a method's objective at its published weights, and the teacher of its kind.

    Args:
        changes: further ones of the objective.
    """
    kind = baseline.name.removesuffix("-baseline")
    changes = {"auxiliary": 0.0, "relation_stride": RELATION_STRIDE, **changes}
    return replace(
        baseline,
        name=f"{kind}-{method}",
        teacher=Path(f"checkpoints/{data_of(kind)}-teacher.safetensors"),
        objective=replace(METHODS[method].objective, **changes),
    )


def _making(recipe: Recipe, about: str) -> Callable[[], Recipe]:
    """A function that returns a recipe; its docstring is the line about it."""

    def make() -> Recipe:
        return recipe

    make.__doc__ = about
    return make


_STREETS = _alone("streets-baseline", STUDENT, 3000)
# Several times a small student's time a step, and weights that have learned already.
_PRETRAINED = _alone("streets-s2-baseline", PRETRAINED_STUDENT, 1000)
_FEW_LABELS = replace(_alone("streets-few-baseline", STUDENT, 3000), labelled_share=FEW)
_DEEPLAB = Recipe(name="streets-deeplabv3-baseline", network=DEEPLAB_STUDENT)
_CAMVID = _alone("camvid-baseline", STUDENT, 3000)
_CAMVID_FEW = replace(_alone("camvid-few-baseline", STUDENT, 3000), labelled_share=FEW)
_KNOWN = (
    (
        replace(_alone("streets-teacher", TEACHER, 4500), average=0.0),
        "Teacher on the bundled streets: SegFormer's decoder on EfficientNet-Lite2 with ImageNet weights.",
    ),
    (
        _STREETS,
        "Student trained alone on the bundled streets: the same decoder on MobileNetV3-small-0.5, from scratch.",
    ),
    *(
        (_distilled(_STREETS, name), f"The student distilled with {method.title}: {method.adds}.")
        for name, method in METHODS.items()
    ),
    (_PRETRAINED, "Student with ImageNet weights (EfficientNet-Lite0) trained alone on the bundled streets."),
    (
        _distilled(_PRETRAINED, "kd"),
        "The same, distilled from the streets' teacher: class probabilities alone (KD).",
    ),
    (_distilled(_PRETRAINED, "cirkd"), "The same, distilled with CIRKD from the streets' teacher."),
    (
        _FEW_LABELS,
        "The student from scratch with the labels of an eighth of the streets' frames, trained on these alone.",
    ),
    (_distilled(_FEW_LABELS, "kd"), "The same, and the teacher's class probabilities on all frames (KD)."),
    (
        _distilled(_FEW_LABELS, "cirkd", teacher_labels=True),
        "The same with CIRKD; where labels lack, the memory goes by the teacher's predictions.",
    ),
    (
        Recipe(name="streets-deeplabv3-teacher", network=DEEPLAB_TEACHER, learning_rate=0.03),
        "DeepLabV3 on EfficientNet-Lite0 with ImageNet weights, frames at half size: the teacher of the next two.",
    ),
    (_DEEPLAB, "DeepLabV3 on MobileNetV3-small-0.5, from scratch, frames at half size."),
    (
        # In a schedule this short these relations would outweigh the task in the student's gradient.
        _distilled(_DEEPLAB, "cirkd", relation_stride=0, minibatch_pixel=0.1),
        "The same, distilled with CIRKD from `streets-deeplabv3-teacher`, mini-batch relations at a tenth.",
    ),
    (
        replace(_alone("camvid-teacher", TEACHER, 2000), average=0.0),
        "Teacher on CamVid's photographs (--root FOLDER): as the streets'.",
    ),
    (_CAMVID, "Student trained alone on CamVid (--root FOLDER): as the streets'."),
    (
        _distilled(_CAMVID, "kd"),
        "The same student, distilled from CamVid's teacher: class probabilities alone (--root FOLDER).",
    ),
    (_distilled(_CAMVID, "cirkd"), "The same student, distilled with CIRKD from CamVid's teacher (--root FOLDER)."),
    (
        _CAMVID_FEW,
        "The student with the labels of an eighth of CamVid's frames, trained on these alone (--root FOLDER).",
    ),
    (
        _distilled(_CAMVID_FEW, "kd"),
        "The same, and the teacher's class probabilities on all frames of CamVid (--root FOLDER).",
    ),
    (
        _distilled(_CAMVID_FEW, "cirkd", teacher_labels=True),
        "The same with CIRKD; where labels lack, the memory goes by the teacher's predictions (--root FOLDER).",
    ),
)
RECIPES: dict[str, Callable[[], Recipe]] = {recipe.name: _making(recipe, about) for recipe, about in _KNOWN}

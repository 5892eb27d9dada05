"""Recipes for the data at hand: the bundled streets, and CamVid's photographs with small networks.

They are made for two CPU cores and a schedule of minutes. On the streets networks see frames at half resolution: a crop
is then a whole frame at scale 1, and a student gets as far in 600 steps as in 800 on crops of full resolution. CamVid's
frames are smaller and seen as they are.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cirkd.data.transforms import Augmentation
from cirkd.training.recipes.methods import METHODS
from cirkd.training.recipes.recipe import Network, Recipe

HALF = 0.5
# The weight of the mini-batch relations, for which the paper takes 1. In a schedule this short the student has yet to
# learn its classes, and at 1 these relations outweigh the task in its gradient (checkpoints/README.md has the figures).
MINIBATCH_WEIGHT = 0.1
CAMVID_CROPS = Augmentation(crop=(160, 208), scale=(0.5, 1.5))
TEACHER = Network(encoder="tu-tf_efficientnet_lite0", embedding_channels=128, pretrained=True, input_scale=HALF)
STUDENT = Network(input_scale=HALF)


def streets_teacher() -> Recipe:
    """Teacher on the bundled streets: DeepLabV3, EfficientNet-Lite0 with ImageNet weights."""
    return Recipe(name="streets-teacher", network=TEACHER, steps=600, learning_rate=0.03)


def streets_baseline() -> Recipe:
    """Student trained alone on the bundled streets: DeepLabV3, MobileNetV3-small-0.5 from scratch."""
    return Recipe(name="streets-baseline", network=STUDENT)


def streets_kd() -> Recipe:
    """The same student, distilled from the streets' teacher: class probabilities alone (KD)."""
    return _distilled(streets_baseline(), "kd")


def streets_skd() -> Recipe:
    """The same, with the structure within each image (SKD); its adversarial term is an option."""
    return _distilled(streets_baseline(), "skd")


def streets_ifvd() -> Recipe:
    """The same, with the variation of features within each class (IFVD)."""
    return _distilled(streets_baseline(), "ifvd")


def streets_cwd() -> Recipe:
    """The same, with where each channel of embedding and logits looks (CWD)."""
    return _distilled(streets_baseline(), "cwd")


def streets_at() -> Recipe:
    """The same, with where the embedding is active (attention transfer, AT)."""
    return _distilled(streets_baseline(), "at")


def streets_fitnet() -> Recipe:
    """The same, with the teacher's embedding itself through a trained projection (FitNet)."""
    return _distilled(streets_baseline(), "fitnet")


def streets_dsd() -> Recipe:
    """The same, with similarities between stages and between classes (DSD)."""
    return _distilled(streets_baseline(), "dsd")


def streets_cirkd() -> Recipe:
    """The same student, distilled with CIRKD from the streets' teacher."""
    return _distilled(streets_baseline(), "cirkd", minibatch_pixel=MINIBATCH_WEIGHT)


def streets_cirkdv2() -> Recipe:
    """CIRKD with relations between channels and a context module before a FitNet term (CIRKDv2)."""
    return _distilled(streets_baseline(), "cirkdv2", minibatch_pixel=MINIBATCH_WEIGHT)


def streets_cirkd_plus() -> Recipe:
    """CIRKD and channel-wise distillation together: our own addition to the method, which no paper has."""
    return _distilled(streets_baseline(), "cirkd-plus", minibatch_pixel=MINIBATCH_WEIGHT)


def camvid_teacher() -> Recipe:
    """Teacher on CamVid's photographs (--root FOLDER): DeepLabV3, EfficientNet-Lite0 with ImageNet weights."""
    return replace(_on_camvid(streets_teacher()), steps=400)


def camvid_baseline() -> Recipe:
    """Student trained alone on CamVid (--root FOLDER)."""
    return replace(_on_camvid(streets_baseline()), steps=800)


def camvid_kd() -> Recipe:
    """The same student, distilled from CamVid's teacher: class probabilities alone (--root FOLDER)."""
    return _distilled(camvid_baseline(), "kd")


def camvid_cirkd() -> Recipe:
    """The same student, distilled with CIRKD at the paper's weights from CamVid's teacher (--root FOLDER)."""
    return _distilled(camvid_baseline(), "cirkd")


def _distilled(baseline: Recipe, method: str, **weights: float) -> Recipe:
    """A baseline's recipe with a method's objective and the teacher of its data."""
    return replace(
        baseline,
        name=f"{baseline.data}-{method}",
        teacher=Path(f"checkpoints/{baseline.data}-teacher.safetensors"),
        objective=replace(METHODS[method], auxiliary=0.0, **weights),
    )


def _on_camvid(recipe: Recipe) -> Recipe:
    return replace(
        recipe,
        name=recipe.name.replace("streets", "camvid"),
        data="camvid",
        network=replace(recipe.network, input_scale=1.0),
        augmentation=CAMVID_CROPS,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "streets-teacher": streets_teacher,
    "streets-baseline": streets_baseline,
    "streets-kd": streets_kd,
    "streets-skd": streets_skd,
    "streets-ifvd": streets_ifvd,
    "streets-cwd": streets_cwd,
    "streets-at": streets_at,
    "streets-fitnet": streets_fitnet,
    "streets-dsd": streets_dsd,
    "streets-cirkd": streets_cirkd,
    "streets-cirkdv2": streets_cirkdv2,
    "streets-cirkd-plus": streets_cirkd_plus,
    "camvid-teacher": camvid_teacher,
    "camvid-baseline": camvid_baseline,
    "camvid-kd": camvid_kd,
    "camvid-cirkd": camvid_cirkd,
}

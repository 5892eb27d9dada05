"""The paper's recipes: what they say, and two real steps of each on a tiny folder in the real layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.checkpoint import save_checkpoint
from cirkd.data.catalog import open_data
from cirkd.data.errors import CheckpointError
from cirkd.data.transforms import Augmentation
from cirkd.models.build import build_segmenter
from cirkd.training import trainer
from cirkd.training.recipes import Recipe, find_recipe, paper
from cirkd.training.setup import build_student
from tests.data.trees import cityscapes, voc
from tests.training.tiny import MEMORY, write_camvid

TREES: dict[str, Callable[[Path], object]] = {"cityscapes": cityscapes, "voc": voc, "camvid": write_camvid}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Data set -> its folder, and a teacher of its classes."""
    found = {}
    for name, write in TREES.items():
        folder = tmp_path_factory.mktemp(name)
        write(folder)
        classes = open_data(name, "val", folder).classes
        assert classes is not None
        teacher = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", classes, embedding_channels=24)
        save_checkpoint(folder / "teacher.safetensors", teacher)
        found[name] = (folder, folder / "teacher.safetensors")
    return found


def tiny(recipe: Recipe, folders: dict[str, tuple[Path, Path]], runs: Path) -> Recipe:
    """The recipe's network and objective on small crops from fresh weights."""
    root, teacher = folders[recipe.data]
    return replace(
        recipe,
        root=root,
        teacher=None if recipe.teacher is None else teacher,
        runs=runs,
        batch_size=2,
        workers=0,
        memory=MEMORY,
        augmentation=Augmentation(crop=(64, 64)),
        network=replace(recipe.network, pretrained=False),
    )


# One recipe for each network, and each data set at least once; the others of a night.
OFTEN = (
    "paper-cityscapes-teacher",
    "paper-camvid-resnet18-cirkd",
    "paper-cityscapes-mobilenetv2-cirkd",
    "paper-voc-pspnet-cirkd",
    "paper-cityscapes-segformer-teacher",
    "paper-cityscapes-segformer-cirkd",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.nightly) for name in paper.RECIPES]
)
def test_two_steps(name: str, folders: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    recipe = tiny(find_recipe(name), folders, tmp_path)
    stated = find_recipe(name)
    with torch.random.fork_rng():
        run = trainer._Run(recipe, False)
        batches = run._batches()
        run.steps(next(batches))
        before = [weight.detach().clone() for weight in run.module.student.parameters()]
        terms = run.steps(next(batches))
    assert run.step == 2
    wanted = {"task", *(["auxiliary"] if stated.network.auxiliary else [])}
    if "cirkd" in name:
        wanted |= {"kd", "minibatch_pixel", "memory_pixel", "memory_region"}
    assert terms.keys() == wanted
    assert terms["task"] > 0 and all(torch.isfinite(value) and value >= -1e-6 for value in terms.values())
    assert run.module.student.info.embedding_channels == stated.network.embedding_channels
    assert run.module.student.info.output_stride == stated.network.output_stride
    # The second step's rate, and what it did to the weights by the optimizer's own rule.
    rate = stated.learning_rate * (1 - 1 / 40_000) ** 0.9 if not stated.warmup else stated.learning_rate * 2 / 1500
    for group in run.steps.optimizer.param_groups:
        assert group["lr"] == pytest.approx(rate, rel=1e-3)
        assert group["weight_decay"] in (stated.weight_decay, 0.0)
    if stated.optimizer == "sgd":
        for old, new in zip(before, run.module.student.parameters(), strict=True):
            velocity = run.steps.optimizer.state[new]["momentum_buffer"]
            torch.testing.assert_close(new.detach(), old - rate * velocity, rtol=1e-5, atol=1e-6)
        assert {group["momentum"] for group in run.steps.optimizer.param_groups} == {0.9}


def test_they_are_the_papers() -> None:
    recipe = find_recipe("paper-cityscapes-resnet18-cirkd")
    assert (recipe.augmentation.crop, recipe.batch_size, recipe.steps) == ((512, 1024), 16, 40_000)
    assert (recipe.learning_rate, recipe.momentum, recipe.weight_decay, recipe.power) == (0.02, 0.9, 1e-4, 0.9)
    weights = recipe.objective
    assert (weights.auxiliary, weights.kd, weights.minibatch_pixel) == (0.4, 1.0, 1.0)
    assert (weights.memory_pixel, weights.memory_region, weights.temperature) == (0.1, 0.1, 0.1)
    memory = recipe.memory
    assert (memory.pixel_queue_size, memory.region_queue_size) == (20_000, 2_000)
    assert (memory.pixel_contrast, memory.region_contrast, memory.pixels_per_class) == (4_096, 1_024, 16)
    on_voc = find_recipe("paper-voc-pspnet-cirkd")
    assert (on_voc.objective.memory_pixel, on_voc.objective.memory_region) == (0.01, 0.01)
    assert (on_voc.train_split, on_voc.augmentation.crop) == ("train_aug", (512, 512))
    assert find_recipe("paper-camvid-teacher").augmentation.crop == (360, 360)
    assert find_recipe("paper-camvid-teacher").network.encoder == "resnet101"
    segformer = find_recipe("paper-cityscapes-segformer-cirkd")
    assert (segformer.objective.relation_stride, segformer.memory.pixel_queue_size) == (8, 2_000)
    assert all(make().network.pretrained and not make().augmentation.color for make in paper.RECIPES.values())


def test_alone_and_distilled_differ_in_the_method_alone() -> None:
    for name, make in paper.RECIPES.items():
        if name.endswith("cirkd"):
            alone, distilled = find_recipe(name.replace("cirkd", "baseline")), make()
            same = {"name": alone.name, "teacher": None, "objective": alone.objective, "memory": alone.memory}
            assert replace(distilled, **same) == alone


def test_the_published_run_differs_from_ours_as_it_says() -> None:
    ours, published = (find_recipe(f"paper-cityscapes-resnet18-cirkd{end}") for end in ("", "-as-published"))
    same = {"name": ours.name, "memory": ours.memory, "network": ours.network, "objective": ours.objective}
    assert replace(published, **same) == ours
    assert replace(published.objective, means_by_process=False) == ours.objective
    assert replace(published.network, layout="cirkd") == ours.network
    memory = published.memory
    choices = memory.indexing, memory.enqueue, memory.initial, memory.overflow, memory.slots
    assert choices == ("published", "before", "noise", "jump", "shared")
    assert (
        replace(ours.memory, **dict(zip(("indexing", "enqueue", "initial", "overflow", "slots"), choices, strict=True)))
        == memory
    )


def test_a_published_encoder_starts_from_a_file(folders: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    recipe = tiny(find_recipe("paper-cityscapes-resnet18-cirkd-as-published"), folders, tmp_path)
    data = open_data(recipe.data, "val", recipe.root)
    wanted = {
        key: torch.rand_like(value) if value.is_floating_point() else value
        for key, value in build_student(recipe, data).encoder.state_dict().items()
    }
    path = tmp_path / "resnet18-imagenet.pth"
    torch.save({**wanted, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, path)
    network = replace(recipe.network, pretrained=True, encoder_weights=path)
    student = build_student(replace(recipe, network=network), data)
    assert all(torch.equal(value, wanted[key]) for key, value in student.encoder.state_dict().items())
    torch.save({**wanted, "conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"not the weights of the published resnet18 \(conv1\.weight is"):
        build_student(replace(recipe, network=network), data)


def test_a_rival_on_the_papers_network() -> None:
    recipe = paper.distilled(paper.VOC, "mobilenetv2", "cwd")
    assert recipe.name == "paper-voc-mobilenetv2-cwd" and recipe.objective.channel_wise_embedding == 50
    assert recipe.teacher == Path("runs/paper-voc-teacher/paper-voc-teacher.safetensors")

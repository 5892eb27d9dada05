"""Teachers of other projects and of classes in another order; training and validation images that overlap."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.catalog import open_data
from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.sample import Classes
from cirkd.data.transforms import Augmentation
from cirkd.losses.objective import Objective
from cirkd.models.build import build_segmenter
from cirkd.models.segmenter import Preprocessing
from cirkd.training.batches import Batches
from cirkd.training.recipes import Recipe
from cirkd.training.setup import load_teacher, warn_of_overlap

NAMES = ("wall", "tree", "road", "sky")


def named(*names: str, guessed: bool = False) -> Classes:
    return Classes(names, tuple((i, i, i) for i in range(len(names))), guessed=guessed)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
            tmp_path / "data" / "images" / f"{i}.png"
        )
        label = generator.integers(0, 4, (32, 32), dtype=np.uint8)
        label[0, 0] = 9
        Image.fromarray(label).save(tmp_path / "data" / "labels" / f"{i}.png")
    (tmp_path / "data" / "classes.json").write_text(json.dumps(NAMES))
    return tmp_path


def recipe(root: Path, classes: Classes) -> Recipe:
    """A recipe whose teacher is a network of these classes."""
    torch.manual_seed(0)
    network = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", classes, embedding_channels=8)
    save_checkpoint(root / "teacher.safetensors", network)
    return Recipe("own", data="folder", root=root / "data", teacher=root / "teacher.safetensors", objective=Objective())


def test_a_teachers_scores_are_put_in_the_data_sets_order(root: Path) -> None:
    wanted = recipe(root, named("sky", "boat", "road", "tree", "wall"))
    data = open_data("folder", root=root / "data")
    with pytest.warns(UserWarning, match="1 classes that folder has not"):
        teacher = load_teacher(wanted, data, torch.device("cpu"))
    assert teacher is not None
    assert teacher.info.classes.names == NAMES
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        own, ordered = load_model(wanted.teacher, "cpu")(image).logits, teacher(image).logits  # type: ignore[arg-type]
    # The teacher lies channels last, so that its last bits are others than those of the file's own layout.
    torch.testing.assert_close(ordered, own[:, [4, 3, 2, 0]])


def test_what_had_to_be_assumed_of_a_teacher_is_said(root: Path) -> None:
    wanted = recipe(root, named(*NAMES))
    teacher = load_model(root / "teacher.safetensors", "cpu")
    teacher.info = replace(teacher.info, notes=("of raw and averaged weights the raw ones are taken",))
    save_checkpoint(root / "teacher.safetensors", teacher)
    with pytest.warns(UserWarning, match="raw and averaged weights"):
        load_teacher(wanted, open_data("folder", root=root / "data"), torch.device("cpu"))


def test_a_teacher_without_names_takes_those_of_the_data_set_and_says_so(root: Path) -> None:
    data = open_data("folder", root=root / "data")
    with pytest.warns(UserWarning, match="in their order"):
        assert (
            load_teacher(recipe(root, named("a", "b", "c", "d", guessed=True)), data, torch.device("cpu")) is not None
        )
    with pytest.raises(CheckpointError, match="name the network's classes with --classes FILE"):
        load_teacher(recipe(root, named("a", "b", "c", "d")), data, torch.device("cpu"))


def test_images_that_are_trained_on_and_evaluated_on_are_said_loudly(root: Path) -> None:
    own = recipe(root, named(*NAMES))
    splits = [open_data("folder", split, root / "data") for split in ("train", "val", "0-80%", "80-100%")]
    with pytest.warns(UserWarning, match="10 of the 10 images"):
        warn_of_overlap(own, splits[0], splits[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_overlap(own, splits[2], splits[3])
    assert [len(split) for split in splits] == [10, 10, 8, 2]


def test_labels_that_are_no_class_are_ignored_and_named(root: Path) -> None:
    data = open_data("folder", root=root / "data")
    batches = Batches(
        data, Augmentation((32, 32), scale=(1, 1), flip=0, color=0), Preprocessing(), batch_size=1, seed=0
    )
    with pytest.warns(UserWarning, match="labels 9 are none of the 4 classes"):
        labels = batches[0].labels
    assert set(labels.unique().tolist()) == {0, 1, 2, 3, 255}
    (root / "data" / "labels" / "3.png").unlink()
    bare = replace_data(batches, open_data("folder", root=root / "data"))
    with pytest.raises(DataError, match="has no label map; train on images that have one"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(10):
            bare[step]


def replace_data(batches: Batches, data: object) -> Batches:
    """The same batches of another data set."""
    return Batches(data, batches.augmentation, batches.preprocessing, batch_size=1, seed=0)  # type: ignore[arg-type]

"""Small recipes on a tiny CamVid tree."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.data.transforms import Augmentation
from cirkd.losses.objective import Objective
from cirkd.training.recipes import Network, Recipe
from cirkd.training.trainer import train
from tests.training.tiny import MEMORY, write_camvid

SMALL = Network(embedding_channels=16, atrous_rates=(1, 2, 3))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Bitwise comparisons between processes need the same number of threads in each."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture
def baseline(camvid: Path, tmp_path: Path) -> Recipe:
    """Six steps of a small student alone."""
    return Recipe(
        name="baseline",
        data="camvid",
        root=camvid,
        network=SMALL,
        augmentation=Augmentation(crop=(48, 64), scale=(0.8, 1.2)),
        steps=6,
        batch_size=2,
        learning_rate=0.02,
        warmup=0,
        evaluate_every=0,
        snapshot_every=3,
        save_every=1,
        journal_every=1,
        workers=0,
        runs=tmp_path / "runs",
    )


@pytest.fixture(scope="session")
def teacher(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of a few steps: its quality doesn't matter here, its being a real checkpoint does."""
    folder = tmp_path_factory.mktemp("teacher")
    recipe = Recipe(
        name="teacher",
        data="camvid",
        root=camvid,
        network=replace(SMALL, embedding_channels=24),
        augmentation=Augmentation(crop=(48, 64)),
        steps=3,
        batch_size=2,
        evaluate_every=0,
        workers=0,
        runs=folder,
    )
    train(recipe)
    return recipe.checkpoint


@pytest.fixture
def distilled(baseline: Recipe, teacher: Path) -> Recipe:
    """Six steps of the same student with every term of CIRKD."""
    return replace(
        baseline,
        name="cirkd",
        teacher=teacher,
        teacher_precision="float32",
        objective=Objective(auxiliary=0.0),
        memory=MEMORY,
    )

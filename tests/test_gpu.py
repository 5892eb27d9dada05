"""What users do on a GPU gives what it gives on a CPU. The losses' vectors are checked there by their own tests."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.checkpoint import load_model
from cirkd.data.catalog import open_data
from cirkd.study import Study
from cirkd.training import trainer
from cirkd.training.evaluate import evaluate
from cirkd.training.journal import read_journal
from cirkd.training.recipes import RECIPES, Recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"


@pytest.fixture(autouse=True)
def full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def open_study(device: str) -> Study:
    paths = {
        role: CHECKPOINTS / f"streets-{name}.safetensors"
        for role, name in (("teacher", "teacher"), ("before", "baseline"), ("after", "cirkd"))
    }
    return Study.open(**paths, images=open_data("streets", "val"), indices=range(3), device=device, precision="float32")


def test_a_study_shows_the_same() -> None:
    there, here = open_study("cuda"), open_study("cpu")
    for role, score in here.scores().models.items():
        assert there.scores().models[role].miou == pytest.approx(score.miou, abs=5e-4)
    assert len(here.divergence().mean) == 2
    for role, value in here.divergence().mean.items():
        assert there.divergence().mean[role] == pytest.approx(value, rel=2e-3)
    for name in ("fisher_ratio", "cka_to_teacher", "neighbour_overlap"):
        for role, value in getattr(here.centroids(), name).items():
            assert getattr(there.centroids(), name)[role] == pytest.approx(value, rel=2e-2, nan_ok=True)


def test_a_checkpoint_scores_the_same() -> None:
    path, data = CHECKPOINTS / "streets-cirkd.safetensors", open_data("streets", "val")
    there, here = (evaluate(load_model(path, torch.device(device)), data) for device in ("cuda", "cpu"))
    assert there.miou == pytest.approx(here.miou, abs=0.05)


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_a_run_trains_and_goes_on(tmp_path: Path, precision: str) -> None:
    recipe = replace(
        RECIPES["streets-cirkd"](),
        runs=tmp_path,
        steps=6,
        batch_size=4,
        precision=precision,
        workers=0,
        teacher=CHECKPOINTS / "streets-teacher.safetensors",
    )
    half_way(recipe)
    result = trainer.train(recipe, resume=True)
    assert result.finished and result.evaluation is not None
    losses = [event["raw"] for event in read_journal(recipe.run_folder / "journal.jsonl") if event["kind"] == "train"]
    assert losses and all(math.isfinite(value) for terms in losses for value in terms.values())
    again = evaluate(load_model(recipe.checkpoint, torch.device("cuda")), open_data("streets", "val"))
    assert again.miou == pytest.approx(result.evaluation.miou, abs=0.05)


def half_way(recipe: Recipe) -> None:
    """The run's first three steps, and its state."""
    run = trainer._Run(recipe, False)
    for _, batch in zip(range(3), run._batches(), strict=False):
        run.steps(batch)
    run._save()

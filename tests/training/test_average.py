"""The average of a run's weights: against the sum written out, and resumed as if never stopped."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cirkd.checkpoint import load_model
from cirkd.training import trainer
from cirkd.training.recipes import Recipe
from cirkd.training.steps import WeightAverage
from cirkd.training.trainer import train


def test_the_average_is_the_decayed_sum_of_all_steps(distilled: Recipe) -> None:
    student = trainer._Run(replace(distilled, runs=distilled.runs / "other"), False).module.student
    average = WeightAverage(student, 0.9)
    weight = student.classifier.weight
    expected = weight.detach().clone().double()
    for step in range(1, 40):
        with torch.no_grad():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(step)))
        average.update(student, step)
        decay = 0.0 if step == 1 else min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach().double()
    torch.testing.assert_close(average.student.classifier.weight.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_what_is_saved_is_the_average_and_resuming_keeps_it(distilled: Recipe, tmp_path: Path) -> None:
    recipe = replace(distilled, average=0.5, save_every=3)
    train(recipe)
    state = torch.load(recipe.run_folder / "state.pt", weights_only=True)
    averaged = state["average"]["averaged.module.classifier.weight"]
    assert not torch.equal(averaged, state["module"]["student.classifier.weight"])
    written = load_model(recipe.checkpoint, "cpu").classifier.weight
    torch.testing.assert_close(written, averaged, rtol=2e-3, atol=2e-3)

    other = replace(recipe, runs=tmp_path / "resumed")
    run = trainer._Run(other, False)
    for batch in run._batches():
        run.steps(batch)
        if run.step == 3:
            break
    run._save()
    train(other, resume=True)
    resumed = torch.load(other.run_folder / "state.pt", weights_only=True)
    assert torch.equal(resumed["average"]["averaged.module.classifier.weight"], averaged)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_an_average_changes_nothing_of_what_is_trained(distilled: Recipe, tmp_path: Path, decay: float) -> None:
    plain, with_average = replace(distilled, runs=tmp_path / "plain"), replace(distilled, average=decay)
    train(plain)
    train(with_average)
    one, other = (torch.load(r.run_folder / "state.pt", weights_only=True)["module"] for r in (plain, with_average))
    assert all(torch.equal(value, other[name]) for name, value in one.items())

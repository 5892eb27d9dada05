"""One training step of the recipe `streets-cirkd`, with all its terms and with task and kd alone."""

import dataclasses
import statistics
import time
from collections.abc import Iterator

import torch

from cirkd.data.catalog import open_data
from cirkd.losses.objective import Objective
from cirkd.models.inference import autocast
from cirkd.training.batches import Batch, Batches
from cirkd.training.distillation import Distillation
from cirkd.training.recipes import RECIPES, Recipe
from cirkd.training.setup import build_memory, build_student, load_teacher

OBJECTIVES = {"task + kd": {"minibatch_pixel": 0.0, "memory_pixel": 0.0, "memory_region": 0.0}, "all terms": {}}
FILLING = 12  # steps before anything is timed, so that the memory is drawn from in full


class Stepper:
    """A run of the recipe, one step at a time.

    Args:
        objective: its terms.
    """

    def __init__(self, recipe: Recipe, objective: Objective, device: torch.device) -> None:
        self.recipe, self.objective, self.device = recipe, objective, device
        data = open_data(recipe.data, "train", recipe.root)
        teacher = load_teacher(recipe, data, device)
        assert teacher is not None
        self.teacher = teacher
        torch.manual_seed(recipe.seed)
        student = build_student(recipe, data).to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.module = Distillation(student, build_memory(recipe, student, teacher), None, objective).to(device).train()
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum)
        self.draws = torch.Generator().manual_seed(recipe.seed + 1)
        self.done = 0

    def step(self, batch: Batch) -> float:
        """Train on a batch; how many seconds that took."""
        start = time.perf_counter()
        theirs = self.module.student.info.preprocessing.convert(batch.images, self.teacher.info.preprocessing)
        with torch.no_grad(), autocast(self.device, self.recipe.teacher_precision):
            output = self.teacher(theirs)
        output = dataclasses.replace(output, logits=output.logits.float(), embedding=output.embedding.float())
        terms = self.module(batch, output, self.draws, self.done)
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.total(terms).backward()
        self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.done += 1
        return time.perf_counter() - start


def step_seconds(repeats: int, device: torch.device) -> dict[str, float]:
    """Median seconds a step by objective, taken in turn on the same batches."""
    recipe = RECIPES["streets-cirkd"]()
    steppers = {
        name: Stepper(recipe, dataclasses.replace(recipe.objective, **weights), device)
        for name, weights in OBJECTIVES.items()
    }
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for batch in _batches(recipe, FILLING + repeats, device):
        for name, stepper in steppers.items():
            times[name].append(stepper.step(batch))
    return {name: statistics.median(seconds[FILLING:]) for name, seconds in times.items()}


def _batches(recipe: Recipe, count: int, device: torch.device) -> Iterator[Batch]:
    data = open_data(recipe.data, "train", recipe.root)
    preprocessing = build_student(recipe, data).info.preprocessing
    made = Batches(data, recipe.augmentation, preprocessing, batch_size=recipe.batch_size, seed=recipe.seed)
    for step in range(count):
        batch = made[step]
        yield Batch(batch.images.to(device, memory_format=torch.channels_last), batch.labels.to(device))


if __name__ == "__main__":
    found = step_seconds(20, torch.device("cpu"))
    print(found, f"ratio {found['all terms'] / found['task + kd']:.3f}")

"""One training step of the bundled recipes, side by side on the same batches: what it costs, and what of it.

`python -m benchmarks.step` profiles a student alone, with KD and with CIRKD, beside the bare network in a plain loop.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cirkd.data.catalog import open_data
from cirkd.losses.task import segmentation_cross_entropy
from cirkd.models.segmenter import SegmentationOutput
from cirkd.training import accelerating
from cirkd.training.batches import Batch, Batches
from cirkd.training.recipes import Recipe, find_recipe
from cirkd.training.setup import build_heads, build_memory, build_student, load_teacher
from cirkd.training.steps import Distillation, Steps
from cirkd.training.teaching import Teaching

RECIPES = ("streets-baseline", "streets-kd", "streets-cirkd")
OBJECTIVES = {"task + kd": {"minibatch_pixel": 0.0, "memory_pixel": 0.0, "memory_region": 0.0}, "all terms": {}}
FILLING = 12  # steps before anything is timed, so that the memory is drawn from in full
BARS = {
    "CIRKD's step over KD's": 1.35,
    "student alone over the bare network": 1.1,
    "kept outputs of the teacher, of KD's step": 0.05,
    "waiting for data, of the student's step alone": 0.05,
}


class Stepper:
    """A run of a recipe, one step at a time, by the trainer's own `Steps`.

    Args:
        kept: a folder of the teacher's outputs, where they are to be kept.

    Attributes:
        seconds: of each step taken; teaching: what of it the teacher took.
    """

    def __init__(self, recipe: Recipe, kept: Path | None = None) -> None:
        recipe = dataclasses.replace(recipe, teacher_outputs=kept)
        accelerator = accelerating.make_accelerator(recipe)
        self.device = accelerator.device
        data = open_data(recipe.data, "train", recipe.root)
        teacher = load_teacher(recipe, data, self.device)
        torch.manual_seed(recipe.seed)
        student = build_student(recipe, data).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        memory, heads = build_memory(recipe, student, teacher), build_heads(recipe, student, teacher)
        place = accelerating.processes_of(accelerator)
        self.teacher = None if teacher is None else Teaching(teacher, recipe, student.info.preprocessing, place)
        module = Distillation(student, memory, heads, recipe.objective)
        self.steps = Steps(recipe, module, None if teacher is None else self._teach, accelerator)
        self.seconds: list[float] = []
        self.teaching: list[float] = []

    def step(self, batch: Batch) -> None:
        self.seconds.append(_seconds(lambda: self.steps(batch), self.device))

    def _teach(self, images: Tensor, step: int, part: int) -> SegmentationOutput:
        said: list[SegmentationOutput] = []
        assert self.teacher is not None
        teaching = self.teacher
        self.teaching.append(_seconds(lambda: said.append(teaching(images, step, part)), self.device))
        return said[0]


class Bare:
    """The student of a recipe in a plain loop: forward, cross-entropy, backward, optimiser."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.device = device
        torch.manual_seed(recipe.seed)
        student = build_student(recipe, open_data(recipe.data, "train", recipe.root))
        self.student = student.to(device, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
        self.optimizer = accelerating.make_optimizer(recipe, self.student)
        self.seconds: list[float] = []

    def step(self, batch: Batch) -> None:
        self.seconds.append(_seconds(lambda: self._step(batch), self.device))

    def _step(self, batch: Batch) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.student(batch.images).logits
        segmentation_cross_entropy(logits, batch.labels, self.student.info.classes.ignore_index).backward()
        self.optimizer.step()


def step_seconds(repeats: int, device: torch.device) -> dict[str, float]:
    """Median seconds of a step of `streets-cirkd`, with all its terms and with task and kd alone."""
    recipe = find_recipe("streets-cirkd")
    steppers = {
        name: Stepper(dataclasses.replace(recipe, objective=dataclasses.replace(recipe.objective, **weights)))
        for name, weights in OBJECTIVES.items()
    }
    for batch in _batches(recipe, FILLING + repeats, device):
        for stepper in steppers.values():
            stepper.step(batch)
    return {name: statistics.median(stepper.seconds[FILLING:]) for name, stepper in steppers.items()}


def profile(repeats: int, filling: int = FILLING) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over steps that are taken in turn on the same batches.

    Returns:
        Seconds by what they were spent on, and the quotients that `BARS` bounds.
    """
    recipes = [find_recipe(name) for name in RECIPES]
    with tempfile.TemporaryDirectory() as kept:
        steppers = {recipe.name: Stepper(recipe) for recipe in recipes}
        device = next(iter(steppers.values())).device
        # The same steps again: first it keeps what the teacher says, then finds it there.
        cached = [Stepper(find_recipe("streets-kd"), Path(kept)) for _ in range(2)]
        loops: dict[str, Any] = {**steppers, "bare network": Bare(recipes[0], device), "kept": cached[1]}
        for batch in _batches(recipes[0], filling + repeats, device):
            cached[0].step(batch)
            for loop in loops.values():
                loop.step(batch)
    found = {name: statistics.median(loop.seconds[filling:]) for name, loop in loops.items()}
    found["teacher"] = statistics.median(steppers["streets-kd"].teaching[filling:])
    found["teacher's kept outputs"] = statistics.median(cached[1].teaching[filling:])
    found["waiting for data"] = _waiting(recipes[0], repeats, found["streets-baseline"])
    baseline, kd, cirkd = (found[name] for name in RECIPES)
    shares = (
        cirkd / kd,
        baseline / found["bare network"],
        found["teacher's kept outputs"] / found.pop("kept"),
        found["waiting for data"] / baseline,
    )
    return found, dict(zip(BARS, shares, strict=True))


def _waiting(recipe: Recipe, repeats: int, busy: float) -> float:
    """Median seconds that a loop which is busy for so long a step waits for its next batch."""
    data = open_data(recipe.data, "train", recipe.root)
    preprocessing = build_student(recipe, data).info.preprocessing
    made = Batches(data, recipe.augmentation, preprocessing, batch_size=recipe.batch_size, seed=recipe.seed)
    epoch = len(data) // recipe.batch_size + 1  # images are decoded in the first one
    waits = []
    batches = iter(made.loader(range(epoch + repeats), max(recipe.workers, 1)))
    for step in range(epoch + repeats):
        waits.append(_seconds(lambda: next(batches), torch.device("cpu")))
        if step >= epoch:
            time.sleep(busy)
    return statistics.median(waits[epoch + 1 :])


def _batches(recipe: Recipe, count: int, device: torch.device) -> Iterator[Batch]:
    data = open_data(recipe.data, "train", recipe.root)
    preprocessing = build_student(recipe, data).info.preprocessing
    made = Batches(data, recipe.augmentation, preprocessing, batch_size=recipe.batch_size, seed=recipe.seed)
    for step in range(count):
        batch = made[step]
        yield Batch(batch.images.to(device, memory_format=torch.channels_last), batch.labels.to(device))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="steps that are timed")
    found, shares = profile(parser.parse_args().repeats)
    for name, seconds in found.items():
        print(f"{name:48} {seconds * 1000:8.1f} ms")
    for name, share in shares.items():
        print(f"{name:48} {share:8.3f}  of at most {BARS[name]}{'' if share <= BARS[name] else '  MISSED'}")


if __name__ == "__main__":
    main()

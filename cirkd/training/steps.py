"""A training step, whole: teacher, student, terms, backward pass, optimiser, memory. All that trains takes these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from cirkd.losses.objective import Objective, Terms
from cirkd.losses.pixel_choice import Draws
from cirkd.models.segmenter import SegmentationOutput
from cirkd.training import engine, finite
from cirkd.training.average import WeightAverage
from cirkd.training.batches import Batch
from cirkd.training.distillation import Distillation
from cirkd.training.recipes import Recipe
from cirkd.training.schedule import polynomial_rate

if TYPE_CHECKING:
    from accelerate import Accelerator


class Steps:
    """Takes a run's training steps, one batch at a time; `train` and `tests/step_parity` drive the same.

    Args:
        recipe: Optimiser, schedule, objective and precision. With precision float64 the module becomes float64.
        module: What is trained; it goes to the accelerator's device.
        teaching: What the teacher says of a part of a step's batch, from images, step and part; None without teacher.
        accelerator: The device and the processes.

    Attributes:
        done: Steps taken so far.
        optimizer: Of all of the module's parameters.
        average: The weights' average, where the recipe asks for one.
        draws: Source of the memory's choices.
        latest: Terms of the step before, for the message of a run that diverges.

    Example:
        steps = Steps(recipe, Distillation(student, memory, heads, recipe.objective), teaching, accelerator)
        terms = steps(Batch(images, labels))
    """

    def __init__(
        self,
        recipe: Recipe,
        module: Distillation,
        teaching: Callable[[torch.Tensor, int, int], SegmentationOutput] | None,
        accelerator: Accelerator,
    ) -> None:
        self.recipe = recipe
        self.module = module.double() if recipe.precision == "float64" else module
        self.teaching = teaching
        self.accelerator = accelerator
        self.average = WeightAverage(module.student, recipe.average) if recipe.average else None
        self.wrapped, self.optimizer = accelerator.prepare(module, engine.make_optimizer(recipe, module))
        self.draws = torch.Generator().manual_seed(recipe.seed + 1)
        self.done = 0
        self.latest: dict[str, float] = {}

    def __call__(self, batch: Batch, draws: Draws = None) -> Terms:
        """Train on a batch; the raw terms, means over its parts.

        Args:
            batch: This process's share, on the device.
            draws: What the memory draws, where a recorded step is repeated; None draws from `self.draws`.

        Raises:
            TrainingError: the loss is not finite; no weight has changed.
        """
        recipe = self.recipe
        rate = polynomial_rate(
            self.done, base=recipe.learning_rate, steps=recipe.steps, power=recipe.power, warmup=recipe.warmup
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.module.train()
        self.optimizer.zero_grad(set_to_none=True)
        chosen = self.draws if draws is None else draws
        parts = [self._part(part, number, chosen) for number, part in enumerate(_parts(batch, recipe.accumulate))]
        self.optimizer.step()
        self.done += 1
        if self.average is not None:
            self.average.update(self.module.student, self.done)
        return {name: torch.stack([terms[name] for terms in parts]).mean(dim=0) for name in parts[0]}

    def objective(self, steps_back: int = 0) -> Objective:
        """With the weights of the step that is next, or of one before it."""
        return self.recipe.objective.at((self.done - steps_back) / self.recipe.steps)

    def _part(self, part: Batch, number: int, draws: Draws) -> Terms:
        """Add a part's gradient; processes exchange theirs at the last one."""
        recipe = self.recipe
        last = number == recipe.accumulate - 1
        with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
            taught = None if self.teaching is None else self.teaching(part.images, self.done, number)
            terms = self.wrapped(part, taught, draws, self.done)
            total = self.objective().total(terms)
            if any(engine.any_of(self.accelerator, not bool(torch.isfinite(total)))):
                raise finite.diverged(recipe.name, self.done, terms, self.latest, self.module)
            self.accelerator.backward(total / recipe.accumulate)
        return {name: value.detach() for name, value in terms.items()}


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in `count` equal parts."""
    for images, labels in zip(batch.images.chunk(count), batch.labels.chunk(count), strict=True):
        yield Batch(images, labels)

"""A training step, whole: teacher, student, terms, backward pass, optimiser, memory. All that trains takes these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cirkd.data.errors import TrainingError
from cirkd.losses.inputs import Share
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Heads, Objective, Terms
from cirkd.losses.pixel_choice import Draws
from cirkd.models.segmenter import SegmentationOutput, Segmenter
from cirkd.training import accelerating
from cirkd.training.batches import Batch
from cirkd.training.contents import contents
from cirkd.training.recipes import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator


def polynomial_rate(step: int, *, base: float, steps: int, power: float = 0.9, warmup: int = 0) -> float:
    """Learning rate of a step: linear rise over `warmup` steps, then `base * (1 - step / steps) ** power`.

    Args:
        step: From 0; the step about to be taken.
        base: The rate that the polynomial starts from.
        steps: Length of the run.
        power: 0.9 in the DeepLab papers and in CIRKD.
        warmup: Steps of linear rise; 0 for none.
    """
    rise = min(1.0, (step + 1) / (warmup + 1)) if warmup else 1.0
    return base * rise * (1 - step / steps) ** power


class WeightAverage(nn.Module):
    """The average that a run evaluates and saves in place of the last step's weights.

    After step t each weight and batch statistic is `decay` times what it was plus `1 - decay` times the student's;
    in the first steps the decay is smaller, (1 + t) / (10 + t), so that the start is forgotten.

    Args:
        student: The network in training; it is copied.
        decay: In (0, 1); 0.995 averages over the last 200 steps or so.

    Source: Polyak averaging, in the form of Tarvainen and Valpola (NeurIPS 2017).
    """

    def __init__(self, student: Segmenter, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.averaged = AveragedModel(student, use_buffers=True)

    @property
    def student(self) -> Segmenter:
        """The network with the averaged weights."""
        return self.averaged.module  # pyright: ignore[reportReturnType]

    def update(self, student: Segmenter, step: int) -> None:
        """Take in the student's weights after `step` steps."""
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))
        self.averaged.update_parameters(student)


class Distillation(nn.Module):
    """Student, memory, heads and objective as one module, so that their parameters are trained and wrapped together."""

    def __init__(
        self, student: Segmenter, memory: RelationMemory | None, heads: Heads | None, objective: Objective
    ) -> None:
        super().__init__()
        self.student = student
        self.memory = memory
        self.heads = heads
        self.objective = objective

    def forward(
        self,
        batch: Batch,
        teacher_output: SegmentationOutput | None,
        draws: Draws,
        step: int,
        share: Share | None = None,
    ) -> Terms:
        return self.objective.terms(
            student_output=self.student(batch.images),
            teacher_output=teacher_output,
            labels=batch.labels,
            memory=self.memory,
            heads=self.heads,
            generator=draws,
            step=step,
            ignore_index=self.student.info.classes.ignore_index,
            share=share,
        )


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
        contents: Of the files that the recipe names.

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
        self.wrapped, self.optimizer = accelerator.prepare(module, accelerating.make_optimizer(recipe, module))
        # A copy of the student where it now is, on the device.
        self.average = WeightAverage(module.student, recipe.average) if recipe.average else None
        self.draws = torch.Generator().manual_seed(recipe.seed + 1)
        self.done = 0
        self.latest: dict[str, float] = {}
        self.contents = contents(recipe, shown=accelerator.is_main_process)

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
        parts = [self._part(*part, chosen) for part in self._cut(batch)]
        self.optimizer.step()
        self.done += 1
        if self.average is not None:
            self.average.update(self.module.student, self.done)
        return {name: torch.stack([terms[name] for terms in parts]).mean(dim=0) for name in parts[0]}

    def objective(self, steps_back: int = 0) -> Objective:
        """With the weights of the step that is next, or of one before it."""
        return self.recipe.objective.at((self.done - steps_back) / self.recipe.steps)

    def _cut(self, batch: Batch) -> Iterator[tuple[Batch, SegmentationOutput | None, Share | None, bool]]:
        """The parts of a batch, what the teacher says of each, what all are parts of, and whether it is the last."""
        number = self.recipe.accumulate
        pairs = zip(batch.images.chunk(number), batch.labels.chunk(number), strict=True)
        parts = [Batch(*pair) for pair in pairs]
        teach = self.teaching
        taught = (teach(part.images, self.done, place) if teach else None for place, part in enumerate(parts))
        share = Share(batch.labels) if number > 1 else None
        if share and teach and self.recipe.objective.teacher_labels:
            outputs = [teach(part.images, self.done, place) for place, part in enumerate(parts)]
            taught, share = iter(outputs), replace(share, teacher_logits=torch.cat([o.logits for o in outputs]))
        for place, (part, output) in enumerate(zip(parts, taught, strict=True)):
            yield part, output, share, place == number - 1

    def _part(
        self, part: Batch, taught: SegmentationOutput | None, share: Share | None, last: bool, draws: Draws
    ) -> Terms:
        """Add a part's gradient; processes exchange theirs at the last one."""
        recipe = self.recipe
        with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
            terms = self.wrapped(part, taught, draws, self.done, share)
            total = self.objective().total(terms)
            if any(accelerating.any_of(self.accelerator, not bool(torch.isfinite(total)))):
                raise diverged(recipe.name, self.done, terms, self.latest, self.module)
            self.accelerator.backward(total / recipe.accumulate)
        return {name: value.detach() for name, value in terms.items()}


def broken_weight(module: nn.Module) -> str | None:
    """The first parameter that holds NaN or infinity."""
    return next((name for name, value in module.named_parameters() if not torch.isfinite(value).all()), None)


def diverged(name: str, step: int, terms: Terms, before: Mapping[str, float], module: nn.Module) -> TrainingError:
    """The error of a run whose loss is not finite.

    Args:
        name: of the run.
        step: steps done when it was found.
        terms: as they are now.
        before: as they were a step ago, as far as there was one.
        module: what is trained, to see whether its weights are to blame.
    """
    broken = [term for term, value in terms.items() if not torch.isfinite(value)] or ["their sum"]
    known = [f"{term} {before[term]:.4g}" for term in broken if term in before]
    since = f" (a step before: {', '.join(known)})" if known else ""
    weight = broken_weight(module)
    weights = "" if weight is None else f", and the weights {weight} are not either"
    return TrainingError(
        f"{name}: {', '.join(broken)} not finite since step {step}{since}{weights}; train again with a lower "
        "--learning-rate, or with --precision float32"
    )


def require_finite_weights(name: str, step: int, module: nn.Module) -> None:
    """Before a state is saved: what has diverged does not replace the last good one.

    Raises:
        TrainingError: a weight is not finite.
    """
    weight = broken_weight(module)
    if weight is not None:
        raise TrainingError(
            f"{name}: the weights {weight} are not finite since step {step}; the state saved before is untouched; "
            "train again with a lower --learning-rate"
        )

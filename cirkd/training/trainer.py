"""The training loop: recipe in, checkpoint out; stops and resumes anywhere."""

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.catalog import open_data
from cirkd.data.errors import CirkdError, TrainingError
from cirkd.data.sample import SegmentationData
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective, Terms
from cirkd.models.segmenter import SegmentationOutput, Segmenter
from cirkd.training.batches import Batch, Batches
from cirkd.training.evaluate import Evaluation, autocast, evaluate
from cirkd.training.journal import Journal
from cirkd.training.probe import save_snapshot
from cirkd.training.progress import Progress
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import load_state, save_state
from cirkd.training.runs import holding, note_launch
from cirkd.training.schedule import polynomial_rate
from cirkd.training.setup import build_memory, build_student, load_teacher, plain_recipe
from cirkd.training.stopping import stop_requests

_MIXED = {"float32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Args:
        steps: Steps done; fewer than the recipe's when the run was stopped.
        finished: Whether the run reached its end and wrote its checkpoint.
        evaluation: Scores at the end, when finished.
    """

    steps: int
    finished: bool
    evaluation: Evaluation | None


class Distillation(nn.Module):
    """Student, memory and objective as one module, so that their parameters are trained and wrapped together."""

    def __init__(self, student: Segmenter, memory: RelationMemory | None, objective: Objective) -> None:
        super().__init__()
        self.student = student
        self.memory = memory
        self.objective = objective

    def forward(
        self, batch: Batch, teacher_output: SegmentationOutput | None, generator: torch.Generator, step: int
    ) -> Terms:
        return self.objective.terms(
            student_output=self.student(batch.images),
            teacher_output=teacher_output,
            labels=batch.labels,
            memory=self.memory,
            generator=generator,
            step=step,
            ignore_index=self.student.info.classes.ignore_index,
        )


def train(recipe: Recipe, *, resume: bool = False, words: Sequence[str] = ()) -> Result:
    """Train as a recipe says.

    The run's folder gets `journal.jsonl`, `state.pt` and `snapshots/`; the checkpoint is written at the end.
    Ctrl-C and SIGTERM save the state and return; `resume` continues from it exactly.

    Args:
        words: Recipe and flags of the command line that says the same, kept with the run so that it can be resumed
            from elsewhere; of several processes, only the launcher can.

    Raises:
        CirkdError: data, teacher or state can't be used, or the loss is no longer finite.
    """
    _refuse_overwriting(recipe, resume)
    # The run's randomness is its own: the caller's generator is as before when it ends.
    # Of several processes of one run, the first holds its folder.
    held = holding(recipe.run_folder) if int(os.environ.get("RANK", "0")) == 0 else nullcontext()
    with held, torch.random.fork_rng(), stop_requests() as stopping:
        run = _Run(recipe, resume)
        if words and run.accelerator.num_processes == 1:
            note_launch(recipe.run_folder, words)
        try:
            return run.go(stopping)
        except CirkdError as error:
            run.journal.write("error", run.step, text=str(error))
            raise


class _Run:
    """A run in progress."""

    def __init__(self, recipe: Recipe, resume: bool) -> None:
        self.recipe = recipe
        self.folder = recipe.run_folder
        self.accelerator = Accelerator(mixed_precision=_MIXED[recipe.precision])
        self.train_data = open_data(recipe.data, "train", recipe.root)
        self.val_data = open_data(recipe.data, "val", recipe.root)
        self.teacher = load_teacher(recipe, self.train_data, self.accelerator.device)
        # Drawn after the teacher is loaded: the same seed starts every student alike, distilled or alone.
        torch.manual_seed(recipe.seed)
        student = build_student(recipe, self.train_data).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.module = Distillation(student, build_memory(recipe, student, self.teacher), recipe.objective)
        optimizer = torch.optim.SGD(
            self.module.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.wrapped, self.optimizer = self.accelerator.prepare(self.module, optimizer)
        self.memory_draws = torch.Generator().manual_seed(recipe.seed + 1)
        # From here on the global generator serves dropout alone, alike for every objective of the same seed.
        torch.manual_seed(recipe.seed + 2)
        self.step = self._load() if resume else 0
        self.resumed_at = self.step
        self.journal = Journal(self.folder / "journal.jsonl", resume_at=self.step if resume else None)

    def go(self, stopping: Any) -> Result:
        recipe = self.recipe
        classes = asdict(self.module.student.info.classes)
        self.journal.write("start", self.step, recipe=plain_recipe(recipe), classes=classes, resumed=self.step > 0)
        if self.step == 0:
            self._snapshot()
        with Progress(recipe.name, recipe.steps, self.step, self.accelerator.is_main_process) as progress:
            for batch in self._batches():
                terms = self._train_step(batch)
                self._record(terms, progress)
                if stopping.requested:
                    break
                if self.step < recipe.steps:
                    self._between_steps(progress)
        if self.step < recipe.steps:
            self._save()
            return Result(self.step, finished=False, evaluation=None)
        return Result(self.step, finished=True, evaluation=self._finish())

    def _batches(self) -> Iterator[Batch]:
        batches = Batches(
            self.train_data,
            self.recipe.augmentation,
            self.module.student.info.preprocessing,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        device = self.accelerator.device
        for batch in batches.loader(range(self.step, self.recipe.steps), self.recipe.workers):
            images = batch.images.to(device, non_blocking=True, memory_format=torch.channels_last)
            yield Batch(images, batch.labels.to(device, non_blocking=True))

    def _train_step(self, batch: Batch) -> Terms:
        recipe = self.recipe
        rate = polynomial_rate(
            self.step, base=recipe.learning_rate, steps=recipe.steps, power=recipe.power, warmup=recipe.warmup
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.module.train()
        terms = self.wrapped(batch, self._teach(batch.images), self.memory_draws, self.step)
        total = recipe.objective.total(terms)
        self._require_finite(terms, total)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        self.optimizer.step()
        self.step += 1
        return terms

    def _teach(self, images: Tensor) -> SegmentationOutput | None:
        if self.teacher is None:
            return None
        # Teacher and student may want their pixels scaled differently: each gets what it was trained on.
        theirs = self.module.student.info.preprocessing.convert(images, self.teacher.info.preprocessing)
        with torch.no_grad(), autocast(self.accelerator.device, self.recipe.teacher_precision):
            output = self.teacher(theirs)
        return SegmentationOutput(output.logits.float(), output.embedding.float())

    def _require_finite(self, terms: Terms, total: Tensor) -> None:
        if not torch.isfinite(total):
            broken = [name for name, value in terms.items() if not torch.isfinite(value)] or ["their sum"]
            raise TrainingError(
                f"{self.recipe.name}: {', '.join(broken)} not finite at step {self.step}; resume with "
                "a lower --learning-rate, or train with --precision float32"
            )

    def _record(self, terms: Terms, progress: Progress) -> None:
        raw = {name: float(value.detach()) for name, value in terms.items()}
        progress.advance(raw["task"] if "task" in raw else sum(raw.values()))
        if self.step % self.recipe.journal_every and self.step != self.recipe.steps:
            return
        weighted = {name: float(value.detach()) for name, value in self.recipe.objective.weighted(terms).items()}
        memory = self.module.memory
        self.journal.write(
            "train",
            self.step,
            raw=raw,
            weighted=weighted,
            total=sum(weighted.values()),
            learning_rate=self.optimizer.param_groups[0]["lr"],
            seconds_per_step=progress.seconds_per_step,
            pixel_memory_fill=None if memory is None else float(memory.pixel_queue.fill().mean()),
            gpu_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        )

    def _between_steps(self, progress: Progress) -> None:
        recipe = self.recipe
        if _due(self.step, recipe.evaluate_every):
            progress.note(f"step {self.step}: val mIoU {self._evaluate(self.val_data).miou:.2f}")
        if _due(self.step, recipe.snapshot_every):
            self._snapshot()
        if _due(self.step, recipe.save_every):
            self._save()

    def _evaluate(self, data: SegmentationData) -> Evaluation:
        result = evaluate(self.module.student, data)
        self.journal.write("evaluation", self.step, **result.to_dict())
        return result

    def _snapshot(self) -> None:
        if self.accelerator.is_main_process:
            probe = [self.val_data[i] for i in range(min(self.recipe.probe_images, len(self.val_data)))]
            save_snapshot(self.folder / "snapshots" / f"step_{self.step:06d}.npz", self.module.student, probe)

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            save_state(
                self.folder / "state.pt",
                step=self.step,
                module=self.module,
                optimizer=self.optimizer,
                memory_draws=self.memory_draws,
                recipe=plain_recipe(self.recipe),
            )

    def _load(self) -> int:
        return load_state(
            self.folder / "state.pt",
            module=self.module,
            optimizer=self.optimizer,
            memory_draws=self.memory_draws,
            recipe=plain_recipe(self.recipe),
        )

    def _finish(self) -> Evaluation:
        """Save, write the checkpoint, and score what was written: 16-bit weights, read back."""
        self._snapshot()
        self._save()
        recipe, path = self.recipe, self.recipe.checkpoint
        provenance = {"recipe": plain_recipe(recipe), "steps": self.step, "seed": recipe.seed}
        save_checkpoint(path, self.module.student, self.module.memory, **provenance)
        written = load_model(path, self.accelerator.device)
        scores = {"val": evaluate(written, self.val_data)}
        if recipe.data == "streets":
            scores["test"] = evaluate(written, open_data(recipe.data, "test", recipe.root))
        for result in scores.values():
            self.journal.write("evaluation", self.step, **result.to_dict())
        provenance["scores"] = {split: result.to_dict() for split, result in scores.items()}
        save_checkpoint(path, self.module.student, self.module.memory, **provenance)
        self.journal.write("end", self.step, checkpoint=path.name)
        return scores["val"]


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _refuse_overwriting(recipe: Recipe, resume: bool) -> None:
    if not resume and (recipe.run_folder / "state.pt").exists():
        raise TrainingError(
            f"{recipe.run_folder} holds a run already; continue it with --resume, or choose another --name"
        )

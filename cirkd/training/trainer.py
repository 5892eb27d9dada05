"""The training loop: recipe in, checkpoint out; stops and resumes anywhere."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from cirkd.checkpoint import load_model, save_checkpoint
from cirkd.data.catalog import open_data
from cirkd.data.errors import CirkdError
from cirkd.data.sample import SegmentationData
from cirkd.losses.objective import Terms
from cirkd.models.places import WEIGHTS
from cirkd.models.segmenter import Segmenter
from cirkd.training import accelerating, setup
from cirkd.training.batches import Batch, Batches
from cirkd.training.evaluate import Evaluation, evaluate
from cirkd.training.journal import Journal
from cirkd.training.probe import save_snapshot
from cirkd.training.progress import Progress, stop_requests
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import load_state, random_state, save_state
from cirkd.training.runs import holding, note_launch
from cirkd.training.steps import Distillation, Steps, require_finite_weights
from cirkd.training.teaching import Teaching


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
    accelerating.refuse_overwriting(recipe, resume)
    setup.require_sensible(recipe)
    accelerating.require_equal_parts(recipe)
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
        self.accelerator = accelerating.make_accelerator(recipe)
        self.train_data = open_data(recipe.data, recipe.train_split, recipe.root)
        self.val_data = open_data(recipe.data, recipe.val_split, recipe.root)
        setup.warn_of_files(recipe, self.train_data, self.val_data)
        setup.warn_of_overlap(recipe, self.train_data, self.val_data)
        teacher = setup.load_teacher(recipe, self.train_data, self.accelerator.device)
        # Drawn after the teacher is loaded: the same seed starts every student alike, distilled or alone.
        torch.manual_seed(recipe.seed)
        student = setup.build_student(recipe, self.train_data).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        memory, heads = setup.build_memory(recipe, student, teacher), setup.build_heads(recipe, student, teacher)
        place = accelerating.processes_of(self.accelerator)
        self.teaching = None if teacher is None else Teaching(teacher, recipe, student.info.preprocessing, place)
        self.module = Distillation(student, memory, heads, recipe.objective)
        if recipe.sync_batch_norm:
            accelerating.normalise_over_processes(self.module, self.accelerator)
        self.steps = Steps(recipe, self.module, self.teaching, self.accelerator)
        # From here on the global generator serves dropout alone, alike for every objective of the same seed; each
        # process has a seed of its own, far from those of other runs.
        torch.manual_seed(recipe.seed + 2 + 1_000_003 * place.index)
        if resume:
            load_state(self.folder / "state.pt", self.steps)
        self.saved = -1
        self.began = time.monotonic()
        main = self.accelerator.is_main_process
        self.journal = Journal(self.folder / "journal.jsonl", resume_at=self.step if resume else None, writes=main)

    def go(self, stopping: Any) -> Result:
        recipe = self.recipe
        classes = asdict(self.module.student.info.classes)
        self.journal.write(
            "start", self.step, recipe=setup.plain_recipe(recipe), classes=classes, resumed=self.step > 0
        )
        accelerating.begin_tracking(self.accelerator, recipe.name, setup.plain_recipe(recipe))
        if self.step == 0:
            self._snapshot()
        with Progress(recipe.name, recipe.steps, self.step, self.accelerator.is_main_process) as progress:
            for batch in self._batches():
                self._record(self.steps(batch), progress)
                if self.step < recipe.steps:
                    self._between_steps(progress)
                if any(accelerating.any_of(self.accelerator, stopping.requested)):
                    break
        finished = self.step >= recipe.steps
        if not finished:
            self._save()
        result = Result(self.step, finished, self._finish() if finished else None)
        self.accelerator.end_training()
        return result

    def _batches(self) -> Iterator[Batch]:
        batches = Batches(
            self.train_data,
            self.recipe.augmentation,
            self.module.student.info.preprocessing,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            labelled_share=self.recipe.labelled_share,
            unlabelled=self.teaching is not None,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        device = self.accelerator.device
        for batch in batches.loader(range(self.step, self.recipe.steps), self.recipe.workers):
            images = batch.images.to(device, non_blocking=True, memory_format=torch.channels_last)
            yield Batch(images, batch.labels.to(device, non_blocking=True))

    @property
    def step(self) -> int:
        """Steps done."""
        return self.steps.done

    @property
    def _student(self) -> Segmenter:
        """The network that is evaluated, shown and saved: the weights' average, where the recipe asks for one."""
        return self.module.student if self.steps.average is None else self.steps.average.student

    def _record(self, terms: Terms, progress: Progress) -> None:
        raw = self.steps.latest = accelerating.averaged(self.accelerator, terms)
        progress.advance(raw["task"] if "task" in raw else sum(raw.values()))
        if not _due(self.step, self.recipe.journal_every) and self.step != self.recipe.steps:
            return
        objective = self.steps.objective(steps_back=1)
        weighted = {name: value * objective.weight(name) for name, value in raw.items()}
        memory, total, rate = self.module.memory, sum(weighted.values()), self.steps.optimizer.param_groups[0]["lr"]
        accelerating.track(
            self.accelerator, {"raw": raw, "weighted": weighted, "total": total, "rate": rate}, self.step
        )
        self.journal.write(
            "train",
            self.step,
            raw=raw,
            weighted=weighted,
            total=total,
            learning_rate=rate,
            seconds_per_step=progress.seconds_per_step,
            pixel_memory_fill=None if memory is None else float(memory.pixel_queue.fill().mean()),
            gpu_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
            seconds=time.monotonic() - self.began,
        )

    def _between_steps(self, progress: Progress) -> None:
        recipe = self.recipe
        if _due(self.step, recipe.evaluate_every):
            progress.note(f"step {self.step}: val mIoU {self._evaluate().miou:.2f}")
            self._keep_weights()
        if _due(self.step, recipe.snapshot_every):
            self._snapshot()
        if _due(self.step, recipe.save_every):
            self._save()

    def _evaluate(self) -> Evaluation:
        accelerating.share_statistics(self.accelerator, self._student)
        result = self._scored(self._student, self.val_data)
        self._write(result)
        return result

    def _scored(self, model: Segmenter, data: SegmentationData) -> Evaluation:
        """Scores that go by `val` where they are of the recipe's validation images, whatever these are called."""
        result = evaluate(model, data, processes=accelerating.processes_of(self.accelerator))
        return replace(result, split="val") if data is self.val_data else result

    def _write(self, result: Evaluation) -> None:
        self.journal.write("evaluation", self.step, **asdict(result))
        accelerating.track(self.accelerator, {result.split: {"miou": result.miou}}, self.step)

    def _snapshot(self) -> None:
        if self.accelerator.is_main_process:
            probe = [self.val_data[i] for i in range(min(self.recipe.probe_images, len(self.val_data)))]
            save_snapshot(self.folder / "snapshots" / f"step_{self.step:06d}.npz", self._student, probe)

    def _save(self) -> None:
        """Save the state, once a step: the file before it stays that of an earlier one."""
        if self.saved == self.step:
            return
        random = accelerating.of_every_process(self.accelerator, random_state())
        if self.accelerator.is_main_process:
            require_finite_weights(self.recipe.name, self.step, self.module)
            save_state(self.folder / "state.pt", self.steps, random[1:])
        self.saved = self.step

    def _keep_weights(self) -> None:
        if self.recipe.keep_weights and self.accelerator.is_main_process:
            path = self.folder / WEIGHTS / f"step_{self.step:06d}.safetensors"
            save_checkpoint(path, self._student, **self._provenance())

    def _provenance(self) -> dict[str, Any]:
        return {"recipe": setup.plain_recipe(self.recipe), "steps": self.step, "seed": self.recipe.seed}

    def _write_checkpoint(self, provenance: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.recipe.checkpoint, self._student, self.module.memory, **provenance)
        self.accelerator.wait_for_everyone()

    def _finish(self) -> Evaluation:
        """Save, write the checkpoint, and score what was written: 16-bit weights, read back."""
        self._snapshot()
        self._save()
        recipe, path = self.recipe, self.recipe.checkpoint
        provenance = self._provenance()
        self._write_checkpoint(provenance)
        self._keep_weights()
        written = load_model(path, self.accelerator.device)
        scores = {"val": self._scored(written, self.val_data)}
        if setup.has_labelled_test(recipe):
            test = open_data(recipe.data, "test", recipe.root)
            scores["test"] = self._scored(written, test)
        for result in scores.values():
            self._write(result)
        provenance["scores"] = {split: asdict(result) for split, result in scores.items()}
        self._write_checkpoint(provenance)
        self.journal.write(
            "end",
            self.step,
            checkpoint=path.name,
            seconds=time.monotonic() - self.began,
            peak_memory_bytes=setup.peak_memory(),
        )
        return scores["val"]


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0

"""Parts of a batch, trackers, what may not replace the last good state, and how the teacher is asked."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.tracking import GeneralTracker

from cirkd.data.errors import TrainingError
from cirkd.losses.inputs import UNLABELLED
from cirkd.losses.objective import Terms
from cirkd.losses.pixel_choice import GivenDraws
from cirkd.training import accelerating, trainer
from cirkd.training.batches import Batch
from cirkd.training.journal import read_journal
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import previous
from cirkd.training.steps import Steps
from cirkd.training.trainer import train
from tests.training.test_trainer import assert_same_run, train_and_stop


def test_parts_of_a_batch_add_up_to_its_step(baseline: Recipe) -> None:
    """Two parts: the weights after a step are those of the mean loss of all labelled pixels."""
    recipe = replace(baseline, batch_size=4, accumulate=2, weight_decay=0.0, momentum=0.0)
    run, by_hand = trainer._Run(recipe, False), trainer._Run(replace(recipe, name="by-hand"), False)
    batch = next(iter(run._batches()))
    batch.labels[0] = batch.labels[1, 8:] = ignored = run.module.student.info.classes.ignore_index
    torch.manual_seed(0)
    terms = run.steps(batch)
    torch.manual_seed(0)  # of dropout
    module = by_hand.module.train()
    halves = [trainer.Batch(*half) for half in zip(batch.images.chunk(2), batch.labels.chunk(2), strict=True)]
    labelled = [int((half.labels != ignored).sum()) for half in halves]
    assert 0 < 3 * labelled[0] < labelled[1]
    losses = [
        recipe.objective.total(module(half, None, by_hand.steps.draws, 0)) * count / sum(labelled)
        for half, count in zip(halves, labelled, strict=True)
    ]
    torch.stack(losses).sum().backward()
    assert terms["task"].item() == pytest.approx(sum(loss.item() for loss in losses), rel=1e-6)
    for (name, trained), wanted in zip(run.module.named_parameters(), module.parameters(), strict=True):
        assert wanted.grad is not None
        moved = wanted.detach() - recipe.learning_rate * wanted.grad
        torch.testing.assert_close(trained.detach(), moved, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("own", [{}, {"means_by_process": True}, {"teacher_labels": True, "relation_stride": 16}])
def test_parts_with_few_labels_weigh_as_much_as_in_one(
    distilled: Recipe, monkeypatch: pytest.MonkeyPatch, own: dict[str, Any]
) -> None:
    """With a memory that stays as it is, and what draws or averages by itself in a part at rest."""
    recipe = replace(
        distilled, batch_size=4, objective=replace(distilled.objective, minibatch_pixel=0.0, boundary=1.0, **own)
    )
    runs = [trainer._Run(replace(recipe, name=f"in-{parts}", accumulate=parts), False) for parts in (1, 4)]
    batch = next(iter(runs[0]._batches()))
    batch.labels[0] = batch.labels[1, 8:] = UNLABELLED
    found = []
    for run in runs:
        memory = run.module.memory
        assert memory is not None
        fixed = torch.Generator().manual_seed(0)
        memory.update(torch.rand(2, 24, 12, 16, generator=fixed), batch.labels[2:], 0, fixed)
        monkeypatch.setattr(memory, "update", lambda *_: None)
        for module in run.module.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                monkeypatch.setattr(module.eval(), "train", lambda mode=True, module=module: module)
            elif isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        slots = torch.arange(3)
        terms = run.steps(batch, GivenDraws(slots, slots[:1], slots.reshape(1, 1, 3)))
        found.append({name: float(value) for name, value in terms.items()})
    assert min(found[0].values()) > 0
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    gradients = [torch.cat([p.grad.flatten() for p in run.module.parameters() if p.grad is not None]) for run in runs]
    assert (gradients[1] - gradients[0]).norm() < 1e-3 * gradients[0].norm()


def test_each_run_of_a_process_has_its_precision(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerating, "has_bf16", lambda device: True)
    for precision, mixed in (("float32", "no"), ("bf16", "bf16"), ("float32", "no")):
        assert accelerating.make_accelerator(replace(baseline, precision=precision)).mixed_precision == mixed


@pytest.mark.slow
def test_a_run_in_parts_is_resumed_as_any(distilled: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replace(distilled, accumulate=2, batch_size=4, steps=3, name="whole")
    broken = replace(whole, name="broken")
    train(whole)
    train_and_stop(broken, 1, monkeypatch)
    assert train(broken, resume=True).finished
    assert_same_run(whole, broken)


def test_uneven_parts_are_refused(baseline: Recipe) -> None:
    for parts in (0, 3):
        with pytest.raises(TrainingError, match="so that all are alike"):
            train(replace(baseline, accumulate=parts))


LAST = torch.channels_last


def test_images_and_weights_are_channels_last(baseline: Recipe) -> None:
    run = trainer._Run(baseline, False)
    assert next(iter(run._batches())).images.is_contiguous(memory_format=LAST)
    wide = [p for p in run.module.student.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert wide and all(parameter.is_contiguous(memory_format=LAST) for parameter in wide)


def test_adamw(baseline: Recipe) -> None:
    assert isinstance(
        accelerating.make_optimizer(replace(baseline, optimizer="adamw"), torch.nn.Linear(2, 2)), torch.optim.AdamW
    )
    assert train(replace(baseline, optimizer="adamw", steps=2, learning_rate=1e-4)).finished


def test_weights_that_are_not_finite_do_not_replace_the_last_state(
    baseline: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Steps.__call__

    def diverge(self: Steps, batch: Batch) -> Terms:
        terms = original(self, batch)
        if self.done == 2:
            with torch.no_grad():
                self.module.student.classifier.weight[0, 0] = torch.nan
        return terms

    monkeypatch.setattr(Steps, "__call__", diverge)
    with pytest.raises(TrainingError, match=r"student\.classifier\.weight are not finite since step 2"):
        train(baseline)
    state = torch.load(baseline.run_folder / "state.pt", weights_only=True)
    assert state["step"] == 1
    with pytest.raises(TrainingError, match=r"task not finite since step 2 .*weights student\.classifier\.weight"):
        train(replace(baseline, name="unsaved", save_every=0))


@pytest.mark.slow
def test_a_torn_state_gives_way_to_the_one_before(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    train(baseline)
    torn = replace(baseline, name="torn")
    train_and_stop(torn, 4, monkeypatch)
    path = torn.run_folder / "state.pt"
    assert previous(path).is_file()
    path.write_bytes(path.read_bytes()[:1000])
    assert train(torn, resume=True).finished
    assert_same_run(baseline, torn)
    starts = [e["step"] for e in read_journal(torn.run_folder / "journal.jsonl") if e["kind"] == "start"]
    assert starts == [0, 3]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["journal", "snapshot", "state", "checkpoint"])
def test_a_full_disk_is_one_line_and_costs_nothing(
    what: str, baseline: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of file, refused by the disk after the second step; then there is space again."""
    from cirkd import checkpoint
    from cirkd.training import probe, run_state

    train(baseline)
    full = replace(baseline, name="full")
    train_and_stop(full, 2, monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if what == "journal":
            opened = Path.open
            patch.setattr(
                Path, "open", lambda self, mode="r", *a, **k: refuse() if mode == "a" else opened(self, mode, *a, **k)
            )
        elif what == "snapshot":
            patch.setattr(probe.np, "savez_compressed", refuse)
        elif what == "state":
            patch.setattr(run_state.torch, "save", refuse)
        else:
            patch.setattr(checkpoint, "save_file", refuse)
        with pytest.raises(Exception, match="No space left") as raised:
            train(full, resume=True)
        assert type(raised.value).__name__ in ("TrainingError", "CheckpointError")
        assert "\n" not in str(raised.value)
    assert not [path for path in full.run_folder.rglob("*") if path.name.endswith(".tmp")]
    assert train(full, resume=True).finished
    assert_same_run(baseline, full)


class Kept(GeneralTracker):
    """A tracker that remembers."""

    name = "kept"
    requires_logging_directory = False

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {}
        self.logged: list[tuple[int | None, dict[str, Any]]] = []
        self.ended = False

    @property
    def tracker(self) -> Kept:
        return self

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.ended = True


def test_trackers_get_settings_terms_and_scores(distilled: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    original = accelerating.make_accelerator

    def with_tracker(recipe: Recipe) -> Any:
        made = original(recipe)
        made.log_with = [kept]
        return made

    monkeypatch.setattr(accelerating, "make_accelerator", with_tracker)
    train(replace(distilled, steps=2))
    assert kept.ended and kept.settings["objective.memory_pixel"] == 0.1 and kept.settings["network.encoder"]
    assert all(isinstance(value, int | float | str) for value in kept.settings.values())
    (first, values), *_, (_, last) = kept.logged
    assert first == 1 and values["weighted.kd"] == values["raw.kd"] > 0 and values["rate"] > 0
    assert last["val.miou"] > 0


def test_a_tracker_that_is_not_installed_is_named(baseline: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerating, "find_spec", lambda name: None)
    for name, package in (("tensorboard", "tensorboard"), ("wandb", "wandb")):
        with pytest.raises(TrainingError, match=f"--trackers {name}: not installed; pip install {package}"):
            train(replace(baseline, trackers=(name,)))  # type: ignore[arg-type]


def test_settings_are_flat() -> None:
    settings: Mapping[str, Any] = {"a": 1, "b": {"c": None, "d": {"e": [1, 2]}}}
    assert accelerating.flat(settings) == {"a": 1, "b.c": "None", "b.d.e": "[1, 2]"}


def test_statistics_over_processes_are_those_of_one_alone(baseline: Recipe) -> None:
    recipe = replace(baseline, sync_batch_norm=True, steps=2)
    train(recipe)
    train(replace(baseline, name="plain", steps=2))
    one, other = (
        torch.load(baseline.runs / name / "state.pt", weights_only=True)["module"] for name in ("baseline", "plain")
    )
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)

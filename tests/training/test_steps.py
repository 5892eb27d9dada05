"""A training step by itself: what it does where nothing is labelled, in float64, with draws that are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cirkd.data.catalog import open_data
from cirkd.data.errors import TrainingError
from cirkd.losses.pixel_choice import GivenDraws
from cirkd.training import trainer
from cirkd.training.batches import Batch
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import load_state, save_state
from cirkd.training.setup import build_student
from cirkd.training.steps import Steps


@pytest.fixture(autouse=True)
def own_random_numbers() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def first(run: trainer._Run) -> Batch:
    return next(iter(run._batches()))


def test_a_batch_without_labels_adds_nothing_and_breaks_nothing(distilled: Recipe) -> None:
    """The published code's terms are NaN then."""
    run = trainer._Run(distilled, False)
    batch = first(run)
    run.steps(batch)
    assert run.module.memory is not None
    written = run.module.memory.pixel_queue.written.clone()
    assert written.any()
    terms = run.steps(Batch(batch.images, torch.full_like(batch.labels, run.module.student.info.classes.ignore_index)))
    assert [float(terms[name]) for name in ("task", "memory_pixel", "memory_region")] == [0, 0, 0]
    assert terms["kd"] > 0 and terms["minibatch_pixel"] > 0, "they compare all positions"
    assert torch.equal(run.module.memory.pixel_queue.written, written)
    assert all(torch.isfinite(value).all() for value in run.module.state_dict().values())


def test_float64_is_float64_throughout_and_near_float32(distilled: Recipe) -> None:
    recipe = replace(distilled, memory=replace(distilled.memory, enqueue="before"), teacher_precision="float32")
    narrow = trainer._Run(recipe, False)
    batch = first(narrow)
    terms = narrow.steps(batch)
    wide = trainer._Run(replace(recipe, name="wide", precision="float64", teacher_precision="float64"), False)
    exact = wide.steps(batch)
    assert all(value.dtype == torch.float64 for value in exact.values())
    assert {v.dtype for v in wide.module.state_dict().values() if v.is_floating_point()} == {torch.float64}
    for name, value in terms.items():
        assert float(value) == pytest.approx(float(exact[name]), rel=1e-3), name
    assert wide._evaluate().miou >= 0


def test_the_average_of_the_weights_lies_where_the_student_does(baseline: Recipe) -> None:
    """On the device that the accelerator moved it to, so that neither a step nor an evaluation leaves it."""
    run = trainer._Run(baseline, False)
    device = torch.device("meta")
    elsewhere = SimpleNamespace(prepare=lambda module, made: (module.to(device), made), is_main_process=True)
    steps = Steps(replace(baseline, average=0.9), run.module, None, elsewhere)  # type: ignore[arg-type]
    assert steps.average is not None
    assert {value.device for value in steps.average.student.state_dict().values()} == {device}


def test_a_resumed_run_goes_on_with_its_loss_scale(baseline: Recipe, tmp_path: Path) -> None:
    """That of fp16, which begins anew at 65,536 where it is not kept; without fp16 there is none."""
    run = trainer._Run(baseline, False)
    save_state(tmp_path / "none.pt", run.steps)
    for kept in (None, 1024.0):
        run.steps.accelerator.scaler = kept and torch.amp.GradScaler("cpu", init_scale=kept)
        save_state(tmp_path / "state.pt", run.steps)
        run.steps.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
        load_state(tmp_path / "state.pt", run.steps)
        assert run.steps.accelerator.scaler.state_dict()["scale"] == (kept or 65536.0)


def test_a_step_with_draws_that_are_given_draws_nothing(distilled: Recipe) -> None:
    run = trainer._Run(distilled, False)
    batch, memory = first(run), run.module.memory
    assert memory is not None
    state = run.steps.draws.get_state()
    ranks = torch.full((len(batch.labels), memory.num_classes, 1), -1)
    ranks[:, 3] = 0  # a road is in every crop
    run.steps(batch, GivenDraws(torch.tensor([0]), torch.tensor([0]), ranks))
    assert torch.equal(run.steps.draws.get_state(), state)
    assert memory.pixel_queue.written.nonzero().flatten().tolist() == [3]
    run.steps(batch)
    assert not torch.equal(run.steps.draws.get_state(), state)


def test_stored_before_the_draw_a_batch_is_among_its_own_keys(distilled: Recipe) -> None:
    early = replace(distilled, name="early", memory=replace(distilled.memory, enqueue="before"))
    found = []
    for recipe in (distilled, early):
        run = trainer._Run(recipe, False)
        found.append(run.steps(first(run)))
    assert found[0]["memory_pixel"] == 0 and found[1]["memory_pixel"] > 0


def test_a_published_student_needs_a_file_for_its_imagenet_weights(distilled: Recipe) -> None:
    published = replace(
        distilled.network,
        architecture="deeplabv3",
        encoder="resnet18",
        layout="published",
        output_stride=8,
        input_scale=1.0,
        pretrained=True,
    )
    with pytest.raises(TrainingError, match=r"--network\.encoder-weights FILE"):
        trainer._Run(replace(distilled, network=published), False)
    with pytest.raises(TrainingError, match=r"leave --network\.output-stride"):
        trainer._Run(replace(distilled, network=replace(published, output_stride=16)), False)


@pytest.mark.parametrize("layout, wanted", [("cirkd", 0.1), ("published", 0.5)])
def test_dropout_of_the_pyramid_is_the_layouts_or_as_asked(distilled: Recipe, layout: str, wanted: float) -> None:
    encoder = "resnet18" if layout == "published" else distilled.network.encoder
    network = replace(
        distilled.network,
        architecture="deeplabv3",
        encoder=encoder,
        output_stride=8,
        input_scale=1.0,
        layout=layout,
        pretrained=False,
    )
    for asked, found in ((None, wanted), (0.25, 0.25)):
        recipe = replace(distilled, network=replace(network, pyramid_dropout=asked))
        student = build_student(recipe, open_data(recipe.data, "train", recipe.root))
        assert found in {part.p for part in student.decoder.modules() if isinstance(part, torch.nn.Dropout)}
    segformer = replace(network, architecture="segformer", output_stride=4, layout="cirkd", pyramid_dropout=0.5)
    with pytest.raises(TrainingError, match=r"leave --network\.pyramid-dropout out"):
        build_student(replace(distilled, network=segformer), open_data(distilled.data, "train", distilled.root))

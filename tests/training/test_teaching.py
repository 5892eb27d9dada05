"""A teacher's outputs: as it was trained, without gradient, once a batch, and shared by runs where asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cirkd.models.segmenter import Preprocessing, SegmentationOutput
from cirkd.training import setup, teaching, trainer
from cirkd.training.processes import Processes
from cirkd.training.recipes import Recipe
from cirkd.training.teaching import Teaching
from cirkd.training.trainer import train
from tests.training.test_trainer import assert_same_run

ALONE = Processes()


def test_the_teacher_sees_images_as_it_was_trained_on_them(distilled: Recipe) -> None:
    """Its preprocessing need not be the student's."""
    run = trainer._Run(distilled, False)
    assert run.teaching is not None
    teacher, wanted = run.teaching.teacher, Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 1.0))
    teacher.info = replace(teacher.info, preprocessing=wanted)
    seen: list[torch.Tensor] = []
    teacher.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    run.teaching(run.module.student.preprocess(image)[None], 0, 0)
    torch.testing.assert_close(seen[0][0], wanted(image))


def test_the_teacher_is_asked_once_for_each_image_without_gradient(distilled: Recipe) -> None:
    run = trainer._Run(replace(distilled, accumulate=2, batch_size=4, steps=2), False)
    assert run.teaching is not None
    seen: list[tuple[int, bool, bool]] = []
    last = torch.channels_last

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: Any) -> None:
        seen.append((len(inputs[0]), output.embedding.is_inference(), inputs[0].is_contiguous(memory_format=last)))

    run.teaching.teacher.register_forward_hook(look)
    taught: list[SegmentationOutput] = []
    compute = run.teaching._compute
    run.teaching._compute = lambda images: taught.append(compute(images)) or taught[-1]  # type: ignore[func-returns-value]
    for batch in run._batches():
        run.steps(batch)
    assert seen == [(2, True, True)] * 4
    for output in taught:
        assert not output.embedding.is_inference() and not output.embedding.requires_grad
        assert output.encoded is None, "kept for the term that reads it alone"


def test_cells_are_those_of_the_students_input(distilled: Recipe) -> None:
    """A teacher that sees images at half size has its positions where the student's cells are, and is not averaged."""
    objective = replace(distilled.objective, relation_stride=16)
    run = trainer._Run(replace(distilled, objective=objective), False)
    assert run.teaching is not None
    teacher, images = run.teaching.teacher, torch.rand(2, 3, 64, 96)
    stride = 64 // run.teaching._compute(images).embedding.shape[2]
    assert stride == 16
    teacher.info = replace(teacher.info, preprocessing=replace(teacher.info.preprocessing, scale=0.5))
    whole = teacher(run.teaching.given.convert(images, teacher.info.preprocessing)).embedding
    assert 64 // whole.shape[2] == 16, "already of that stride in the student's pixels"
    torch.testing.assert_close(run.teaching._compute(images).embedding, whole, rtol=1e-2, atol=1e-2)


@pytest.mark.slow
def test_runs_share_what_a_teacher_said(distilled: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit; a torn file is made again, and another objective finds the same files."""
    shared = tmp_path / "outputs"
    plain, first, second = (
        replace(distilled, name=name, teacher_outputs=None if name == "plain" else shared, accumulate=2, batch_size=4)
        for name in ("plain", "first", "second")
    )
    train(plain)
    train(first)
    files = sorted(shared.glob("*/*"))
    assert [file.name for file in files] == [f"{step:06d}-{part}.safetensors" for step in range(6) for part in (0, 1)]
    files[3].write_bytes(files[3].read_bytes()[:-100])
    computed: list[int] = []
    compute = Teaching._compute
    monkeypatch.setattr(
        Teaching, "_compute", lambda self, images: computed.append(len(images)) or compute(self, images)
    )
    train(second)
    assert computed == [2], "the torn one"
    assert_same_run(plain, first)
    assert_same_run(plain, second)
    train(replace(second, name="kd", objective=replace(distilled.objective, minibatch_pixel=0.0)))
    assert computed == [2]
    train(replace(second, name="seed", seed=1))
    assert len(computed) == 1 + 12


def test_another_teacher_or_place_is_not_mistaken(distilled: Recipe, tmp_path: Path) -> None:
    recipe = replace(distilled, teacher_outputs=tmp_path)
    run = trainer._Run(recipe, False)
    assert run.teaching is not None
    teacher, given = run.teaching.teacher, run.module.student.info.preprocessing

    def folder(recipe: Recipe = recipe, given: Preprocessing = given, place: Processes = ALONE) -> Path | None:
        return Teaching(teacher, recipe, given, place).folder

    own = folder()
    assert own == folder() == folder(replace(recipe, objective=replace(recipe.objective, kd=3.0), learning_rate=9.0))
    others = [
        folder(place=Processes(1, 2)),
        folder(given=Preprocessing(scale=0.5)),
        folder(replace(recipe, batch_size=6)),
        folder(replace(recipe, teacher_precision="bf16")),
    ]
    with torch.no_grad():
        next(teacher.parameters()).add_(1e-6)
    assert len({own, folder(), *others}) == 6


def test_class_order_and_resolved_precision_are_told_apart(
    distilled: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(distilled, teacher_outputs=tmp_path, teacher_precision="auto")
    run = trainer._Run(recipe, False)
    assert run.teaching is not None and run.train_data.classes is not None
    names = list(run.train_data.classes.names)
    found = []
    for has_bf16, order in ((True, names), (False, names), (False, names[1:] + names[:1]), (False, names[::-1])):
        monkeypatch.setattr(teaching, "has_bf16", lambda device, there=has_bf16: there)
        (tmp_path / "classes.txt").write_text("\n".join(order))
        told = replace(recipe.told, classes=tmp_path / "classes.txt")
        teacher = setup.load_teacher(replace(recipe, told=told), run.train_data, torch.device("cpu"))
        assert teacher is not None
        found.append(Teaching(teacher, recipe, run.module.student.info.preprocessing, ALONE).folder)
    assert len(set(found)) == 4


def test_the_encoders_map_is_added_where_it_is_missing(distilled: Recipe, tmp_path: Path) -> None:
    recipe = replace(distilled, teacher_outputs=tmp_path)
    images = torch.randn(2, 3, 48, 64)
    found = []
    for objective in (recipe.objective, replace(recipe.objective, pixel_similarity=1.0), recipe.objective):
        run = trainer._Run(replace(recipe, objective=objective), False)
        assert run.teaching is not None
        found.append([run.teaching(images, 0, 0) for _ in range(2)])
    assert found[0][1].encoded is None
    for output in found[1]:
        assert output.encoded is not None and torch.equal(output.embedding, found[0][0].embedding)


def test_a_disk_that_refuses_stops_no_run(distilled: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recipe = replace(distilled, steps=2, teacher_outputs=tmp_path / "file")
    with pytest.warns(UserWarning, match="kept no longer"):
        assert train(recipe).finished

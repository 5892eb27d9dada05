"""A frozen teacher at work in a run: its outputs for every batch, computed once, by one run for many where asked."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cirkd.data.whole_files import replacing
from cirkd.models.inference import autocast
from cirkd.models.segmenter import Preprocessing, SegmentationOutput, Segmenter
from cirkd.relations.precision import has_bf16
from cirkd.relations.similarity import average_cells, cells_of
from cirkd.training.processes import Processes
from cirkd.training.recipes import Recipe


class Teaching:
    """What a teacher says of a run's batches.

    It depends on teacher, data, seed and crops, and not on what is distilled from it. With `recipe.teacher_outputs`,
    runs that have those in common find there what another has computed, to the bit.

    Args:
        teacher: Frozen, on its device.
        recipe: Of the run.
        given: How the batches' pixels were scaled, for the student.
        place: Which of the run's processes this is.
    """

    def __init__(self, teacher: Segmenter, recipe: Recipe, given: Preprocessing, place: Processes) -> None:
        self.teacher = teacher.double() if recipe.teacher_precision == "float64" else teacher
        self.precision = recipe.teacher_precision
        self.kept = {"float64": torch.float64, "float32": torch.float32}.get(self.precision, torch.float16)
        self.given = given
        self.encoded = recipe.objective.needs_encoded
        self.cells = recipe.objective.relation_stride if recipe.objective.only_relates else 0
        kept = recipe.teacher_outputs
        self.folder = None if kept is None else kept / _digest(teacher, recipe, given, place)

    def __call__(self, images: Tensor, step: int, part: int) -> SegmentationOutput:
        """Logits and embedding of a part of a step's batch; the encoder's map where the objective asks.

        Embeddings that are compared by cells alone come averaged over them. Where the teacher computes in 16 bits its
        outputs are rounded to float16, kept or not, so that keeping them changes nothing.
        """
        if self.folder is None:
            return self._compute(images)
        path = self.folder / f"{step:06d}-{part}.safetensors"
        output = self._read(path, images.device)
        if output is None or (self.encoded and output.encoded is None):
            output = self._compute(images)
            self._keep(output, path)
        return output

    def _compute(self, images: Tensor) -> SegmentationOutput:
        # Teacher and student may want their pixels scaled differently: each gets what it was trained on.
        theirs = self.given.convert(images, self.teacher.info.preprocessing)
        with torch.inference_mode(), autocast(images.device, teacher_precision(self.precision, images.device)):
            output = self.teacher(theirs)
        # Copies made out here are ordinary tensors, which a loss may keep for its gradient.
        encoded = None if output.encoded is None or not self.encoded else self._plain(output.encoded)
        # In pixels of the student's input, as the student's own are.
        cells = cells_of((len(images), *images.shape[2:]), output.embedding.shape, self.cells)
        embedding = average_cells(self._wide(output.embedding), cells)
        return SegmentationOutput(self._plain(output.logits), self._plain(embedding), encoded=encoded)

    def _plain(self, value: Tensor) -> Tensor:
        return self._wide(value.to(self.kept)).clone(memory_format=torch.channels_last)

    def _wide(self, value: Tensor) -> Tensor:
        return value if self.precision == "float64" else value.float()

    def _keep(self, output: SegmentationOutput, path: Path) -> None:
        from safetensors.torch import save

        named = {"logits": output.logits, "embedding": output.embedding, "encoded": output.encoded}
        there = {name: value.to(self.kept).contiguous() for name, value in named.items() if value is not None}
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(save(there))
        except OSError as error:
            warnings.warn(f"{path.parent}: the teacher's outputs are kept no longer ({error})", stacklevel=2)
            self.folder = None

    def _read(self, path: Path, device: torch.device) -> SegmentationOutput | None:
        """What is kept there, or None where it is not there or not whole."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            found = {
                name: self._wide(value.to(device)).to(memory_format=torch.channels_last)
                for name, value in load(path.read_bytes()).items()
            }
            return SegmentationOutput(found["logits"], found["embedding"], encoded=found.get("encoded"))
        except (OSError, SafetensorError, KeyError):
            return None


def teacher_precision(wanted: str, device: torch.device) -> str:
    """What a recipe's precision for its teacher is for `autocast`.

    `auto` is bf16 where the device, a processor too, has arithmetic for it; a teacher in float64 needs no casting.
    """
    if wanted == "auto":
        return "bf16" if has_bf16(device) else "float32"
    return "float32" if wanted == "float64" else wanted


def _digest(teacher: Segmenter, recipe: Recipe, given: Preprocessing, place: Processes) -> str:
    """Names all that the teacher's outputs depend on, its weights included."""
    said: dict[str, Any] = {
        "data": [recipe.data, str(recipe.root and recipe.root.resolve()), recipe.train_split],
        "batches": [recipe.seed, recipe.batch_size, recipe.accumulate, asdict(recipe.augmentation)],
        "pixels": [asdict(given), asdict(teacher.info.preprocessing)],
        "precision": recipe.teacher_precision,
        "cells": recipe.objective.relation_stride if recipe.objective.only_relates else 0,
        "process": [place.index, place.count],
    }
    device = next(teacher.parameters()).device
    if recipe.teacher_precision == "auto" and teacher_precision("auto", device) == "float32":
        # Without arithmetic for bf16 `auto` computes something else.
        said["precision"] = "auto, in float32"
    if teacher.info.layout != "cirkd":
        # A network of this project has all its settings from the file that its weights are in.
        said["network"] = [teacher.info.layout, repr(teacher.info.options), teacher.info.align_corners]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, value in teacher.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]

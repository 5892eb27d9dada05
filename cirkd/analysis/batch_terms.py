"""The loss that training would report for the images in view taken as one mini-batch, term by term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.data.errors import StudyError
from cirkd.data.matching import channel_order, match_classes
from cirkd.data.sample import IGNORED
from cirkd.features.feature_set import AFTER, TEACHER
from cirkd.features.grids import averaged

if TYPE_CHECKING:
    import torch

    from cirkd.data.sample import Classes, Sample
    from cirkd.losses.objective import Objective
    from cirkd.models.segmenter import SegmentationOutput, Segmenter


@dataclass(frozen=True)
class BatchTerms:
    """The terms of one student's loss on a batch.

    Attributes:
        student: whose.
        raw: term -> value; weighted: term -> value times its weight; total: their sum.
        weights: term -> weight, of the terms that have one.
        recipe: the student whose objective this is, see `batch_terms`; "" = the paper's.
        images: how many images the batch has.
        note: what was left out or averaged, and why ("" = nothing).
    """

    student: str
    raw: dict[str, float]
    weighted: dict[str, float]
    total: float
    weights: dict[str, float]
    recipe: str
    images: int
    note: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)


def batch_terms(
    models: Mapping[str, Any], name: str, samples: Sequence[Sample], classes: Classes | None, *, seed: int = 0
) -> BatchTerms:
    """Run teacher and student on the images as one batch and take `cirkd.losses.Objective`'s terms, as training does.

    Networks are in evaluation mode and images are whole, where training augments crops; nothing is learned or stored.
    All students of a study are measured by one objective: that which `after` was distilled with, or else the first
    student that was distilled; the paper's where none was.

    Args:
        seed: of the draw of keys from the memory.

    Raises:
        StudyError: no teacher or student, images of different sizes or without labels, or classes that differ.
    """
    import torch

    from cirkd.models import inference

    _check(models, name, samples)
    student, teacher = models[name], models[TEACHER]
    labels = _labels(name, student, samples, classes)
    order = channel_order(teacher.info.classes, student.info.classes)
    if order is None:
        raise StudyError(f"teacher and {name} predict different classes: their probabilities cannot be compared")
    objective, recipe = _objective(models)
    objective, note = _possible(objective, student, teacher)
    device = next(student.parameters()).device
    with torch.no_grad(), inference.evaluating(student), inference.evaluating(teacher, device):
        outputs = {"student": _outputs(name, student, samples, device)}
        outputs["teacher"] = _outputs(TEACHER, teacher, samples, device)
        outputs["teacher"] = replace(outputs["teacher"], logits=outputs["teacher"].logits[:, order])
        coarse = {key: replace(output, embedding=averaged(output.embedding)) for key, output in outputs.items()}
        note = "; ".join(part for part in (note, _too_fine(outputs["student"], coarse["student"])) if part)
        terms = objective.terms(
            coarse["student"],
            coarse["teacher"],
            torch.from_numpy(labels).to(device),
            student.memory,
            generator=torch.Generator().manual_seed(seed),
            ignore_index=student.info.classes.ignore_index,
        )
    raw = {key: float(value) for key, value in terms.items()}
    weighted = {key: float(value) for key, value in objective.weighted(terms).items()}
    return BatchTerms(
        student=name,
        raw=raw,
        weighted=weighted,
        total=sum(weighted.values()),
        weights={key: float(getattr(objective, key)) for key in raw},
        recipe=recipe,
        images=len(samples),
        note=note,
        provenance={"seed": seed, "temperature": objective.temperature},
    )


def _outputs(name: str, model: Segmenter, samples: Sequence[Sample], device: torch.device) -> SegmentationOutput:
    """What a network in evaluation mode returns for all images, which it sees one by one."""
    import torch

    from cirkd.models import inference
    from cirkd.models.segmenter import SegmentationOutput

    found = []
    for sample in samples:
        with inference.fitting(name, sample.image.shape[:2], device):
            found.append(model(model.preprocess(sample.image)[None].to(device)))
    extra = {
        part: None if getattr(found[0], part) is None else torch.cat([getattr(output, part) for output in found])
        for part in ("auxiliary", "encoded")
    }
    return SegmentationOutput(
        torch.cat([output.logits for output in found]), torch.cat([output.embedding for output in found]), **extra
    )


def _too_fine(own: SegmentationOutput, coarse: SegmentationOutput) -> str:
    """That the student's embedding was averaged, where it was."""
    (h, w), (rows, columns) = own.embedding.shape[2:], coarse.embedding.shape[2:]
    return "" if (h, w) == (rows, columns) else f"embedding maps of {h}x{w} averaged to {rows}x{columns}"


def _check(models: Mapping[str, Any], name: str, samples: Sequence[Sample]) -> None:
    if TEACHER not in models or name not in models or name == TEACHER:
        raise StudyError("the loss compares a student with a teacher: open both")
    if len({sample.image.shape for sample in samples}) > 1:
        raise StudyError("the images differ in size, and a mini-batch has one size; choose images of one size")


def _labels(name: str, student: Any, samples: Sequence[Sample], classes: Classes | None) -> np.ndarray:
    """Labels [b, H, W] in the student's numbering."""
    known, ignored = student.info.classes, student.info.classes.ignore_index
    table = np.arange(256)
    if classes is not None:
        own = match_classes(classes, known).table
        if own is None:
            raise StudyError(f"{name} predicts other classes than the labels: there is no loss to report")
        table = np.where(own == IGNORED, ignored, own)
    shape = samples[0].image.shape[:2]
    found = [np.full(shape, ignored) if s.label is None else table[np.asarray(s.label)] for s in samples]
    return np.stack(found).astype(np.int64)


def _objective(models: Mapping[str, Any]) -> tuple[Objective, str]:
    """What the students are measured by, and the student whose recipe it is; "" with the paper's."""
    from cirkd.losses.objective import Objective

    students = [name for name in models if name != TEACHER]
    for name in sorted(students, key=lambda name: name != AFTER):
        stored = (dict(models[name].info.provenance).get("recipe") or {}).get("objective") or {}
        known: dict[str, Any] = {item.name: stored[item.name] for item in fields(Objective) if item.name in stored}
        # What is on screen is one process's batch, however many trained.
        found = replace(Objective(**known), across_processes=False)
        if known and found.needs_teacher:
            return found, name
    return Objective(), ""


def _possible(objective: Objective, student: Any, teacher: Any) -> tuple[Objective, str]:
    """The objective without the terms that a checkpoint can't be asked for: of heads that training alone has, and of
    the memory where the student has none of the teacher's width."""
    from cirkd.losses.terms import TERMS

    headed = [name for name, term in TERMS.items() if term.head is not None and objective.weight(name)]
    if headed:
        objective, note = _possible(objective.without(*headed), student, teacher)
        return objective, "; ".join(filter(None, (note, f"without {', '.join(headed)}: their heads stay in training")))
    memory = student.memory
    if not objective.needs_memory:
        return objective, ""
    if hasattr(memory, "pixel_queue") and memory.teacher_width == teacher.info.embedding_channels:
        return objective, ""
    why = "its memory is of another teacher" if hasattr(memory, "pixel_queue") else "its checkpoint holds no memory"
    if objective.minibatch_pixel and objective.minibatch_projected:
        why += "; the mini-batch's relations are those of its embedding, before any projection head"
    bare = replace(objective, memory_pixel=0.0, memory_region=0.0, minibatch_projected=False)
    return bare, f"without the memory's terms: {why}"

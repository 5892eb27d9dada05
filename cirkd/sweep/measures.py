"""What is known of a finished run: its scores, what it cost, how its relations stand to the teacher's; and what is
measured on every image of a split: confusion, outlines, calibration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkd.analysis import segmentation_measures
from cirkd.analysis.centroids import MODEL_MEASURES
from cirkd.analysis.places import telling_images
from cirkd.checkpoint import load_model
from cirkd.data.catalog import open_data
from cirkd.data.sample import Classes, SegmentationData
from cirkd.export.files import whole
from cirkd.features.feature_set import AFTER
from cirkd.features.sampling import balanced_sample, evenly
from cirkd.models import inference
from cirkd.models.segmenter import Segmenter
from cirkd.models.stream import Item, stream
from cirkd.relations import resize_labels
from cirkd.study import Study
from cirkd.sweep.plan import Job, run_name
from cirkd.training.contents import content, contents
from cirkd.training.evaluate import confusion_matrix
from cirkd.training.journal import read_journal
from cirkd.training.recipes import Recipe
from cirkd.training.run_state import free_to_change
from cirkd.training.setup import plain_recipe

FOLDER = "measures"
"""Of a sweep: a small file for each finished run, which is all that the table needs of it."""
DURING = "miou_val/"
"""What the columns of val's mIoU at each evaluation begin with; the step follows."""
_BY_CLASS = ("compactness", "separation", "row_distance", "nearest_centroid_by_class")
_METHOD = frozenset({"name", "seed", "objective", "memory", "teacher", "told", "teacher_precision"})
"""Fields of a recipe in which the rows of one table may differ."""
PROBE_IMAGES, PROBE_PIXELS = 60, 6_000
"""Images of each split, and pixels of them all, that the linear probe is fitted to and asked about."""


def measure(job: Job, teacher: Path | None, images: int) -> dict[str, Any]:
    """A row of the table of results; kept beside the runs, where `kept_row` finds it.

    Args:
        teacher: the checkpoint that relations are compared with; without one they are not measured.
        images: how many images of val the relation measures are taken on.
    """
    row, path = _row(job, teacher, images), _path(job)
    path.parent.mkdir(exist_ok=True)
    with whole(path) as temporary:
        temporary.write_text(json.dumps({"asked": _asked(job, teacher, images), "row": row}, indent=1))
    return row


def kept_row(job: Job, teacher: Path | None, images: int) -> dict[str, Any] | None:
    """What `measure` found earlier for the same run measured in the same way; the run itself need not be there."""
    path = _path(job)
    kept = json.loads(path.read_text()) if path.is_file() else {}
    wanted, asked = _asked(job, teacher, images), kept.get("asked", {})
    same = {**asked, "recipe": _computed(asked.get("recipe", {})), "files": None} == {**wanted, "files": None}
    return kept["row"] if same and _of_same_files(asked, wanted) else None


def other_rows(jobs: Sequence[Job], teachers: Sequence[Path | None], images: int) -> list[dict[str, Any]]:
    """Rows beside those of these jobs that can be compared with them.

    They were measured earlier in the same way, against one of the same teachers, and differ in what they distil alone.
    """
    known = [_asked(job, teacher, images) for job, teacher in zip(jobs, teachers, strict=True)]
    own = {_path(job) for job in jobs}
    kept = [json.loads(path.read_text()) for path in sorted(_path(jobs[0]).parent.glob("*.json")) if path not in own]
    return [item["row"] for item in kept if any(_comparable(item["asked"], asked) for asked in known)]


def _comparable(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows may stand in one table: alike in all but the objective, the seed and what it needs."""
    told = []
    for asked in (one, other):
        recipe = {name: value for name, value in _computed(asked["recipe"]).items() if name not in _METHOD}
        told.append([asked["images"], asked["teacher"], recipe])
    return told[0] == told[1] and _of_same_files(one, other, _METHOD)


def _of_same_files(one: Mapping[str, Any], other: Mapping[str, Any], free: Set[str] = frozenset()) -> bool:
    """Whether the files that both name are the same; rows from before files were told by their content name none."""
    files, others = one.get("files", {}), other.get("files", {})
    both = (flag for flag in files.keys() & others.keys() if flag.partition(".")[0] not in free)
    return all(files[flag] == others[flag] for flag in both)


def _path(job: Job) -> Path:
    return job.folder.parents[1] / FOLDER / f"{job.name}.json"


def _asked(job: Job, teacher: Path | None, images: int) -> dict[str, Any]:
    """What a row depends on: the recipe whole and the content of its files, so that neither changes unseen."""
    files = {flag: digest for flag, digest in contents(job.recipe).items() if flag != "teacher"}
    compared = None if teacher is None else content(teacher)
    recipe = _computed(plain_recipe(job.recipe))
    return {"entry": job.entry, "recipe": recipe, "files": files, "teacher": compared, "images": images}


def _computed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that change what is computed; those that came after it was kept have their defaults."""
    default = plain_recipe(Recipe(""))
    nested = {name: {**value, **recipe.get(name, {})} for name, value in default.items() if isinstance(value, dict)}
    whole, free = {**default, **recipe, **nested}, free_to_change(recipe)
    return {name: value for name, value in whole.items() if name not in free}


def _row(job: Job, teacher: Path | None, images: int) -> dict[str, Any]:
    events = read_journal(job.folder / "journal.jsonl")
    model = load_model(job.recipe.checkpoint)
    return {
        "recipe": job.entry,
        "seed": job.seed,
        "data": job.recipe.data,
        "steps": events[-1]["step"],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "wall_seconds": wall_seconds(events),
        "peak_memory_bytes": events[-1]["peak_memory_bytes"],
        **_scores(events),
        **_on_every_image(job, model, [event["split"] for event in events if event["kind"] == "evaluation"]),
        **({} if teacher is None else _relations(job, model, teacher, images)),
    }


def wall_seconds(events: list[dict[str, Any]]) -> float:
    """Seconds of training that a journal tells of, evaluations among it; what was lost to a kill is not in it."""
    seconds, latest = 0.0, 0.0
    for event in events:
        if event["kind"] == "start":
            seconds, latest = seconds + latest, 0.0
        latest = event.get("seconds", latest)
    return seconds + latest


def _scores(events: list[dict[str, Any]]) -> dict[str, float | None]:
    """The last evaluation of each split, which is of the checkpoint as it was written; and val's at every step."""
    found = [event for event in events if event["kind"] == "evaluation"]
    last = {event["split"]: event for event in found}
    row: dict[str, float | None] = {}
    for split, event in sorted(last.items(), reverse=True):
        row |= {f"miou_{split}": event["miou"], f"pixel_accuracy_{split}": event["pixel_accuracy"]}
        row |= {f"iou_{split}/{name}": value for name, value in event["iou"].items()}
    return row | {f"{DURING}{event['step']}": event["miou"] for event in found if event["split"] == "val"}


def confusions_of(folder: Path, recipe: str, seed: int) -> Path:
    """Where a run's confusion matrices by image lie in a sweep's folder."""
    return folder / FOLDER / f"{run_name(recipe, seed)}.npz"


def _on_every_image(job: Job, model: Any, splits: Sequence[str]) -> dict[str, float]:
    """Outlines and calibration on the splits that were scored, and the linear probe; confusions are kept as a file."""
    recipe, row, confusions = job.recipe, {}, {}
    for split in dict.fromkeys(splits):
        # Scores of the recipe's validation images go by `val`, whatever these are called.
        images = recipe.val_split if split == "val" else split
        measured, confusions[split] = image_measures(model, open_data(recipe.data, images, recipe.root))
        row |= {f"{name}_{split}": value for name, value in measured.items()}
    keep_confusions(_path(job).with_suffix(".npz"), confusions)
    train, val = (open_data(recipe.data, split, recipe.root) for split in (recipe.train_split, recipe.val_split))
    return row | {"linear_probe": probed(model, train, val)}


def _relations(job: Job, model: Any, teacher: Path, images: int) -> dict[str, float | None]:
    """The relation measures of the app on a few telling images of val, as a whole and by class."""
    recipe = job.recipe
    data = open_data(recipe.data, recipe.val_split, recipe.root)
    study = Study.open(teacher=teacher, after=model, images=data, indices=telling_images(data, images))
    found, classes = study.divergence(), study.features().grouping().classes
    row: dict[str, float | None] = {
        "relation_divergence": found.mean[AFTER],
        "relation_divergence_jointly": found.jointly[AFTER],
        **_named("relation_divergence", found.by_class[AFTER], range(len(classes)), classes),
    }
    geometry = study.centroids()
    row |= {name: getattr(geometry, name)[AFTER] for name in MODEL_MEASURES}
    for name in _BY_CLASS:
        values = getattr(geometry, name)[AFTER]
        row[name] = float(np.nanmean(values)) if np.isfinite(values).any() else None
        row |= _named(name, values, geometry.classes, classes)
    return {name: None if value is None or not np.isfinite(value) else float(value) for name, value in row.items()}


def _named(measure: str, values: Any, numbers: Any, classes: Classes) -> dict[str, float]:
    return {f"{measure}/{classes.names[c]}": float(value) for c, value in zip(numbers, values, strict=True)}


def image_measures(model: Segmenter, data: SegmentationData) -> tuple[dict[str, float], np.ndarray]:
    """Boundary IoU and expected calibration error of a split, in percent, and uint32 confusions [n, C, C] by image.

    The network's classes are the data set's, as after training on it.
    """
    classes = len(model.info.classes)
    both, either = torch.zeros(classes), torch.zeros(classes)
    calibration, confusions = torch.zeros(3, 1), []
    for item, logits, _ in _outputs(model, data, range(len(data))):
        assert item.label is not None, "a split that is trained on has labels"
        logits, label = inference.at_image_size(logits, item.size, model).cpu(), item.label.long()
        prediction = logits.argmax(0)
        confusions.append(confusion_matrix(prediction, label, classes)[:, :classes].numpy().astype(np.uint32))
        counts = segmentation_measures.boundary_counts(
            prediction, label, classes, segmentation_measures.band_width(*item.size)
        )
        both, either = both + counts[0], either + counts[1]
        calibration = calibration + segmentation_measures.calibration_counts(logits, label)
    occurs = either > 0
    measured = {
        "boundary_iou": float(100 * (both[occurs] / either[occurs]).mean()),
        "calibration_error": segmentation_measures.calibration_error(calibration),
    }
    return measured, np.stack(confusions)


def probed(model: Segmenter, train: SegmentationData, val: SegmentationData) -> float:
    """Mean accuracy over classes of a linear classifier of embeddings, fitted on `train` and asked about `val`."""
    return segmentation_measures.linear_probe(*_rows(model, train), *_rows(model, val))


def _rows(model: Segmenter, data: SegmentationData) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of a class-balanced sample of pixels of some images, evenly spread over the split."""
    indices = evenly(len(data), PROBE_IMAGES)
    rows, labels = [], []
    for item, _, embedding in _outputs(model, data, indices):
        assert item.label is not None, "a split that is trained on has labels"
        small = resize_labels(item.label[None], (embedding.shape[1], embedding.shape[2]))[0]
        chosen = balanced_sample(small.numpy().reshape(-1).astype(np.uint8), PROBE_PIXELS // len(indices)).index
        rows.append(embedding.flatten(1).T[torch.from_numpy(chosen)].cpu().numpy())
        labels.append(small.reshape(-1)[torch.from_numpy(chosen)].numpy())
    together = np.concatenate(labels)
    known = together < len(model.info.classes)
    return np.concatenate(rows)[known], together[known]


def _outputs(
    model: Segmenter, data: SegmentationData, indices: Sequence[int]
) -> Iterator[tuple[Item, torch.Tensor, torch.Tensor]]:
    """Each image with its logits and embedding, [C, h, w] and [d, h, w]."""
    with inference.evaluating(model), torch.inference_mode():
        for item in stream(data, indices, [model.info.preprocessing]):
            output = inference.run("the network", model, item.inputs[0][None], [item.name], precision="float32")
            yield item, output.logits[0], output.embedding[0]


def keep_confusions(path: Path, confusions: dict[str, np.ndarray]) -> None:
    """Write the confusion matrices of a run's splits."""
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **confusions)  # pyright: ignore[reportArgumentType]


def read_confusions(path: Path) -> dict[str, np.ndarray]:
    """What `keep_confusions` wrote: split -> [n, C, C]."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}

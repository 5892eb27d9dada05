"""The lesson of a study: what it draws, as bytes for a page, and as one HTML file that needs no network.

study = cirkd.report.open_study()
write_lesson(study, "lesson.html")
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.analysis.colorings import all_colors
from cirkd.analysis.explorer_block import ExplorerBlock, explorer_block
from cirkd.analysis.explorer_encode import class_table, encode
from cirkd.analysis.memory_lesson import KEYS
from cirkd.analysis.projection import AT_ONCE, explorer_map
from cirkd.analysis.stored_scores import SPLITS, whole_split_sentence
from cirkd.analysis.trajectory import snapshots, trajectory
from cirkd.charts import theme
from cirkd.charts.looks import arrows, color_variables, look
from cirkd.charts.training import groups, playable
from cirkd.data.errors import StudyError
from cirkd.data.matching import in_colors_of
from cirkd.data.sample import Classes
from cirkd.export.files import whole
from cirkd.features.feature_set import FeatureSet, Progress
from cirkd.study import Study
from cirkd.training.journal import read_history
from cirkd.web import LESSON_TITLE, script, style

TEMPERATURE = 0.1
LARGEST = 15_000_000
"""Bytes that a lesson in one file may have."""
POSITIONS = (50_000, 25_000, 12_500, 6_000, 3_000)
"""How many positions such a file may hold, the first that fits is taken."""


def lesson_bytes(
    study: Study | Any,
    *,
    block: ExplorerBlock | None = None,
    measured: bool = True,
    name: str = "",
    extra: dict[str, Any] | None = None,
) -> bytes:
    """What the lesson draws: the linked view's block with two maps, scores, the memory bank and a training run.

    Args:
        study: a `Study`, or what serves its results.
        block: which positions; None = the study's own.
        measured: whether to measure what takes long: divergence and geometry of all pixels.
        name: tells studies apart on one page.
        extra: further entries of the header.

    Raises:
        StudyError: a study without whole images, or too many pixels to send.
    """
    features, packed = study.features(), block or study.explorer()
    maps = {of: explorer_map(study.fine_features(), packed, of) if block else study.explorer_map(of) for of in AT_ONCE}
    several = measured and len(features.models) > 1
    divergence = study.explorer_divergence(TEMPERATURE) if several else None
    memory, why = _memory(study, packed)
    parts = {
        "scores": {of: s.miou for of, s in study.scores().models.items() if np.isfinite(s.miou)},
        "table": _table(study, measured),
        "memory": memory,
        "noMemory": why,
        "trajectory": _trajectory(study),
    }
    header = {
        "look": look(tuple(features.models)),
        "arrows": arrows(tuple(features.models)),
        "study": name,
        "first": {},
        "measured": measured,
        "lesson": parts,
    }
    colors = all_colors(study.fine_features(), divergence, wait=False) if block else None
    return encode(packed, maps, divergence, header | (extra or {}), colors=colors)


def record_of(checkpoint: Path) -> Path | None:
    """The run that made a checkpoint, if its probe's snapshots lie beside it: its own folder, or `records/NAME`."""
    for folder in (checkpoint.parent, checkpoint.parent / "records" / checkpoint.stem):
        if snapshots(folder):
            return folder
    return None


def write_lesson(
    study: Study, path: Path | str, *, title: str = LESSON_TITLE, progress: Progress | None = None
) -> Path:
    """Write the lesson and the Explorer of a study to one HTML file under 15 MB that opens without a network.

    Grids are thinned where the pixels of all images would not fit.

    Args:
        progress: called with (fraction, text); an exception raised from it cancels, and no file is left behind.

    Raises:
        ExportError: a place that cannot be written to.
        CirkdError: the study cannot be computed, or its pictures alone are too large.
    """
    with whole(path) as temporary:
        temporary.write_text(lesson_page(study, title=title, progress=progress), encoding="utf-8")
    return Path(path)


def lesson_page(study: Study, *, title: str = LESSON_TITLE, progress: Progress | None = None) -> str:
    """The text of that file."""
    features = study.features(progress)
    for most in POSITIONS:
        if most < len(features.image_names):
            break
        if progress is not None:
            progress(0.5, "Packing the lesson")
        data = lesson_bytes(study, block=explorer_block(study.fine_features(), most), extra={"still": True})
        text = page(gzip.compress(data, 6), title)
        if len(text.encode()) < LARGEST:
            return text
    raise StudyError(f"{len(features.image_names)} images are more than a lesson of 15 MB holds; choose fewer")


def page(packed: bytes, title: str) -> str:
    """The HTML file around gzipped bytes of a lesson."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<style>{color_variables()}{style('explorer', 'player', 'lesson', 'still')}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><div id="place"></div></main>'
        f'<script type="application/octet-stream" id="block">{b64encode(packed).decode()}</script>'
        f'<script type="module">{script("still")}</script></body></html>\n'
    )


def _table(study: Any, measured: bool) -> dict[str, Any]:
    """What the models reached: a line for each measure, saying which of them is the loss itself."""
    features = study.features()
    names = list(features.models)
    rows = [_row("mIoU on these images", {n: s.miou for n, s in study.scores().models.items()}, percent=True)]
    for split in SPLITS:
        found = {n: s.miou for n, s in study.evaluate(split).items() if s is not None}
        if found:
            rows.append(_row(f"mIoU on all of {split}", found, percent=True))
    if not measured:
        return {"columns": names, "rows": rows, "sentences": [], "about": "Measuring the geometry of all pixels …"}
    found = study.centroids() if features.grouping().present() else None
    if len(names) > 1:
        mean = study.divergence(TEMPERATURE).mean
        rows.append(_row(f"Relation divergence, nats, τ = {TEMPERATURE}", mean, better="less", loss=True))
    if found is not None:
        rows += [
            _row(
                "Nearest neighbours shared with the teacher", _students(features, found.neighbour_overlap), percent=True
            ),
            _row("Pixels nearest to their class's centroid", found.nearest_centroid_accuracy, percent=True),
            _row("Classes apart (Fisher ratio)", found.fisher_ratio),
            _row("Alike to the teacher as a whole (CKA)", _students(features, found.cka_to_teacher)),
        ]
    about = (
        f"All {len(features.pixels):,} pixels of {len(features.image_names)} images; classes by "
        f"{features.grouping().source}."
    )
    return {
        "columns": names,
        "rows": rows,
        "sentences": [
            line.replace("`", "") for line in (whole_split_sentence(study), *study.summary(TEMPERATURE)) if line
        ],
        "about": about,
    }


def _students(features: FeatureSet, values: dict[str, float]) -> dict[str, float]:
    """Without the reference's own, which is 1 whatever it is."""
    return {name: value for name, value in values.items() if name != features.reference}


def _row(
    label: str, values: dict[str, float], *, percent: bool = False, better: str = "more", loss: bool = False
) -> dict[str, Any]:
    known = {name: float(value) for name, value in values.items() if value is not None and np.isfinite(value)}
    return {"label": label, "values": known, "percent": percent, "better": better, "loss": loss}


def _memory(study: Any, block: ExplorerBlock) -> tuple[dict[str, Any] | None, str]:
    """The memory bank of the last student that has one, or why there is none."""
    reference, why = study.features().reference, "No model in view brings a memory bank, so there are no numbers here."
    for name in reversed([n for n in study.names if n != reference]):
        try:
            found = study.memory_lesson(name, TEMPERATURE)
        except StudyError as error:
            why = f"No numbers here: {error}."
            continue
        cells = study.explorer_cells()[block.index]
        cosines = {of: rows[cells] for of, rows in found.relations.items()}
        losses = [{"label": KEYS[k.keys], "loss": k.loss, "ceiling": k.ceiling} for k in found.losses]
        return {
            "model": name,
            "classes": class_table(found.classes),
            "teacher": _rounded(cosines[reference]),
            "student": _rounded(cosines[name]),
            "losses": losses,
            "temperature": TEMPERATURE,
            "rows": found.rows,
        }, ""
    return None, why


def _rounded(cosines: np.ndarray) -> np.ndarray:
    """Cosines in 16 bits, exact to 1.6e-5."""
    return np.rint(cosines * 32767).astype(np.int16)


def _trajectory(study: Any) -> dict[str, Any] | None:
    """The record of the last student's training, for the player."""
    student = [name for name in study.names if name != study.features().reference][-1:]
    record = record_of(study.files[student[0]]) if student and student[0] in study.files else None
    if record is None:
        return None
    found, known = trajectory(record), read_history(record / "journal.jsonl").classes
    if known:  # the run's own classes, which another data set may number otherwise
        own = Classes(tuple(known["names"]), tuple(map(tuple, known["colors"])))
        known = vars(in_colors_of(own, study.features().classes))
    about = (
        f"{found.provenance['pixels']} of {found.provenance['of']:,} positions of {len(found.names)} probe images, the "
        f"two principal axes of all steps together ({theme.percent(sum(found.explained), 0)} of their variance)."
    )
    words = {"run": record.name, "label": "the probe's embeddings from step to step", "about": about}
    return playable(found, groups(found, known)) | words

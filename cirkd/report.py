"""A study as one HTML file that opens without a network: pictures, figures, tables, and how each came about."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.analysis import pictures
from cirkd.analysis.places import telling_images
from cirkd.analysis.stored_scores import whole_split_sentence
from cirkd.charts import theme
from cirkd.charts.gallery import MAP, SECTIONS, Picture, gallery
from cirkd.charts.looks import color_variables
from cirkd.charts.save import SCRIPT, figure_bytes, painted
from cirkd.data.bundled import PARTS, first_study
from cirkd.data.catalog import open_named
from cirkd.data.errors import StudyError
from cirkd.declaration import Progress
from cirkd.export.files import file_name, whole, write_bytes
from cirkd.export.table import Table
from cirkd.export.tables import tables
from cirkd.lesson import lesson_page
from cirkd.study import Study
from cirkd.web import script, style

WIDEST = 480
"""Pixels of a picture's width in the report."""
TABLES = {
    "Scores": ("iou", "image-scores"),
    "Relations": ("divergence-classes", "divergence-pairs"),
    "Centroids": ("geometry", "centroids"),
    "Layers": ("layers",),
    "Memory bank": ("memory-bank", "stored-pixels"),
}
OPEN_ROWS = 30
"""A longer table is folded away."""
MOST_MAPS = 24
"""Maps of single images in the report; further ones can be exported one by one."""


def open_study(
    teacher: Path | None = None,
    before: Path | None = None,
    after: Path | None = None,
    images: str = "streets/val",
    *,
    root: Path | None = None,
    count: int = 6,
    **settings: Any,
) -> Study:
    """Open a study on a few telling images of a data set or folder; without a checkpoint, the bundled ones.

    Args:
        images: a data set's name, with /SPLIT or without, or a folder.
        settings: as of `Study.open`.

    Raises:
        CirkdError: a checkpoint or the images cannot be opened.
    """
    if count < 1:
        raise StudyError(f"{count} images: choose at least 1")
    if teacher is before is after is settings.get("students") is None:
        teacher, before, after = (first_study().get(role) for role in PARTS)
    data = open_named(images, root=root)
    return Study.open(
        teacher=teacher, before=before, after=after, images=data, indices=telling_images(data, count), **settings
    )


def write_report(
    study: Study,
    path: Path | str,
    *,
    title: str = "What distillation changed",
    lesson: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write the whole study to one HTML file.

    It holds Plotly's script once and all images as `data:` addresses, so it needs nothing else; light or dark as the
    reader's screen is. Written piece by piece: no more than one figure is in memory at a time.

    Args:
        lesson: whether the lesson and the Explorer stand in the file, too, behind a link.
        progress: called with (fraction, text); an exception raised from it cancels and is passed on, and no file is
            left behind.

    Raises:
        ExportError: a place that cannot be written to.
        CirkdError: the study cannot be computed.

    Example:
        >>> study = open_study(count=2)
        >>> write_report(study, "study.html")  # doctest: +SKIP
        PosixPath('study.html')
    """
    study.features(progress)
    found = gallery(study)
    left_out = [picture.name for picture in found if picture.name.startswith(MAP)][MOST_MAPS:]
    found = [picture for picture in found if picture.name not in left_out]
    with whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for part in _parts(study, title, found, progress, lesson):
            file.write(part)
    return Path(path)


def export_figures(
    study: Study, folder: Path | str, kind: str = "html", *, names: Sequence[str] | None = None
) -> list[Path]:
    """Write the figures of a study, or those named, to a folder as "html", "png" or "svg".

    Raises:
        ExportError: what draws PNG and SVG is missing, or a place that cannot be written to.
    """
    return [write_bytes(Path(folder) / name, content) for name, content in figure_files(study, kind, names=names)]


def figure_files(
    study: Study,
    kind: str,
    *,
    names: Sequence[str] | None = None,
    mode: theme.Theme = "light",
    progress: Progress | None = None,
) -> Iterator[tuple[str, bytes]]:
    """The figures of a study, or those named, as files, one after the other: names and contents."""
    found = [picture for picture in gallery(study) if names is None or picture.name in names]
    for number, picture in enumerate(found):
        if progress is not None:
            progress(number / len(found), picture.title)
        content = figure_bytes(picture.drawn(mode), kind, title=picture.title, width=picture.width)
        yield f"{file_name(picture.name)}.{kind}", content


def _lesson(study: Study, progress: Progress | None) -> str:
    """A link that opens the lesson, which stands packed beside it, in a page of its own."""
    packed = b64encode(gzip.compress(lesson_page(study, progress=progress).encode())).decode()
    return (
        '<p><a id="lesson" target="_blank">The lesson and the Explorer of this study</a></p>'
        f'<script type="application/octet-stream" id="lesson-file">{packed}</script><script>{script("report")}</script>'
    )


def _parts(study: Study, title: str, found: list[Picture], progress: Progress | None, lesson: bool) -> Iterator[str]:
    yield begin(title)
    yield _opening(study)
    if lesson:
        yield _lesson(study, progress)
    yield _images(study)
    known = tables(study)
    for section in SECTIONS:
        own = [picture for picture in found if picture.section == section]
        listed = [name for name in TABLES.get(section, ()) if name in known]
        if not own and not listed:
            continue
        yield f"<h2>{escape(section)}</h2><div class=figures>"
        for picture in own:
            if progress is not None:
                progress(found.index(picture) / len(found), picture.title)
            yield figure_html(picture)
        yield "</div>"
        for name in listed:
            yield table_html(known[name]())
    yield _provenance(study)
    yield END


def begin(title: str) -> str:
    """The start of a report, up to its heading; `END` closes it."""
    from plotly.offline import get_plotlyjs

    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{color_variables()}{style('report')}</style><script>{get_plotlyjs()}{SCRIPT}</script></head><body><main>"
        f"<h1>{escape(title)}</h1>"
    )


def _opening(study: Study) -> str:
    found = [whole_split_sentence(study), *study.summary()]
    text = " ".join(escape(sentence).replace("`", "") for sentence in found if sentence)
    features = study.features()
    images = ", ".join(map(escape, features.image_names))
    assumed = [f"{name}: {note}" for name, model in features.models.items() for note in model.info.get("notes", ())]
    noted = "".join(f"<li>{escape(note)}</li>" for note in [*features.provenance.get("notes", []), *assumed])
    notes = f"<ul class=caption>{noted}</ul>" if noted else ""
    models = table_html(tables(study)["models"]())
    return f"<p class=lead>{text}</p>{models}<p class=caption>Images: {images}.</p>{notes}"


def _images(study: Study) -> str:
    """A row for each image: it, its label, and what every model predicts."""
    features = study.features()
    heads = ["image", *(["label"] if features.labels is not None else []), *features.models]
    rows = []
    for number, name in enumerate(features.image_names):
        shown = [_picture(features.images[number], f"image {name}", photo=True)]
        if features.labels is not None:
            shown.append(_picture(pictures.colorize(features.labels[number], features.classes), f"label of {name}"))
        for model in features.models.values():
            colors = pictures.colorize(model.prediction_maps[number], model.classes)
            shown.append(_picture(colors, f"prediction of {model.name} for {name}"))
        cells = "".join(f"<td>{picture}</td>" for picture in shown)
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    head = "".join(f"<th>{escape(theme.label(text))}</th>" for text in heads)
    known = features.classes
    chips = "".join(
        f'<span class=chip><i style="background:{theme.class_color(color)}"></i>{escape(name)}</span>'
        for name, color in zip(known.names, known.colors, strict=True)
    )
    return (
        f"<h2>Images and predictions</h2><p>{chips}</p><div class=scroll><table class=images><tr><th></th>{head}</tr>"
        f"{''.join(rows)}</table></div>"
    )


def figure_html(picture: Picture) -> str:
    """A figure as it stands in a report, light or dark as the reader's screen."""
    name, title = escape(picture.name), escape(picture.title)
    return (
        f'<figure id="{name}" role="group" aria-label="{title}"><figcaption><b>{title}</b></figcaption>'
        f"{painted(picture)}<p class=caption>{escape(picture.about)}</p></figure>"
    )


def table_html(found: Table) -> str:
    """A table as it stands in a report; a long one is folded away."""
    heads = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in found.columns)
    rows = "".join(
        f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in zip(*found.columns.values(), strict=True)
    )
    shown = " open" if len(found) <= OPEN_ROWS else ""
    return (
        f"<details{shown}><summary>{escape(found.title)}</summary><div class=scroll><table><tr>{heads}</tr>{rows}"
        "</table></div></details>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    if value is None or value != value:
        return "<td class=number>–</td>"
    whole_number = float(value).is_integer() and abs(float(value)) >= 1
    return f"<td class=number>{int(value):,}</td>" if whole_number else f"<td class=number>{float(value):.4g}</td>"


def _provenance(study: Study) -> str:
    features = study.features()
    models = {
        name: {key: model.info[key] for key in ("architecture", "encoder", "parameters", "grid") if key in model.info}
        | {"recipe": dict(model.info.get("provenance") or {}).get("recipe")}
        for name, model in features.models.items()
    }
    text = json.dumps({"features": features.provenance, "models": models}, indent=2, default=str)
    return f"<h2>How this was computed</h2><details><summary>Settings</summary><pre>{escape(text)}</pre></details>"


def _picture(pixels: np.ndarray, alt: str, *, photo: bool = False) -> str:
    """An image in the page; maps keep their colours exactly."""
    picture = pictures.encoded(pixels, WIDEST, "WEBP", mixing=photo, lossless=not photo, quality=82, method=1)
    return f'<img alt="{escape(alt)}" src="{pictures.data_uri(picture, "webp")}">'


END = "</main><script>dispatchEvent(new Event('resize'))</script></body></html>\n"
"""The last of a page: figures were drawn before those beside them were there, and take their final width."""

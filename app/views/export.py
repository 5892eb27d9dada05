"""Export: the whole study as one file, and every figure, table and embedding by itself."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Hashable
from pathlib import Path

import streamlit as st

from app import captions, controls, panels, stored_bar, study_bar, work
from app.guard import guard
from app.handle import Handle
from cirkd.charts import theme
from cirkd.charts.gallery import gallery
from cirkd.export.files import Files, through_file, write_all
from cirkd.export.table import write_table
from cirkd.export.tables import tables
from cirkd.report import figure_files, write_report

# Session key: the files made for this window, by what they are; only the latest few are kept.
MADE = "_exports"
KEPT = 4
ALL = "all of them (zip)"


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Export", study)
    parts = (_report, _figures, _tables, _embeddings)
    if study.key.sampled:
        stored_bar.needs_images("The report, the figures and the projector's pictures are made of")
        parts = (_tables,)
    for panel, part in zip(panels.row("export", len(parts), 24), parts, strict=True):
        with panel.container(border=True), guard():
            part(study)
    if study.key.sampled:
        st.caption("The same from Python: `cirkd.Study.from_folder(path).export_tables(folder)`.")
        return
    st.caption(
        "The same from Python: `study.export_tables(folder)`, `study.export_embeddings(file)`, "
        "`study.export_projector(folder)`, `cirkd.write_report(study, file)`; and from the command line: "
        "`cirkd report study.html --tables tables --figures figures --projector projector.zip`."
    )


@st.fragment
def _report(study: Handle) -> None:
    """The study as one HTML file."""
    st.subheader("The study as one page")
    st.markdown(
        "Images, predictions, every figure and table, and how each number came about, in one HTML file of about "
        "10 MB that opens without a network; the lesson and the Explorer stand in it, too, behind a link."
    )

    def write(path: Path, report: work.Progress) -> object:
        return write_report(study.study, path, progress=report)

    _offer(study, ("report",), "Writing the report", write, "study.html", "export_report")


@st.fragment
def _figures(study: Handle) -> None:
    """Figures as HTML, PNG or SVG."""
    st.subheader("Figures")
    with guard():
        titles = {picture.name: f"{picture.section}: {picture.title}" for picture in gallery(study.study)}
        name = controls.pick("Figure", titles | {ALL: ALL}, "export_figure", bind=None)
        kind = controls.one_of(
            "Format",
            {kind: kind.upper() for kind in ("html", "png", "svg")},
            "export_figure_format",
            bind=None,
            help="HTML opens without a network. PNG and SVG need a Chrome or Chromium on this "
            "machine and the extra `images`; the camera above every chart saves a PNG without either.",
        )
        dark = st.toggle("For a dark page", key="export_figure_dark")
        mode: theme.Theme = "dark" if dark else "light"

        def files(names: list[str] | None, report: work.Progress) -> Files:
            return figure_files(study.study, kind, names=names, mode=mode, progress=report)

        _one_or_all(study, ("figure", name, kind, mode), "Drawing", files)


@st.fragment
def _tables(study: Handle) -> None:
    """Tables as CSV or Parquet."""
    st.subheader("Tables")
    with guard():
        found = tables(study.study)
        name = controls.pick("Table", {name: name for name in (*found, ALL)}, "export_table", bind=None)
        kind = controls.one_of("Format", {"csv": "CSV", "parquet": "Parquet"}, "export_table_format", bind=None)

        def files(names: list[str] | None, report: work.Progress) -> Files:
            for of in names or found:
                yield f"{of}.{kind}", through_file(lambda file, of=of: write_table(found[of](), file), f".{kind}")

        _one_or_all(study, ("table", name, kind), "Computing", files)


@st.fragment
def _embeddings(study: Handle) -> None:
    """Embeddings as Parquet, or for the TensorBoard projector."""
    st.subheader("Embeddings")
    with guard():
        kinds = {"parquet": "Parquet", "projector": "TensorBoard projector"}
        kind = controls.one_of("For", kinds, "export_embeddings_format", bind=None)
        pixels = len(study.features().pixels)
        sizes = [500, 1000, 2000, 5000, 10_000]
        shown = [size for size in sizes if size < pixels] or [pixels]
        budget = st.select_slider(
            "Pixels, class-balanced",
            shown,
            min(2000, shown[-1]),
            key="export_budget",
            disabled=kind == "parquet",
            help=f"The Parquet file holds all {pixels:,} pixels in view.",
        )
        st.caption(
            "A row for each pixel: image, position, label, and each model's embedding (a list of fixed length), "
            "prediction and confidence."
            if kind == "parquet"
            else "A zip file: vectors and metadata as TSV, a sprite of what lies around each pixel, and the settings "
            "for `tensorboard --logdir` and projector.tensorflow.org."
        )

        def write(path: Path, report: work.Progress) -> object:
            if kind == "parquet":
                return study.study.export_embeddings(path)
            return study.study.export_projector(path, budget=int(budget))

        file = "embeddings.parquet" if kind == "parquet" else "projector.zip"
        _offer(study, ("embeddings", kind, budget), "Writing embeddings", write, file, "export_embeddings")


def _one_or_all(
    study: Handle,
    what: tuple[str, ...],
    label: str,
    files: Callable[[list[str] | None, work.Progress], Files],
) -> None:
    """Offer one file, or all of its sort as a zip.

    what: its sort, its name or ALL, its ending, and what else it is; files: makes those named, or all (None).
    """
    sort, name, ending = what[:3]

    def write(path: Path, report: work.Progress) -> object:
        if name == ALL:
            return write_all(files(None, report), path)
        return path.write_bytes(next(iter(files([name], report)))[1])

    file = f"{sort}s.zip" if name == ALL else f"{name}.{ending}"
    _offer(study, what, label, write, file, f"export_{sort}s")


def _offer(
    study: Handle,
    what: Hashable,
    label: str,
    write: Callable[[Path, work.Progress], object],
    file: str,
    key: str,
) -> None:
    """A button that makes a file, with progress and a cancel, then one that saves it."""
    made: dict[Hashable, bytes] = st.session_state.setdefault(MADE, {})
    wanted = (key, study.key, what)
    if wanted not in made:
        job = (key, wanted)  # by its part of the page: an export of another part goes on
        if not st.button(f"Make {file}", key=f"{key}_make", icon=":material/build:") and not work.running(job):
            return
        work.allow(job)
        suffix = Path(file).suffix
        content = work.run(job, label, lambda report: through_file(lambda path: write(path, report), suffix))
        made[wanted] = content
        while len(made) > KEPT:
            made.pop(next(iter(made)))
    size = theme.number(len(made[wanted]) / 1e6, 2)
    st.download_button(
        f"Save {file} ({size} MB)",
        made[wanted],
        file,
        mimetypes.guess_type(file)[0],
        key=f"{key}_save",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )


main()

"""Export: the whole study as one file, and every figure, table and embedding by itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path

import streamlit as st

from app import captions, controls, panels, stored_bar, study_bar, work
from app.guard import guard
from app.handle import Handle
from cirkd.charts import theme

# Session key: the files made for this window, by what they are; only the latest few are kept.
MADE = "_exports"
KEPT = 4
MIME = {
    "html": "text/html",
    "png": "image/png",
    "svg": "image/svg+xml",
    "csv": "text/csv",
    "zip": "application/zip",
    "parquet": "application/vnd.apache.parquet",
}
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
        from cirkd.report import write_report

        return write_report(study.study, path, progress=report)

    _offer(study, ("report",), "Writing the report", write, "study.html", "export_report")


@st.fragment
def _figures(study: Handle) -> None:
    """Figures as HTML, PNG or SVG."""
    from cirkd.charts.gallery import gallery

    st.subheader("Figures")
    with guard():
        found = gallery(study.study)
        titles = {picture.name: f"{picture.section}: {picture.title}" for picture in found}
        name = st.selectbox("Figure", [*titles, ALL], format_func=lambda n: titles.get(n, ALL), key="export_figure")
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

        def write(path: Path, report: work.Progress) -> object:
            from cirkd.charts.save import write_figure
            from cirkd.report import figure_files

            if name == ALL:
                from cirkd.export.files import write_all

                return write_all(figure_files(study.study, kind, mode=mode, progress=report), path)
            picture = next(picture for picture in found if picture.name == name)
            return write_figure(picture.drawn(mode), path, title=picture.title, width=picture.width)

        ending = "zip" if name == ALL else kind
        stem = "figures" if name == ALL else name
        _offer(study, ("figure", name, kind, mode), "Drawing", write, f"{stem}.{ending}", "export_figures")


@st.fragment
def _tables(study: Handle) -> None:
    """Tables as CSV or Parquet."""
    from cirkd.export.tables import tables

    st.subheader("Tables")
    with guard():
        found = tables(study.study)
        name = st.selectbox("Table", [*found, ALL], key="export_table")
        kind = controls.one_of("Format", {"csv": "CSV", "parquet": "Parquet"}, "export_table_format", bind=None)

        def write(path: Path, report: work.Progress) -> object:
            from cirkd.export.files import through_file, write_all
            from cirkd.export.table import write_table

            if name != ALL:
                return write_table(found[name](), path)
            files = (
                (f"{n}.{kind}", through_file(lambda file, make=make: write_table(make(), file), f".{kind}"))
                for n, make in found.items()
            )
            return write_all(files, path)

        ending = "zip" if name == ALL else kind
        stem = "tables" if name == ALL else name
        _offer(study, ("table", name, kind), "Computing", write, f"{stem}.{ending}", "export_tables")


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


def _offer(
    study: Handle,
    what: Hashable,
    label: str,
    write: Callable[[Path, work.Progress], object],
    file: str,
    key: str,
) -> None:
    """A button that makes a file, with progress and a cancel, then one that saves it."""
    from cirkd.export.files import through_file

    made: dict[Hashable, bytes] = st.session_state.setdefault(MADE, {})
    wanted = (key, study.key, what)
    if wanted not in made:
        job = ("export", wanted)
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
        MIME[Path(file).suffix[1:]],
        key=f"{key}_save",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )


main()

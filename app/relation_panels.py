"""Further parts of the Relations page: pixels with regions, one pixel's row, and the loss term by term."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import components, controls, matrices, panels
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.compare import compare_matrices
from cirkd.charts import heat, matrix, theme, training
from cirkd.data.errors import StudyError

VIEW = "regions of the images in view"
PIXEL = "relations_pixel"
"""Session key: (study, part of the page, pixel) whose row is looked at, where it was chosen."""


@st.fragment
def regions(study: Handle) -> None:
    """Pixels with regions, of the batch or of a memory bank."""
    st.subheader("Pixels with regions")
    with guard():
        features, banks = study.features(), study.memory_banks()
        names = features.image_names
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            image = controls.pick("Pixels of", dict(enumerate(names)), "relations_region_image", width=220)
            sources = {VIEW: VIEW} | {name: f"memory bank of {theme.label(name)}" for name in banks}
            source = controls.pick("Regions", sources, "relations_regions", width=320)
        bank = None if source == VIEW else source
        found = study.region_relations(image) if bank is None else study.bank_relations(bank, image)
        compared = compare_matrices(found.matrices, features.reference)
        known = None if bank is None else study.memory_bank(bank).classes
        rows, columns = matrix.region_sides(found, features, known)
        matrices.draw("regions", compared, rows, columns, "relation (cosine)", marked(study, "regions", found.rows))
        through = "" if bank is None else "; the student's pixels after its projection head, as in training"
        st.caption(
            f"Cosine similarity of {len(found.rows)} pixels of {theme.plain(names[image])}, by class, with "
            f"{len(found.region_label)} regions (the mean embedding of a class in an image)"
            f"{', the newest of each class in the bank' if bank else ''}{through}; classes by "
            f"{found.provenance['grouped_by']}."
        )
        clicked_row(study, "regions", found.rows)


def chosen(study: Handle, part: str) -> int | None:
    """The pixel that was chosen in a part of the page, whose row is looked at there; None = none."""
    kept = st.session_state.get(PIXEL)
    return kept[2] if kept and kept[:2] == (study.key, part) else None


def choose(study: Handle, key: str, image: int) -> None:
    """A pixel of an image was clicked in the map of this key."""
    pixel = heat.chosen_pixel(study.features(), image, st.session_state[key].selection.points)
    if pixel is not None:
        st.session_state[PIXEL] = (study.key, "map", pixel)


def marked(study: Handle, part: str, pixels: Any) -> int | None:
    """Which row of the matrices of a part was chosen; None = none of these pixels."""
    pixel = chosen(study, part)
    found = [row for row, own in enumerate(pixels) if own == pixel]
    return found[0] if found else None


def clicked_row(study: Handle, part: str, pixels: Any) -> None:
    """Let a row of a part's matrices be chosen by a click, and show it. pixels: of the rows."""

    def take(row: int, column: int, matrix: int) -> None:
        if row < len(pixels):
            st.session_state[PIXEL] = (study.key, part, int(pixels[row]))

    hint = "Click a row of a matrix: the relations of its pixel with all images, as heatmaps."
    components.cells(f"relations_click_{part}", f"panels-{part}", hint, take)
    if marked(study, part, pixels) is not None:
        row_of_pixel(study, part)


def row_of_pixel(study: Handle, part: str) -> None:
    """The row of the pixel that was chosen in a part of the page: its relations with all images, in every model."""
    pixel = chosen(study, part)
    if pixel is None:
        st.caption(":material/ads_click: Click a pixel in a map: its row of the relation matrix, as a heatmap.")
        return
    features, found = study.features(), study.pixel_relations(pixel)
    where, known = features.pixels, features.grouping()
    kind = theme.class_name(known.classes, int(known.values[pixel]))
    image = int(where.image[pixel])
    low = min(float(row.min()) for row in found.similarity.values())
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**The row of one pixel**: {theme.plain(kind)}, row {where.row[pixel]}, "
                f"column {where.column[pixel]} of {theme.plain(features.image_names[image])}"
            )
            st.button(
                "Clear selection",
                key=f"relations_let_go_{part}",
                on_click=_let_go,
                icon=":material/close:",
                type="tertiary",
            )
        end = max(-low, 1.0)
        signed = matrix.Scale(theme.diverging(), -end, end, "relation to the pixel (cosine)")
        scale = matrix.Scale(theme.SEQUENTIAL, low, 1.0, "relation to the pixel (cosine)") if low >= 0 else signed
        st.html(scale.bar())
        for number, (name, row) in enumerate(found.similarity.items()):
            st.markdown(theme.role(name).heading)
            for i, panel in enumerate(panels.row(f"row-{part}-{number}", len(features.images), 9)):
                with panel:
                    panels.chart(
                        heat.heat(features, row, i, scale, width=170, mark=pixel),
                        f"relations_row_{part}_{name}_{i}",
                        f"relations of the chosen pixel in {name} with image {features.image_names[i]}",
                    )


def _let_go() -> None:
    st.session_state.pop(PIXEL, None)


@st.fragment
def loss(study: Handle) -> None:
    """The loss that training would report for this batch, term by term."""
    st.subheader("The loss of this batch, term by term")
    students = [name for name in study.names if name != "teacher"]
    found, why = [], []
    with guard():
        for name in students:
            try:
                found.append(study.batch_terms(name))
            except StudyError as error:
                why.append(str(error))
    for line in dict.fromkeys(why):
        st.info(theme.plain(line))
    if not found:
        return
    terms = list(dict.fromkeys(term for part in found for term in part.raw))
    columns: dict[str, list[Any]] = {"Term": [training.term(term)[0] for term in terms] + ["sum"]}
    for part in found:
        look = theme.role(part.student)
        columns[look.text] = [theme.number(part.raw.get(term)) for term in terms] + ["–"]
        weighted = [theme.number(part.weighted.get(term)) for term in terms]
        columns[f"{look.text}, weighted"] = [*weighted, theme.number(part.total)]
    weights = {term: weight for part in found for term, weight in part.weights.items()}
    columns["Weight"] = [theme.number(weights.get(term)) for term in terms] + [""]
    st.table(columns)
    recipe = found[0].recipe
    whose = f"that of {theme.label(recipe)}'s recipe" if recipe else "the paper's"
    notes = [f"{theme.label(part.student)}: {part.note}." for part in found if part.note]
    st.caption(
        f"`cirkd.losses.Objective` on the {found[0].images} images in view as one batch, whole and in evaluation mode, "
        f"in nats, temperature {found[0].provenance['temperature']:g}; keys drawn from the memory with seed "
        f"{found[0].provenance['seed']}. {theme.plain(' '.join([f'One objective for all students: {whose}.', *notes]))}"
    )

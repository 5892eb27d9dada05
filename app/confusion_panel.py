"""What every model takes each class for: the confusion matrices, their change, and the pixels of a cell."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import streamlit as st

from app import components, matrices, panels, tiles
from app.explorer import in_explorer
from app.handle import Handle
from cirkd.analysis import pictures
from cirkd.charts import confusion as charts
from cirkd.charts import theme
from cirkd.results import ConfusedImage, Scores

MOST = 6
"""Images that are shown for a cell."""


def draw(
    study: Handle,
    scores: Scores,
    key: str,
    pair: tuple[str, str] | None,
    *,
    whole: bool = False,
    files: Hashable = (),
) -> None:
    """The section. key: unique among such sections; whole: `scores` are of the whole split; files: as it changes."""
    models = [name for name, score in scores.models.items() if not score.note]
    if not models:
        return
    pair = pair if pair and set(pair) <= set(models) else None
    st.subheader("Confusion matrices")
    _heatmaps(study, scores, key, models, pair)
    where = "all images of the split" if whole else "the images in view"
    st.caption(
        f"Rows are labels, columns predictions: the share of a class's labelled pixels in {where}, at full resolution, "
        "that the model predicts as each class; what it takes for a class that the labels lack has no column. Colours "
        "follow the square root of the share. In the difference, a rise on the diagonal is an improvement, a rise off "
        "it a loss."
    )
    cell = _cell(study, scores, key, models, pair)
    if cell is not None:
        found = study.confused_images(*cell, MOST, whole=whole, files=files)
        _images(study, found, cell, key)


def _heatmaps(study: Handle, scores: Scores, key: str, models: list[str], pair: tuple[str, str] | None) -> None:
    classes, scales, shown = study.features().classes, [charts.scale()], []
    for name in models:
        look = theme.role(name)
        alt = f"heatmap, confusion matrix of {look.label}: labels in rows, predictions in columns"
        shown.append((look.heading, charts.confusion(scores, classes, name), alt))
    if pair:
        first, second = (theme.role(name) for name in pair)
        scales.append(charts.change_scale(scores, *pair))
        alt = f"heatmap, confusion matrix of {second.label} minus that of {first.label}"
        shown.append((f"{second.heading} minus {first.named}", charts.change(scores, classes, *pair), alt))
    matrices.row(f"{key}-matrices", scales, shown, 22)


def _cell(
    study: Handle, scores: Scores, key: str, models: list[str], pair: tuple[str, str] | None
) -> tuple[str, int, int] | None:
    """Model, label and prediction that are looked at: clicked, or picked below; at first the largest confusion."""
    known, names = charts.shown(scores), study.features().classes.names
    of, label, predicted = f"{key}_model", f"{key}_label", f"{key}_predicted"

    def take(row: int, column: int, matrix: int) -> None:
        model = [*models, pair[1] if pair else models[-1]][min(matrix, len(models))]
        st.session_state.update({of: model, label: known[row], predicted: known[column]})

    components.cells(f"{key}_click", f"panels-{key}-matrices", "Click a cell: its pixels, on the photographs.", take)
    model = pair[1] if pair else models[-1]
    counts = scores.models[model].confusion * (1 - np.eye(len(names), dtype=np.int64))
    first = [int(c) for c in np.unravel_index(int(counts.argmax()), counts.shape)]
    for name, options, default in ((of, models, model), (label, known, first[0]), (predicted, known, first[1])):
        if st.session_state.get(name) not in options:
            st.session_state[name] = default
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox("Pixels that", models, key=of, format_func=theme.label, width=200)
        st.selectbox("of those labelled", known, key=label, format_func=names.__getitem__, width=220)
        st.selectbox("takes for", known, key=predicted, format_func=names.__getitem__, width=220)
    return st.session_state[of], st.session_state[label], st.session_state[predicted]


def _images(study: Handle, found: list[ConfusedImage], cell: tuple[str, int, int], key: str) -> None:
    names, look = study.features().classes.names, theme.role(cell[0])
    label, predicted = names[cell[1]], names[cell[2]]
    if not found:
        st.caption(f":material/info: {theme.plain(look.label)} takes no pixel of `{label}` for `{predicted}`.")
        return
    for number, (place, item) in enumerate(zip(panels.row(f"{key}-lit", len(found), 14), found, strict=True)):
        with place:
            picture = tiles.encode(pictures.lit(item.image, item.mask), photo=True)
            st.image(picture, width="stretch", alt=f"{item.name}: pixels of {label} taken for {predicted}, lit up")
            share = theme.percent(item.pixels / item.labelled)
            st.caption(f"{theme.plain(item.name)}: {item.pixels:,} pixels, {share} of its `{label}`")
            if st.button("In the Explorer", key=f"{key}_visit_{number}", icon=":material/hub:", type="tertiary"):
                in_explorer([item.name], item.middle)

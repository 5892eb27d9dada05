"""Centroids: where each class lies among the others, how tight it is, and whether that came closer to the teacher's."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import captions, matrices, panels, study_bar
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.compare import compare_matrices
from cirkd.charts import centroids as charts
from cirkd.charts import layers as layer_charts
from cirkd.charts import legend, matrix, theme
from cirkd.features.feature_set import compared
from cirkd.results import Centroids, LayerSimilarity, Scores

MEASURES = (
    (
        "nearest_centroid_accuracy",
        "Nearest centroid",
        "percent",
        "Nearest-centroid accuracy: share of pixels whose most similar centroid is their own class's.",
    ),
    (
        "cka_to_teacher",
        "CKA",
        "number",
        "Agreement of geometry: debiased linear CKA of pixel embeddings with the {reference}'s: 1 = the same geometry.",
    ),
    (
        "neighbour_overlap",
        "Neighbours kept",
        "percent",
        "Mean share of a pixel's nearest neighbours that are also its nearest in the {reference}.",
    ),
    (
        "fisher_ratio",
        "Fisher ratio",
        "number",
        "Scatter between classes over scatter within: larger means better separated classes.",
    ),
    ("silhouette", "Silhouette", "number", "By cosine distance, −1 to 1: larger means better separated classes."),
)


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head(
        "Centroids",
        study,
        teacher="the first model is the reference",
        student="no arrows and no change",
        unlabelled="classes are the first model's predictions, and there is no IoU",
    )
    found = study.centroids()
    _measures(found)
    captions.meanings("CKA", "Fisher ratio", "nearest centroid", "neighbours kept")
    _map(study, found)
    _cosines(study, found)
    _table(study, found)
    _layers(study)


def _measures(found: Centroids) -> None:
    """The model-level numbers: the distilled student's large, with its change, and the others' below."""
    for card, (field, label, kind, text) in zip(panels.cards("measures", len(MEASURES), 11), MEASURES, strict=True):
        values = getattr(found, field)
        show = theme.percent if kind == "percent" else theme.decimals
        name = _shown(values, found.reference)
        first = next((values[other] for other in values if other not in (name, found.reference)), None)
        change = None if first is None else 100 * (values[name] - first) if kind == "percent" else values[name] - first
        # Where the reference itself is lower than the student before, more is not what is aimed at.
        grey = first is None or values.get(found.reference, first) < first
        with card:
            st.metric(
                f"{theme.role(name).markdown} {label}",
                show(values[name]),
                None if change is None else f"{change:+.1f} points" if kind == "percent" else f"{change:+.3f}",
                delta_color="off" if grey else "normal",
                help=text.format(reference=found.reference),
            )
            st.caption(" &nbsp; ".join(f"{theme.role(n).markdown} {show(v)}" for n, v in values.items() if n != name))


def _shown(values: dict[str, float], reference: str) -> str:
    """The model whose number stands large: after, or the last that is not the reference."""
    return "after" if "after" in values else ([n for n in values if n != reference] or [reference])[-1]


def _map(study: Handle, found: Centroids) -> None:
    """The shared map with the drift, and what the drift has to do with the IoU."""
    pair, features = compared(study.names), study.features()
    classes = features.grouping().classes
    st.subheader("Drift of the classes" if pair else "The classes among each other")
    toward = pair if pair and found.reference not in pair else None  # without a teacher, nothing comes closer to one
    scored = bool(toward) and features.has_labels and not features.sampled and study.scores().compares(*toward)
    places = panels.row("map", 2 if scored else 1, 24)
    with places[0]:
        marks = " · ".join(theme.role(name).named for name in found.map)
        arrows = f" · arrows: {theme.plain(' → '.join(pair))}" if pair else ""
        st.caption(marks + arrows)
        panels.chart(
            charts.drift_map(found, classes, pair),
            "centroids_map",
            f"Map of the class centroids of every model{f', with arrows from {pair[0]} to {pair[1]}' if pair else ''}",
        )
    if toward and scored:
        with places[1], guard():
            st.caption("Did a class whose relations came closer to the teacher's also gain IoU?")
            panels.chart(
                charts.gain(found, study.scores(), classes, toward),
                "centroids_gain",
                "For each class, approach to the teacher against the change of IoU",
            )
    st.caption(
        f"A centroid is placed by its cosines to the centroids of all other classes of its own model, on the first two "
        f"principal axes of the {found.reference}'s ({theme.percent(sum(found.map_explained), 0)} of their variance). "
        "That is one map for all models, whatever their width; how far apart two marks look is not a measurement."
    )


def _cosines(study: Handle, found: Centroids) -> None:
    st.subheader("Cosines of the centroids")
    compared = compare_matrices(found.cosine, found.reference)
    side = matrix.class_side(found.classes, study.features().grouping().classes, found.counts)
    matrices.draw("centroids", compared, side, side, "cosine of centroids")
    st.caption(
        f"A centroid is the mean of a class's l2-normalised pixel embeddings; classes by "
        f"{study.features().grouping().source}. Models: {captions.extraction(study)}."
    )


def _table(study: Handle, found: Centroids) -> None:
    st.subheader("Class by class")
    features = study.features()
    scores = study.scores() if features.has_labels and not features.sampled else None
    for key, columns in (("change", _changes(study, found, scores)), ("geometry", _geometry(found))):
        _draw_table(study, found, key, columns)
    st.caption(
        "Compactness: mean cosine of a class's pixels to their centroid. Separation: 1 − the largest cosine to another "
        "class's centroid. Fisher ratio: squared distance of the class's mean from the mean of all pixels, over the "
        "mean squared distance of its pixels from their mean. Distance: mean absolute difference of a class's row of "
        f"centroid cosines from the {found.reference}'s. All in each model's own embedding space. "
        + (f"IoU: {captions.miou(study)}" if scores else "IoU is counted on whole images, so it is left out here.")
    )


# A column of numbers: key, heading, values, format, help.
Column = tuple[str, str, Any, str, str]


def _changes(study: Handle, found: Centroids, scores: Scores | None) -> list[Column]:
    """What ties geometry to scores: IoU and its change, distance to the teacher and its change."""
    pair, columns = compared(study.names), []
    if scores:
        for name, score in scores.models.items():
            values = [100 * float(score.iou[c]) for c in found.classes]
            columns.append((f"iou {name}", f"IoU {theme.role(name).glyph}", values, "%.1f", f"IoU in %, {name}"))
        if pair:
            change = scores.iou_change(*pair)
            values = [100 * float(change[c]) for c in found.classes]
            columns.append(("change", "IoU +/−", values, "%+.1f", "change in points"))
    for name, values in found.row_distance.items():
        if name != found.reference:
            head = f"Distance {theme.role(name).glyph}"
            columns.append((f"row_distance {name}", head, values, "%.3f", f"distance to the {found.reference}, {name}"))
    if pair and found.reference not in pair:
        help_text = f"how much smaller the distance became: {pair[0]} minus {pair[1]}"
        columns.append(("approach", "Closer", found.approach(*pair), "%+.3f", help_text))
    if pair:
        columns.append(("drift", "Drift", found.drift(*pair), "%.3f", "how far its row of centroid cosines moved"))
    return columns


def _geometry(found: Centroids) -> list[Column]:
    """How tight and how far apart the classes are, in every model."""
    measures = (
        ("fisher", "Fisher", found.fisher_by_class, "%.2f"),
        ("compactness", "Compact", found.compactness, "%.3f"),
        ("separation", "Separate", found.separation, "%.3f"),
        ("nearest", "Nearest", found.nearest_centroid_by_class, "%.2f"),
    )
    return [
        (f"{key} {name}", f"{label} {theme.role(name).glyph}", values, form, f"{key}, {name}")
        for key, label, columns, form in measures
        for name, values in columns.items()
    ]


def _draw_table(study: Handle, found: Centroids, key: str, columns: list[Column]) -> None:
    known = study.features().grouping().classes
    values: dict[str, Any] = {
        "swatch": [legend.swatch(theme.class_color(known.colors[c])) for c in found.classes],
        "class": [known.names[c] for c in found.classes],
    }
    looks: dict[str, Any] = {
        "swatch": st.column_config.ImageColumn("", width=34),
        "class": st.column_config.TextColumn("Class", pinned=True, width=124),
    }
    if key == "change":
        values["pixels"] = found.counts.tolist()
        looks["pixels"] = st.column_config.NumberColumn("Pixels", format="localized", width=70)
    for name, label, column, form, help_text in columns:
        values[name] = [float(v) for v in column]
        looks[name] = st.column_config.NumberColumn(label, format=form, help=help_text, width=70)
    st.dataframe(
        values,
        column_config=looks,
        hide_index=True,
        height="content",
        key=f"centroids_table_{key}",
        alt=f"Measures of every class: {key}",
    )


def _layers(study: Handle) -> None:
    """Where in the network distillation acted: the layers' CKA with the teacher's, once it is asked for."""
    if study.key.sampled or len(study.names) < 2:
        return
    st.subheader("Where in the network did distillation act?")
    if not st.toggle(
        "Compare every layer",
        key="centroids_layers",
        bind="query-params",
        help="Runs the models over the images once more, and keeps what every stage of them gives.",
    ):
        return
    with guard():
        found, pair = study.layer_similarity(), compared(study.names)
        _heatmaps(found, pair if pair and found.reference not in pair else None)
        st.caption(_how_layers(found))


def _heatmaps(found: LayerSimilarity, pair: tuple[str, str] | None) -> None:
    scales, shown = [layer_charts.similarity_scale()], []
    for name in found.cka:
        look = theme.role(name)
        alt = f"heatmap, CKA of every layer of {look.label} (rows) with every layer of the {found.reference} (columns)"
        shown.append(
            (f"{look.heading} with the {theme.plain(found.reference)}", layer_charts.similarity(found, name), alt)
        )
    if pair:
        first, second = (theme.role(name) for name in pair)
        scales.append(layer_charts.change_scale(found, *pair))
        alt = f"heatmap, change of the layers' CKA with the {found.reference}'s from {first.label} to {second.label}"
        shown.append((f"{second.heading} minus {first.named}", layer_charts.change(found, *pair), alt))
    matrices.row("layers", scales, shown, 20)


def _how_layers(found: LayerSimilarity) -> str:
    grids = sorted({f"{h}x{w}" for h, w in found.grids})
    return (
        f"Debiased linear CKA of a student's layers (rows, image on top) with the {found.reference}'s (columns, image "
        f"on the left): 1 is the same geometry, 0 an unrelated one. At {found.positions:,} positions of {found.images} "
        f"images, drawn with seed {found.seed}; every layer's map is averaged to the coarsest grid of all "
        f"({', '.join(grids[:3])}{' ...' if len(grids) > 3 else ''}). Stage: an output of the encoder; decoder: what "
        "feeds the classifier. Two trainings that differ only in their seed differ, too: a small change is no evidence."
    )


main()

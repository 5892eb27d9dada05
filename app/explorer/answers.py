"""What Python says of the pinned pixel and of the chosen pixels, below the linked view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import captions, panels
from app.handle import Handle
from cirkd.analysis.explorer_selection import (
    SelectionScore,
    as_csv,
    as_parquet,
    composition,
    selection_scores,
    selection_table,
)
from cirkd.analysis.neighbours import PixelStory, pixel_story
from cirkd.charts import embeddings as charts
from cirkd.charts import theme
from cirkd.results import Divergence, Projection

NEIGHBOURS = 10


def pin(study: Handle, pixel: int, temperature: float) -> None:
    """The pixel's relations by class, its nearest neighbours, and where its divergence comes from."""
    features = study.fine_features()
    story = pixel_story(features, pixel, temperature, NEIGHBOURS)
    classes = features.grouping().classes
    name = theme.plain(features.image_names[story.image])
    st.subheader("The pinned pixel", anchor=False)
    st.markdown(f"**{name}**, row {story.row}, column {story.column}. {_summary(study, story)}")
    several = len(study.names) > 1
    places = panels.row("explorer_pin", 3 if several else 1, 19)
    with places[0]:
        st.markdown("**Which classes it is similar to**")
        for tab, of in zip(st.tabs(["Mean cosine", "Share of the distribution"]), ("cosine", "share"), strict=True):
            with tab:
                figure = charts.relation_row(story, classes, of)
                panels.chart(figure, f"explorer_{of}", f"The pixel's relations by class ({of}), for every model.")
    if several:
        with places[1]:
            st.markdown("**Which classes make it diverge**")
            panels.chart(
                charts.divergence_by_class(story, classes),
                "explorer_by_class",
                "What each class adds to the pixel's relation divergence, for every student.",
            )
        with places[2]:
            st.markdown("**In which images it diverges**")
            panels.chart(
                charts.divergence_by_image(story, features.image_names),
                "explorer_by_image",
                "The pixel's relation divergence over each image, for every student.",
            )
    st.markdown(f"**Its {story.provenance['neighbours']} nearest neighbours**")
    _neighbours(study, story)
    st.caption(
        f"From the exact embeddings, over all {len(features.pixels):,} positions; classes by "
        f"{features.grouping().source}. Relation distribution: softmax of the cosines with one image's positions at "
        f"τ = {temperature:g}, for each image by itself, as in the loss; shares and divergence are means over the "
        f"images. Models: {captions.extraction(study)}."
    )


def selection(
    study: Handle, pixels: Sequence[int], maps: Mapping[str, Projection], divergence: Divergence | None
) -> None:
    """What the chosen pixels are, how well every model does on them, and a table of them to take away."""
    features = study.fine_features()
    made_of = composition(features, pixels)
    classes = features.grouping().classes
    st.subheader("The chosen pixels", anchor=False)
    parts = [f"{theme.percent(n / made_of.pixels, 0)} {theme.class_name(classes, c)}" for c, n in made_of.classes]
    more = f" and {len(parts) - 5} more classes" if len(parts) > 5 else ""
    st.markdown(
        f"**{made_of.pixels:,} pixels** in {_images(len(made_of.images))}: {theme.plain(', '.join(parts[:5]))}{more}"
    )
    panels.chart(
        charts.make_up(made_of, features),
        "explorer_make_up",
        f"The classes of the chosen pixels: {', '.join(parts)}",
    )
    left, right = panels.row("explorer_selection", 2, 20)
    with left:
        _scores(selection_scores(features, pixels, divergence), divergence is not None)
    with right:
        st.dataframe(
            {"Image": [features.image_names[i] for i, _ in made_of.images], "Pixels": [n for _, n in made_of.images]},
            hide_index=True,
            key="explorer_images",
            width="stretch",
            height=35 * min(len(made_of.images) + 1, 7) + 3,
        )
    _export(study, pixels, maps, divergence)
    st.caption(
        f"Class = {made_of.grouped_by}. Accuracy and mIoU count these grid positions alone, mIoU over the classes "
        "labelled among them."
    )


def _scores(scored: Mapping[str, SelectionScore], diverging: bool) -> None:
    """A line per model."""
    rows: dict[str, list[Any]] = {
        "Model": [theme.role(n).text for n in scored],
        "Accuracy": [100 * s.accuracy for s in scored.values()],
        "mIoU": [100 * s.miou for s in scored.values()],
        "Confidence": [100 * s.confidence for s in scored.values()],
    }
    if diverging:
        rows["Divergence (nats)"] = [s.divergence for s in scored.values()]
    config = {n: st.column_config.NumberColumn(format="%.1f %%") for n in ("Accuracy", "mIoU", "Confidence")}
    config["Divergence (nats)"] = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(rows, hide_index=True, column_config=config, key="explorer_scores", width="stretch")


def _export(
    study: Handle, pixels: Sequence[int], maps: Mapping[str, Projection], divergence: Divergence | None
) -> None:
    chosen = study.fine_features(), pixels, maps, divergence
    offered = {
        "csv": ("CSV", lambda: as_csv(selection_table(*chosen))),
        "parquet": ("Parquet with embeddings", lambda: as_parquet(selection_table(*chosen, embeddings=True))),
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        for kind, (label, make) in offered.items():
            icon, file = ":material/download:", f"pixels.{kind}"
            st.download_button(label, make, file, key=f"explorer_{kind}", on_click="ignore", icon=icon)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _summary(study: Handle, story: PixelStory) -> str:
    """Divergence and shared neighbours of every student, in a line."""
    parts = []
    for name, value in story.divergence.items():
        look = theme.role(name)
        shared = story.relations.shared[name]
        parts.append(
            f"{look.named} shares {shared} of {story.provenance['neighbours']} nearest "
            f"neighbours with the {study.features().reference}, relation divergence {theme.number(value)} nats"
        )
    return ("; ".join(parts) + ".") if parts else ""


def _neighbours(study: Handle, story: PixelStory) -> None:
    """A column per model; a tick where the reference has the same neighbour."""
    reference = study.features().reference
    shared = set(story.relations.neighbours[reference].tolist())
    columns: dict[str, list[Any]] = {"#": list(range(1, story.provenance["neighbours"] + 1))}
    for name, nearest in story.relations.neighbours.items():
        row = story.relations.similarity[name]
        columns[theme.role(name).text] = [
            f"{float(row[pixel]):.3f} · {_place(study, pixel)}" + " ✓" * (name != reference and pixel in shared)
            for pixel in nearest.tolist()
        ]
    st.dataframe(columns, hide_index=True, key="explorer_neighbours", width="stretch")


def _place(study: Handle, pixel: int) -> str:
    """Image, row, column and class of a pixel."""
    features = study.fine_features()
    where, grouping = features.pixels, features.grouping()
    kind = theme.class_name(grouping.classes, int(grouping.values[pixel]))
    return f"{features.image_names[int(where.image[pixel])]} · {where.row[pixel]}, {where.column[pixel]} · {kind}"

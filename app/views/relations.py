"""Relations: who is similar to whom, pixel by pixel and class by class, and where that differs from the teacher's."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app import captions, controls, matrices, panels, relation_panels, stored_bar, study_bar, tiles
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.compare import compare_matrices
from cirkd.charts import heat as charts
from cirkd.charts import matrix, theme
from cirkd.charts import scores as score_charts
from cirkd.results import Divergence

# In the address: all images, in blocks.
ALL = -1
# Pixels a side of a matrix over all images.
OF_ALL = 512


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head(
        "Relations",
        study,
        teacher="differences and divergence are to the first model",
        student="nothing to compare distillation with",
        unlabelled="a pixel's class is the first model's prediction",
    )
    if study.key.sampled:
        _classes(study)
        stored_bar.needs_images("Relations pixel by pixel, regions and divergence are those of")
        return
    _pair(study)
    _classes(study)
    relation_panels.regions(study)
    if len(study.names) > 1:
        _divergence(study)
        relation_panels.loss(study)


@st.fragment
def _pair(study: Handle) -> None:
    """The relation matrix of two images."""
    st.subheader("Pixels of one image with pixels of another")
    with guard():
        features = study.features()
        a, b, order, budget = _choose_pair(study)
        shown = ["all images" if image is None else theme.plain(features.image_names[image]) for image in (a, b)]
        pair = study.relations(a, b, order=order, budget=budget)
        compared = compare_matrices(pair.matrices, features.reference)
        rows, columns = matrix.pixel_sides(pair, features)
        mark = relation_panels.marked(study, "pair", pair.rows)
        matrices.draw("pair", compared, rows, columns, "relation (cosine)", mark)
        st.caption(
            f"Cosine similarity of {len(pair.rows)} × {len(pair.columns)} pixel embeddings, spread evenly over the "
            f"grids of {shown[0]} (rows) and {shown[1]} (columns), sorted by {order}; "
            f"classes by {pair.provenance.get('grouped_by', 'label')}. Models: {captions.extraction(study)}."
        )
        relation_panels.clicked_row(study, "pair", pair.rows)


def _choose_pair(study: Handle) -> tuple[int | None, int | None, str, int]:
    """Two images, shown, or all (None); the order of their pixels; how many."""
    names = study.features().image_names
    first, second, rest = panels.row("choose-pair", 3, width=13)
    numbers = dict(enumerate(names)) | {ALL: "all images, in blocks"}
    chosen: list[int | None] = []
    for place, label, default in ((first, "Rows: image a", 0), (second, "Columns: image b", min(1, len(names) - 1))):
        with place:
            image = controls.pick(label, numbers, f"relations_{label[-1]}", default)
            if image == ALL:
                st.caption(f"All {len(names)} images: sorted by position, each is a block of the matrix.")
            else:
                st.image(tiles.tile(study, "image", image), width="stretch", alt=f"image {names[image]}")
            chosen.append(None if image == ALL else image)
    with rest:
        order = controls.one_of("Sort pixels by", {by: by for by in ("class", "position")}, "relations_order")
        budget = st.select_slider(
            "Pixels of each image", [64, 128, 256, 512], 256, key="relations_pixels", bind="query-params"
        )
    return chosen[0], chosen[1], order, OF_ALL if None in chosen else budget


@st.fragment
def _classes(study: Handle) -> None:
    """Mean relations between classes."""
    st.subheader("Classes with classes, on average")
    with guard():
        features = study.features()
        across = st.toggle(
            "Only pairs of pixels of two different images",
            key="relations_across",
            bind="query-params",
            disabled=len(features.image_names) < 2,
        )
        found = study.class_relations(across)
        compared = compare_matrices(found.matrices, features.reference)
        side = matrix.class_side(found.classes, features.grouping().classes, found.counts)
        matrices.draw("classes", compared, side, side, "mean relation (cosine)")
        st.caption(
            f"Mean cosine similarity over all pairs of the {len(features.pixels):,} pixels in view, a pixel with "
            f"itself left out{'; only pairs across images' if across else ''}; classes by {features.grouping().source}."
        )


@st.fragment
def _divergence(study: Handle) -> None:
    """Where relations diverge from the teacher's."""
    st.subheader(f"Where relations diverge from the {theme.plain(study.features().reference)}'s")
    with guard():
        names = study.features().image_names
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            temperature = st.select_slider(
                "Temperature τ",
                [0.02, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0],
                0.1,
                key="relations_temperature",
                width=260,
                bind="query-params",
                help="Small: only the most similar pixels count. Training uses 0.1.",
            )
            opacity = st.slider("Opacity", 0.0, 1.0, 0.75, 0.05, key="relations_opacity", width=200)
            shown = st.multiselect(
                "Images",
                list(range(len(names))),
                list(range(len(names)))[:2],
                format_func=names.__getitem__,
                key="relations_images",
                width=420,
            )
        found = study.divergence(temperature)
        _means(found)
        _maps(study, found, shown, opacity)
        relation_panels.row_of_pixel(study, "map")
        st.caption(captions.divergence(study, found))
        left, right = panels.row("breakdown", 2, 20)
        with left:
            st.markdown("**By class**")
            panels.chart(
                score_charts.class_divergence(found, study.features().grouping().classes),
                "relations_by_class",
                "Mean relation divergence of every class's pixels",
            )
        with right:
            _by_pair(study, found)


def _means(found: Divergence) -> None:
    first = next(iter(found.mean))
    for card, (name, mean) in zip(panels.cards("means", len(found.mean), 12), found.mean.items(), strict=True):
        delta = theme.relative_delta(found.mean[first], mean, first) if name != first else None
        panels.metric(card, f"{theme.role(name).named} · mean divergence", f"{theme.number(mean)} nats", delta, False)


def _maps(study: Handle, found: Divergence, shown: list[int], opacity: float) -> None:
    features = study.features()
    st.html(matrix.Scale(theme.SEQUENTIAL, 0.0, found.largest, "relation divergence (nats)").bar())
    places = [(image, name) for image in shown for name in found.per_pixel]
    for panel, (image, name) in zip(panels.row("maps", len(places), 13.4), places, strict=True):
        with panel:
            st.markdown(f"{theme.role(name).heading} {theme.plain(features.image_names[image])}")
            key, mark = f"relations_map_{image}_{name}", relation_panels.chosen(study, "map")
            panels.chart(
                charts.divergence_map(features, found, name, image, opacity=opacity, mark=mark, choose=True),
                key,
                f"relation divergence of {name} over {features.image_names[image]}; click a pixel for its row",
                selection_mode="points",
                on_select=partial(relation_panels.choose, study, key, image),
            )


def _by_pair(study: Handle, found: Divergence) -> None:
    """Mean divergence of every ordered pair of images: the terms of the mini-batch loss."""
    st.markdown("**By image pair**")
    st.html(charts.pair_scale(found).bar())
    for panel, name in zip(panels.row("by-pair", len(found.by_pair), 16), found.by_pair, strict=True):
        with panel:
            st.markdown(f"{theme.role(name).heading} mean {theme.number(found.batch_loss[name])}")
            panels.chart(
                charts.by_pair(study.features(), found, name),
                f"relations_by_pair_{name}",
                f"mean relation divergence of {name} by image pair",
            )
    st.caption(
        "Row: whose pixels; column: the image that their relation distribution runs over. The mean over all pairs is "
        "the mini-batch relation loss on these images."
    )


main()

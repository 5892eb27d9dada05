"""Embeddings: maps of a class-balanced sample in 2-D and 3-D, as figures; the Explorer links maps with images."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import captions, controls, panels, study_bar, tiles
from app.explorer import chosen_pixels
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.projection import HOW_LONG, METHODS, SPACES
from cirkd.charts import embeddings as charts
from cirkd.charts import theme
from cirkd.charts.legend import Paint
from cirkd.results import COLORINGS, Projection


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Embeddings", study, **captions.MAPPED)
    _view(study)


@st.fragment
def _view(study: Handle) -> None:
    """Everything that the controls change."""
    with guard():
        by, settings = _choose(study)
        projection = study.projection(**settings)
        paints = {name: Paint(study.pixel_colors(by, name)) for name in projection.coordinates}
        _legend(study, projection, by, paints[study.names[-1]])
        _scatters(study, projection, by, paints, _lit(study, projection))
        st.caption(_how(study, projection))


def _choose(study: Handle) -> tuple[str, dict[str, Any]]:
    """By what dots are coloured, and the settings of `projection`."""
    several, features = len(study.names) > 1, study.features()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = controls.one_of("Map", METHODS, "embeddings_map", help=HOW_LONG)
        dimensions = controls.one_of("Dimensions", {2: "2-D", 3: "3-D"}, "embeddings_dimensions")
        possible = {by: _label(by) for by, item in COLORINGS.items() if item.possible(features)}
        by = controls.pick("Colour by", possible, "embeddings_by", width=170)
        space = controls.pick(
            "Space",
            SPACES,
            "embeddings_space",
            width=170,
            help="Relation space describes a pixel by its cosines to the same anchor pixels in every model, so that "
            "all models share one map.",
        )
        per_class = st.slider(
            "Pixels per class", 20, 500, 150, 10, key="embeddings_pixels", width=150, bind="query-params"
        )
        align = (
            several
            and space == "feature"
            and st.toggle(
                "Align",
                True,
                key="embeddings_align",
                bind="query-params",
                help="Turn, mirror, scale and shift each map to lie on the reference's as well as it can (Procrustes).",
            )
        )
    budget = per_class * max(len(features.grouping().present()), 1)
    return by, {"method": method, "dimensions": dimensions, "budget": budget, "align": bool(align), "space": space}


def _label(by: str) -> str:
    return COLORINGS[by].label.lower()


def _legend(study: Handle, projection: Projection, by: str, paint: Paint) -> None:
    """What the colours mean; of classes, also how many dots are of each."""
    if by == "class" and projection.sample is not None:
        known, counts = study.features().grouping().classes, projection.sample.counts
        tiles.chips(
            [(f"{known.names[c]} {n}", theme.class_color(known.colors[c])) for c, n in counts.items() if c < len(known)]
        )
    elif entries := paint.entries():
        tiles.chips(entries)
    else:
        st.html(paint.bar())


def _lit(study: Handle, projection: Projection) -> list[int] | None:
    """The dots of the pixels that are chosen in the Explorer, and a line that says so; None without a choice."""
    if study.key.sampled:
        return None  # the Explorer has nothing to choose from
    chosen = set(chosen_pixels(study))
    if not chosen:
        st.caption(":material/hub: Choose pixels in the Explorer, and their dots light up here.")
        return None
    lit = [dot for dot, pixel in enumerate(projection.index.tolist()) if pixel in chosen]
    st.caption(f":material/hub: Lit: {len(lit):,} of the {len(chosen):,} pixels chosen in the Explorer are shown here.")
    return lit


def _scatters(study: Handle, projection: Projection, by: str, paints: dict[str, Paint], lit: list[int] | None) -> None:
    features = study.features()
    pixels = projection.index.tolist()
    for panel, name in zip(panels.row("scatters", len(paints), 18), paints, strict=True):
        figure = charts.scatter(projection, name, paints[name], charts.describe(features, pixels, name), lit)
        with panel:
            st.markdown(f"{theme.role(name).heading} &nbsp; {_quality(projection, name)}")
            panels.chart(
                figure,
                f"embeddings_{name}_{projection.dimensions}",
                f"{len(pixels)} pixel embeddings of {name} in {projection.dimensions}-D, coloured by {_label(by)}",
                config=CONFIG,
            )


def _quality(projection: Projection, name: str) -> str:
    """How far to trust a panel: the variance that its axes show, the residual to the reference's map."""
    parts = []
    if name in projection.explained:
        parts.append(f"{theme.percent(sum(projection.explained[name]), 0)} of variance")
    if projection.aligned:
        first = name == projection.provenance["reference"]
        parts.append("reference" if first else f"residual {theme.number(projection.residual[name], 2)}")
    return f":gray[:small[{' · '.join(parts)}]]" if parts else ""


def _how(study: Handle, projection: Projection) -> str:
    made = projection.provenance
    method = METHODS[projection.method]
    if projection.space == "relation":
        anchors = made["parameters"]["anchors"]
        space = f"each pixel described by its cosines to {anchors} anchor pixels, one map for all models"
    else:
        layer = study.features().provenance.get("layer", "pixel")
        space = f"of each model's l2-normalised {layer} embedding"
    fit = (
        f" Maps lie on the {made['reference']}'s by Procrustes (turn, mirror, scale, shift); residual is the share of "
        "the variance that this leaves, 0 = same map, 1 = nothing in common."
        if projection.aligned
        else ""
    )
    settings = ", ".join(f"{key} {value}" for key, value in made["parameters"].items() if key != "anchors")
    return (
        f"{len(projection.index):,} of {made['of']:,} pixels, the same in every model, chosen evenly over the classes "
        f"({made['grouped_by']}), seed {made['seed']}. {method} ({settings}) {space}, in {made['seconds']:.1f} s."
        f"{fit} Nearness in a map is a hint: no number here is measured in it. Models: {captions.extraction(study)}."
    )


CONFIG = {**theme.CONFIG, "scrollZoom": False}

main()

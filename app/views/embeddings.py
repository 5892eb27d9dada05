"""Embeddings: the same pixels as dots in the teacher's, the old and the new student's feature space."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import captions, panels, study_bar, tiles
from app.charts import embeddings as charts
from app.charts import legend, theme
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.selection import composition
from cirkd.charts.paint import Paint
from cirkd.study import Projection

METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
SPACES = {"feature": "own features", "relation": "shared relations"}
COLORS = {
    "class": "class", "prediction": "prediction", "error": "right or wrong", "change": "fixed or broken",
    "image": "image", "confidence": "confidence", "divergence": "relation divergence",
}  # fmt: skip
LIT = "embeddings_lit"  # session key: (which sample, numbers of the chosen dots)


@dataclass(frozen=True)
class Choice:
    """What the controls say."""

    method: str
    dimensions: int
    by: str
    per_class: int
    space: str
    align: bool


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    features = study.features()
    st.title("Embeddings")
    st.caption(captions.study(study))
    captions.notes(features)
    panels.missing(
        study.names,
        features.has_labels,
        teacher="maps are laid on the first model's",
        student="no pixel can be fixed or broken",
        unlabelled="a pixel's class is the first model's prediction",
    )
    _view(study)


@st.fragment
def _view(study: Handle) -> None:
    """Everything that the controls change."""
    with guard():
        choice = _choose(study)
        budget = choice.per_class * max(len(study.features().grouping().present()), 1)
        projection = study.projection(
            choice.method, dimensions=choice.dimensions, budget=budget, align=choice.align, space=choice.space
        )
        high = study.divergence().largest if choice.by == "divergence" else 1.0
        paints = {name: Paint(study.pixel_colors(choice.by, name), high) for name in projection.coordinates}
        sample = (study.key, budget)
        _legend(study, projection, paints[study.names[-1]], sample)
        lit = _lit(sample)
        _scatters(study, projection, paints, sample, lit)
        st.caption(_how(study, projection))
        _selection(study, projection, lit)
        _strip(study, projection, study.names[-1], paints[study.names[-1]], sample, lit)


def _choose(study: Handle) -> Choice:
    several, labelled = len(study.names) > 1, study.features().has_labels
    possible = {
        "error": labelled, "change": labelled and {"before", "after"} <= set(study.names), "divergence": several,
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = st.segmented_control(
            "Map", list(METHODS), default="pca", required=True, format_func=METHODS.__getitem__, key="embeddings_map",
            help="PCA is instant. UMAP and t-SNE take about ten seconds or more for each model the first time.",
            bind="query-params",
        )  # fmt: skip
        dimensions = st.segmented_control(
            "Dimensions", [2, 3], default=2, required=True, format_func="{}-D".format, key="embeddings_dimensions",
            help="Dots can be chosen with the lasso in 2-D.", bind="query-params",
        )  # fmt: skip
        by = st.selectbox(
            "Colour by", [by for by in COLORS if possible.get(by, True)], format_func=COLORS.__getitem__,
            key="embeddings_by", width=170, bind="query-params",
        )  # fmt: skip
        space = st.selectbox(
            "Space", list(SPACES), format_func=SPACES.__getitem__, key="embeddings_space", width=170,
            help="Relation space describes a pixel by its cosines to the same anchor pixels in every model, so that "
            "all models share one map.", bind="query-params",
        )  # fmt: skip
        per_class = st.slider(
            "Pixels per class", 20, 500, 150, 10, key="embeddings_pixels", width=150, bind="query-params"
        )
        align = several and space == "feature" and st.toggle(
            "Align", True, key="embeddings_align", bind="query-params",
            help="Turn, mirror, scale and shift each map to lie on the reference's as well as it can (Procrustes).",
        )  # fmt: skip
    return Choice(method, dimensions, by, per_class, space, bool(align))


def _legend(study: Handle, projection: Projection, paint: Paint, sample: tuple) -> None:
    """What the colours mean. Classes can be clicked to choose their dots."""
    if paint.colors.by == "class" and projection.sample is not None:
        known, counts = study.features().grouping().classes, projection.sample.counts
        names = {
            c: legend.chip(theme.class_color(known.colors[c]), f"{known.names[c]} {n}")
            for c, n in counts.items()
            if c < len(known)
        }
        st.pills(
            "Pixels of each class; click to choose", list(names), selection_mode="multi", format_func=names.__getitem__,
            key="embeddings_classes", on_change=_choose_classes, args=(projection, sample),
        )  # fmt: skip
    elif paint.colors.values is None:
        tiles.chips(paint.entries())
    else:
        st.html(paint.bar(COLORS[paint.colors.by]))


def _scatters(
    study: Handle, projection: Projection, paints: dict[str, Paint], sample: tuple, lit: list[int] | None
) -> None:
    features = study.features()
    pixels = projection.index.tolist()
    for panel, name in zip(panels.row("scatters", len(paints), 18), paints, strict=True):
        texts = charts.describe(features, pixels, name)
        figure = charts.scatter(projection, name, paints[name], texts, lit)
        with panel:
            st.markdown(f"{theme.role(name).markdown} **{theme.role(name).label}** &nbsp; {_quality(projection, name)}")
            _plot(
                figure, f"embeddings_{name}", list(range(len(pixels))), sample, projection.dimensions == 2,
                f"{len(pixels)} pixel embeddings of {name} in {projection.dimensions}-D, "
                f"coloured by {COLORS[paints[name].colors.by]}",
            )  # fmt: skip


def _strip(
    study: Handle, projection: Projection, model: str, paint: Paint, sample: tuple, lit: list[int] | None
) -> None:
    features = study.features()
    texts = charts.describe(features, projection.index.tolist(), model)
    st.subheader("The same pixels in the images")
    if paint.colors.by in ("prediction", "error", "confidence", "divergence") and len(study.names) > 1:
        st.caption(f"Coloured by {COLORS[paint.colors.by]} of {theme.role(model).markdown} {theme.role(model).label}.")
    chosen = None if lit is None else set(lit)
    columns = panels.row("strip", len(features.image_names), width=13.4)
    for image, (panel, name) in enumerate(zip(columns, features.image_names, strict=True)):
        figure, dots = charts.places(features, image, projection, paint, texts, chosen)
        with panel.container(gap="xxsmall"):
            _plot(figure, f"embeddings_image_{image}", dots, sample, True, f"the sampled pixels of image {name}")
            st.caption(name)


def _plot(figure, key: str, dots: list[int], sample: tuple, selectable: bool, alt: str) -> None:
    """A chart whose selection becomes the page's; `dots` are its points' numbers in the sample."""
    if selectable:
        st.plotly_chart(
            figure, theme=None, config=CONFIG, key=key, alt=alt, selection_mode=("points", "box", "lasso"),
            on_select=lambda: _choose_dots(key, dots, sample),
        )  # fmt: skip
    else:
        st.plotly_chart(figure, theme=None, config=theme.CONFIG, key=f"{key}_3d", alt=alt)


def _selection(study: Handle, projection: Projection, lit: list[int] | None) -> None:
    """What the chosen dots are."""
    if lit is None:
        if projection.dimensions == 2:
            st.caption(
                ":material/lasso_select: Draw around dots in a map, or around pixels in an image below: the same "
                "pixels light up everywhere. A double click lets go."
            )
        return
    features = study.features()
    chosen = composition(features, projection.index[lit].tolist())
    names = features.grouping().classes.names
    parts = [
        f"{theme.percent(n / chosen.pixels, 0)} {names[c] if c < len(names) else 'no class'}" for c, n in chosen.classes
    ]
    more = f" and {len(parts) - 5} more classes" if len(parts) > 5 else ""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{chosen.pixels:,} pixels** in {len(chosen.images)} images: {', '.join(parts[:5])}{more}")
            st.button("Let go", key="embeddings_clear", on_click=_clear, icon=":material/close:", type="tertiary")
        st.plotly_chart(
            charts.make_up(chosen, features), theme=None, config={"displayModeBar": False}, key="embeddings_make_up",
            alt=f"The classes of the chosen pixels: {', '.join(parts)}",
        )  # fmt: skip
        right = [
            f"{theme.role(n).markdown} {theme.role(n).label.lower()} {theme.percent(v, 0)}"
            for n, v in chosen.right.items()
            if v == v
        ]
        st.caption(f"Class = {chosen.grouped_by}." + (f" Predicted right: {' · '.join(right)}" if right else ""))


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


def _lit(sample: tuple) -> list[int] | None:
    """The chosen dots, if they were chosen in this sample."""
    kept = st.session_state.get(LIT)
    return kept[1] if kept and kept[0] == sample else None


def _choose_dots(key: str, dots: list[int], sample: tuple) -> None:
    points = st.session_state[key].selection.points
    chosen = sorted({dots[p["point_index"]] for p in points if p["point_index"] < len(dots)})
    st.session_state[LIT] = (sample, chosen) if chosen else None
    st.session_state["embeddings_classes"] = []


def _choose_classes(projection: Projection, sample: tuple) -> None:
    wanted = set(st.session_state["embeddings_classes"])
    chosen = [dot for dot, label in enumerate(projection.labels.tolist()) if label in wanted]
    st.session_state[LIT] = (sample, chosen) if chosen else None


def _clear() -> None:
    st.session_state[LIT] = None
    st.session_state["embeddings_classes"] = []


CONFIG = {**theme.CONFIG, "modeBarButtonsToRemove": ["autoScale2d"], "scrollZoom": False}

main()

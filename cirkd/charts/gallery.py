"""Every figure of a study that stands by itself, with its scale, its legend and its words: for files and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from cirkd.charts import centroids, confusion, embeddings, heat, layers, matrix, memory, pictures, scores, theme
from cirkd.charts.legend import Paint
from cirkd.features.feature_set import compared

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from cirkd.data.sample import Classes
    from cirkd.study import Study

MAP = "divergence-map-"
"""How the names of maps of single images begin."""
SECTIONS = ("Scores", "Relations", "Embeddings", "Centroids", "Layers", "Memory bank")


@dataclass(frozen=True)
class Picture:
    """One figure, not drawn yet.

    Attributes:
        name: for files; section: one of `SECTIONS`; title, about: words for people; width: in pixels, of its file.
        draw: makes the figure for the mode that `theme.mode()` says; see `drawn`.
        models: of the study, in order; how further students look follows from it.
    """

    name: str
    section: str
    title: str
    about: str
    width: int
    draw: Callable[[], Figure]
    models: tuple[str, ...] = ()

    def drawn(self, mode: theme.Theme = "light") -> Figure:
        """The figure on the page's own colour, for a light or a dark page."""
        with theme.held(mode, self.models):
            figure = self.draw()
            figure.update_layout(width=None, paper_bgcolor=theme.paper(), plot_bgcolor=theme.paper())
        return figure


def gallery(study: Study) -> list[Picture]:
    """All figures that this study has results for; what is drawn is computed when it is drawn."""
    features = study.features()
    features.require_images("a gallery of figures")
    found: list[Picture] = []
    if features.has_labels:
        found += [*_scores(study), *_confusions(study)]
    if len(features.models) > 1:
        found += _divergence(study)
    if features.grouping().present():
        found += [*_class_relations(study), *_maps(study), *_centroids(study)]
        found += [*_banks(study), *_stored(study)]
    if len(features.models) > 1:
        found += _layers(study)
    return [replace(picture, models=study.names) for picture in found]


def _scores(study: Study) -> Iterator[Picture]:
    classes, pair = study.features().classes, ("before", "after")
    both = _comparable(study, *pair)
    about = "From one confusion matrix over all labelled pixels of the images in view, at full resolution."
    picture = partial(Picture, section="Scores", about=about, width=760)
    if both:
        yield picture(
            "iou-change",
            title="Change of IoU by class",
            draw=lambda: scores.iou_change(study.scores(), classes, *pair),
        )
    order = pair if both else (None, None)
    yield picture("iou", title="IoU by class", draw=lambda: scores.class_iou(study.scores(), classes, *order))
    if both:
        yield picture(
            "fixed-broken",
            title="Fixed and broken pixels by class",
            about="Fixed: wrong before, right after. Broken: the other way round.",
            draw=lambda: pictures.change_by_class(study.pixel_change(), classes),
        )


def _confusions(study: Study) -> Iterator[Picture]:
    """The confusion matrix of each model."""
    classes, title = study.features().classes, "confusion matrix"
    about = (
        "Of the labelled pixels of each class (row) in the images in view, the share predicted as each class (column)."
    )
    picture = partial(Picture, section="Scores", width=720)
    for name in (n for n in study.names if _comparable(study, n)):
        yield picture(
            f"confusion-{name}",
            title=f"{theme.label(name)}: {title}",
            about=about,
            draw=lambda name=name: _scaled(confusion.confusion(study.scores(), classes, name), "share"),
        )
    if _comparable(study, "before", "after"):
        yield picture(
            "confusion-change",
            title=f"Change of {title}",
            about=f"{about} After minus before: on the diagonal more is better, beside it less.",
            draw=lambda: _scaled(confusion.change(study.scores(), classes, "before", "after"), "change"),
        )


def _divergence(study: Study) -> Iterator[Picture]:
    features, known = study.features(), study.features().grouping()
    about = (
        f"KL divergence of a pixel's relation distribution from the {features.reference}'s, in nats, temperature 0.1, "
        "mean over the images in view, as in the mini-batch loss."
    )
    picture = partial(Picture, section="Relations", about=about)
    yield picture(
        "divergence-classes",
        title="Relation divergence by class",
        width=760,
        draw=lambda: scores.class_divergence(study.divergence(), known.classes),
    )
    for name in (n for n in study.names if n != features.reference):
        label = theme.label(name)
        yield picture(
            f"divergence-pairs-{name}",
            title=f"{label}: relation divergence by image pair",
            about=f"Row: whose pixels; column: the image they are related to. {about}",
            width=560,
            draw=lambda name=name: _scaled(heat.by_pair(features, study.divergence(), name), "nats"),
        )
        for image, title in enumerate(features.image_names):
            yield picture(
                f"{MAP}{name}-{title}",
                title=f"{label}: relation divergence on {title}",
                width=720,
                draw=lambda name=name, image=image: _scaled(
                    heat.divergence_map(features, study.divergence(), name, image, width=640), "nats"
                ),
            )


def _class_relations(study: Study) -> Iterator[Picture]:
    def draw(name: str) -> Figure:
        from cirkd.analysis.compare import compare_matrices

        found = study.class_relations()
        compared = compare_matrices(found.matrices, study.features().reference)
        side = matrix.class_side(found.classes, study.features().grouping().classes, found.counts)
        scale = matrix.cosine_scale(compared, "mean relation (cosine)")
        return _scaled(matrix.heatmap(found.matrices[name], side, side, scale, height=520), "cosine")

    for name in study.names:
        title = f"{theme.label(name)}: mean relations of classes"
        about = "Mean cosine of all pairs of pixels in view."
        yield Picture(f"class-relations-{name}", "Relations", title, about, 640, partial(draw, name))


def _maps(study: Study) -> Iterator[Picture]:
    def draw(name: str) -> Figure:
        projection = study.projection()
        texts = embeddings.describe(study.features(), projection.index.tolist(), name)
        figure = embeddings.scatter(projection, name, Paint(study.pixel_colors("class")), texts, height=520)
        return _named(figure, study.features().grouping().classes, study.features().grouping().present())

    about = (
        "PCA of a class-balanced sample of pixels, each map laid on the reference's by Procrustes. Nearness in a map "
        "is a hint, not a measurement."
    )
    for name in study.names:
        title = f"{theme.label(name)}: pixel embeddings"
        yield Picture(f"map-{name}", "Embeddings", title, about, 820, partial(draw, name))


def _centroids(study: Study) -> Iterator[Picture]:
    features, pair = study.features(), compared(study.names)
    classes = features.grouping().classes
    yield Picture(
        "drift",
        "Centroids",
        "Drift of the classes" if pair else "The classes among each other",
        "A centroid is placed by its cosines to the other classes' centroids, on the reference's principal axes; "
        "distances in the map are no measurements.",
        900,
        lambda: centroids.drift_map(study.centroids(), classes, pair),
    )
    if pair and features.reference not in pair and features.has_labels and _comparable(study, *pair):
        yield Picture(
            "gain",
            "Centroids",
            "Approach to the teacher and change of IoU",
            "Approach: by how much a class's centroid cosines came closer to the teacher's.",
            760,
            lambda: centroids.gain(study.centroids(), study.scores(), classes, pair),
        )


def _layers(study: Study) -> Iterator[Picture]:
    """Where in the network distillation acted."""
    reference, pair = study.features().reference, compared(study.names)
    students = [name for name in study.names if name != reference]
    about = (
        f"Debiased linear CKA of a student's layers (rows, image on top) with the {reference}'s (columns, image on the "
        "left): 1 is the same geometry, 0 an unrelated one."
    )
    picture = partial(Picture, section="Layers", width=640)
    for name in students:
        yield picture(
            f"layers-{name}",
            title=f"{theme.label(name)}: every layer with the {reference}'s",
            about=about,
            draw=lambda name=name: _scaled(layers.similarity(study.layer_similarity(), name), "CKA"),
        )
    if pair and reference not in pair:
        yield picture(
            "layers-change",
            title="Where in the network distillation acted",
            about=f"{about} Here {pair[1]} minus {pair[0]}; two trainings that differ only in their seed differ, too.",
            draw=lambda: _scaled(layers.change(study.layer_similarity(), *pair), "change of CKA"),
        )


def _banks(study: Study) -> Iterator[Picture]:
    charts = {"fill": ("how full", memory.fill), "age": ("how old", memory.age), "purity": ("how pure", memory.purity)}
    about = "Age: training steps. Purity: share of keys most similar to their class's centroid."
    for name in study.memory_banks():
        for key, (words, chart) in charts.items():
            title = f"{theme.label(name)}'s queues: {words}"
            draw = partial(lambda chart, name: chart(study.memory_bank(name)), chart, name)
            yield Picture(f"bank-{key}-{name}", "Memory bank", title, about, 640, draw)


def _stored(study: Study) -> Iterator[Picture]:
    about = "Expected share of the pixels stored in a step on the images in view, by what they are."
    for kind, whose in (("own", "this project"), ("published", "the published code")):
        title = f"What {whose} stores under each class"
        draw = partial(lambda kind: memory.stored(study.stored_pixels(), kind), kind)
        yield Picture(f"stored-{kind}", "Memory bank", title, about, 760, draw)


def _comparable(study: Study, *names: str) -> bool:
    """Whether all of these models are here and predict the labels' classes."""
    models = study.features().models
    return all(name in models and models[name].comparable for name in names)


def _scaled(figure: Figure, unit: str) -> Figure:
    """The figure with its colour scale beside it."""
    bar = {"title": {"text": unit, "font": {"size": 12}}, "thickness": 12, "outlinewidth": 0, "len": 0.9}
    figure.update_traces(showscale=True, colorbar=bar, selector={"type": "heatmap"})
    return figure.update_layout(margin_r=70)


def _named(figure: Figure, classes: Classes, shown: list[int]) -> Figure:
    """The figure with the classes' names above it."""
    figure.update_traces(showlegend=False)
    for c in shown:
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=classes.names[c],
            showlegend=True,
            hoverinfo="skip",
            marker={
                "color": theme.class_color(classes.colors[c]),
                "symbol": "square",
                "size": 11,
                "line": {"width": 1, "color": theme.muted()},
            },
        )
    return figure.update_layout(showlegend=True, margin_t=90, legend_bgcolor="rgba(0,0,0,0)")

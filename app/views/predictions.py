"""Predictions: image, label and what every model makes of it; what distillation fixed and what it broke."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import captions, confusion_panel, controls, panels, study_bar, tiles
from app.guard import guard
from app.handle import Handle
from cirkd.charts import legend, theme
from cirkd.charts import pictures as charts

VIEWS = {"prediction": "Classes", "errors": "Errors", "confidence": "Confidence"}


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Predictions", study)
    features = study.features()
    if _compares(study):
        st.markdown(captions.fixed_and_broken(study.pixel_change()))
    view, opacity = _controls(study)
    _legend(study, view)
    with guard():
        for index in range(len(features.image_names)):
            _row(study, index, view, opacity)
    with guard():
        _closer(study, view, opacity)
    if captions.scored(study):
        with guard():
            _changes(study)
        with guard():
            _scores(study)
        with guard():
            pair = ("before", "after") if _has_pair(study) else None
            confusion_panel.draw(study, study.scores(), "predictions_confusion", pair)


def _controls(study: Handle) -> tuple[str, float]:
    offered = VIEWS if study.features().has_labels else {of: VIEWS[of] for of in ("prediction", "confidence")}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="predictions_controls"):
        view = controls.one_of("Of every model, show", offered, "predictions_view")
        opacity = st.slider(
            "Colour over the image",
            20,
            100,
            100,
            10,
            format="%d %%",
            key="predictions_opacity",
            bind="query-params",
            width=240,
        )
    return view, opacity / 100


def _legend(study: Handle, view: str) -> None:
    features = study.features()
    if view == "prediction":
        tiles.class_legend(features.classes)
    elif view == "confidence":
        st.html(legend.scale(theme.SEQUENTIAL, "0 %", "100 %", "probability of the predicted class"))
    else:
        tiles.chips([("right", theme.BOTH_RIGHT), ("wrong", theme.BROKEN), ("unlabelled", theme.UNLABELLED)])
    if _compares(study):
        tiles.chips(
            [
                ("fixed: wrong before, right after", theme.FIXED),
                ("broken: right before, wrong after", theme.BROKEN),
                ("wrong in both", theme.BOTH_WRONG),
                ("right in both", theme.BOTH_RIGHT),
                ("unlabelled", theme.UNCHANGED),
            ]
        )


def _views(study: Handle, view: str) -> list[tuple[str, str, str]]:
    """(title, kind of tile, model) of every picture in a row."""
    features = study.features()
    views = [("Image", "image", "")]
    if features.has_labels:
        views.append(("Label", "label", ""))
    views += [(theme.role(name).text, view, name) for name in features.models]
    if _compares(study):
        views.append(("Fixed and broken", "change", ""))
    return views


def _row(study: Handle, index: int, view: str, opacity: float) -> None:
    name = study.features().image_names[index]
    scored = captions.image_scores(study.scores(), index) if study.features().has_labels else []
    st.markdown(f"**{theme.plain(name)}** &emsp; {'mIoU ' if scored else ''}{' · '.join(scored)}")
    views = _views(study, view)
    for column, (title, kind, model) in zip(
        panels.row(f"row-{index}", len(views), width=9, gap="xsmall"), views, strict=True
    ):
        with column.container(gap="xxsmall"):
            picture = _tile(study, kind, index, model, opacity)
            st.image(picture, width="stretch", alt=f"{name}: {title}, {VIEWS.get(kind, kind)}")
            st.caption(theme.role(model).named if model else title)


def _tile(study: Handle, kind: str, index: int, model: str, opacity: float) -> bytes:
    return tiles.tile(study, kind, index, model, 1.0 if kind in ("image", "change") else opacity)


def _closer(study: Handle, view: str, opacity: float) -> None:
    features = study.features()
    st.subheader("Look closer")
    names = features.image_names
    chosen = controls.pick(
        "Image",
        {name: name for name in names},
        "predictions_zoom",
        width=320,
        help="Scroll to zoom, drag to move; all views move together. Double click to see the whole image again.",
    )
    index = names.index(chosen)
    views = [
        (title, tiles.data_uri(_tile(study, kind, index, model, opacity))) for title, kind, model in _views(study, view)
    ]
    size = features.images[index].shape[:2]
    width, height = charts.linked_size(len(views), size)
    # Plotly's height does not follow its width by itself: on a narrow page the views would drift apart.
    rule = f"flex:0 0 auto!important;height:auto!important;aspect-ratio:{width}/{height}"
    st.html(f"<style>[data-testid=stLayoutWrapper]:has(>.st-key-predictions_box){{{rule}}}</style>")
    with st.container(key="predictions_box", height=height, border=False):
        panels.chart(
            charts.linked_views(views, size),
            "predictions_closer",
            f"{chosen}: the image, its label, the models' predictions and what changed, zoomed together.",
            config=theme.CONFIG | {"scrollZoom": True},
            height="stretch",
        )


def _changes(study: Handle) -> None:
    if not _has_pair(study):
        return
    change, features = study.pixel_change(), study.features()
    st.subheader("Fixed and broken")
    if change.note:
        st.caption(f":material/info: {theme.plain(change.note)}")
        return
    panels.chart(
        charts.change_by_class(change, features.classes),
        "predictions_changes",
        "For each class, the share of its pixels that distillation fixed and broke.",
    )


def _scores(study: Handle) -> None:
    st.subheader("Scores")
    by_image, by_class = st.tabs(["By image", "By class"])
    with by_image:
        _by_image(study)
    with by_class:
        _by_class(study)
    st.caption(captions.miou(study))


def _by_image(study: Handle) -> None:
    """mIoU and pixel accuracy of every model on each image by itself."""
    scores = study.scores()
    columns: dict[str, list[Any]] = {"Image": list(study.features().image_names)}
    for name, score in scores.models.items():
        columns[_head(name, "mIoU")] = [100 * float(v) for v in score.image_miou]
    for name, score in scores.models.items():
        columns[_head(name, "accuracy")] = [100 * float(v) for v in score.image_accuracy]
    _table(columns, "predictions_by_image", "Image")


def _by_class(study: Handle) -> None:
    """IoU of every model and its change, and how many pixels each class has."""
    features, scores = study.features(), study.scores()
    present = [c for c in range(len(features.classes)) if scores.present[c]]
    columns: dict[str, list[Any]] = {"Class": [features.classes.names[c] for c in present]}
    for name, score in scores.models.items():
        columns[_head(name, "IoU")] = [100 * float(score.iou[c]) for c in present]
    if {"before", "after"} <= set(scores.models):
        change = scores.iou_change("before", "after")
        columns["Change (points)"] = [100 * float(change[c]) for c in present]
    columns["Pixels"] = [int(scores.labelled[c]) for c in present]
    _table(columns, "predictions_by_class", "Class")


def _head(name: str, what: str) -> str:
    return f"{theme.role(name).text} {what}"


def _table(columns: dict[str, list[Any]], key: str, first: str) -> None:
    formats = {"Change (points)": "%+.1f", "Pixels": "localized"}
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(format=formats.get(name, "%.1f %%")) for name in columns
    }
    config[first] = st.column_config.TextColumn(pinned=True)
    st.dataframe(columns, hide_index=True, column_config=config, key=key, width="stretch")


def _has_pair(study: Handle) -> bool:
    return {"before", "after"} <= set(study.names)


def _compares(study: Handle) -> bool:
    """Whether it can be said what distillation fixed: a model of other classes than the labels' cannot be scored."""
    return study.features().has_labels and study.scores().compares("before", "after")


main()

"""Tables of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from cirkd.charts import theme

if TYPE_CHECKING:
    from app.handle import Handle


def by_image(study: Handle) -> None:
    """mIoU and pixel accuracy of every model on each image by itself."""
    scores = study.scores()
    columns: dict[str, list[Any]] = {"Image": list(study.features().image_names)}
    for name, score in scores.models.items():
        columns[_head(name, "mIoU")] = [100 * float(v) for v in score.image_miou]
    for name, score in scores.models.items():
        columns[_head(name, "accuracy")] = [100 * float(v) for v in score.image_accuracy]
    _table(columns, "predictions_by_image", "Image")


def by_class(study: Handle) -> None:
    """IoU of every model and its change, and how many pixels each class has."""
    features, scores = study.features(), study.scores()
    present = [c for c in range(len(features.classes)) if scores.present[c]]
    columns: dict[str, list[Any]] = {"Class": [features.classes.names[c] for c in present]}
    for name, score in scores.models.items():
        columns[_head(name, "IoU")] = [100 * float(score.iou[c]) for c in present]
    if {"before", "after"} <= set(scores.models):
        change = scores.iou_change("before", "after")
        columns["Change (points)"] = [100 * float(change[c]) for c in present]
    first = next(iter(scores.models.values()))
    columns["Pixels"] = [int(first.confusion[c].sum()) for c in present]
    _table(columns, "predictions_by_class", "Class")


def _head(name: str, what: str) -> str:
    return f"{theme.role(name).text} {what}"


def _table(columns: dict[str, list[Any]], key: str, first: str) -> None:
    numbers = [name for name in columns if name not in (first, "Pixels")]
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="%+.1f" if name.startswith("Change") else "%.1f %%")
        for name in numbers
    }
    if "Pixels" in columns:
        config["Pixels"] = st.column_config.NumberColumn(format="localized")
    config[first] = st.column_config.TextColumn(pinned=True)
    st.dataframe(columns, hide_index=True, column_config=config, key=key, width="stretch")

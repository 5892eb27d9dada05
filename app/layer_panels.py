"""Where in the network distillation acted: the layers' CKA with the teacher's, once it is asked for."""

from __future__ import annotations

import streamlit as st

from app import matrices
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.layer_similarity import LayerSimilarity
from cirkd.charts import layers as charts
from cirkd.charts import theme


def draw(study: Handle, pair: tuple[str, str] | None) -> None:
    """The section, closed by a switch until then; pair: the students whose difference is drawn."""
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
        found = study.layer_similarity()
        _heatmaps(found, pair if pair and found.reference not in pair else None)
        st.caption(_how(found))


def _heatmaps(found: LayerSimilarity, pair: tuple[str, str] | None) -> None:
    reference = theme.role(found.reference).label.lower()
    scales, shown = [charts.similarity_scale()], []
    for name in found.cka:
        look = theme.role(name)
        alt = f"heatmap, CKA of every layer of {look.label} (rows) with every layer of the {reference} (columns)"
        shown.append((f"{look.heading} with the {reference}", charts.similarity(found, name), alt))
    if pair:
        first, second = (theme.role(name) for name in pair)
        scales.append(charts.change_scale(found, *pair))
        alt = f"heatmap, change of the layers' CKA with the {reference}'s from {first.label} to {second.label}"
        shown.append((f"{second.heading} minus {first.named}", charts.change(found, *pair), alt))
    matrices.row("layers", scales, shown, 20)


def _how(found: LayerSimilarity) -> str:
    grids = sorted({f"{h}x{w}" for h, w in found.grids})
    return (
        f"Debiased linear CKA of a student's layers (rows, image on top) with the {found.reference}'s (columns, image "
        f"on the left): 1 is the same geometry, 0 an unrelated one. At {found.positions:,} positions of {found.images} "
        f"images, drawn with seed {found.seed}; every layer's map is averaged to the coarsest grid of all "
        f"({', '.join(grids[:3])}{' ...' if len(grids) > 3 else ''}). Stage: an output of the encoder; decoder: what "
        "feeds the classifier. Two trainings that differ only in their seed differ, too: a small change is no evidence."
    )

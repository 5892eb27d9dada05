"""Overview: what distillation changed, in two or three sentences, four numbers, and one line for each class."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import captions, panels, study_bar, tiles
from app.charts import scores as charts
from app.charts import theme
from app.guard import guard
from app.handle import Handle

TEMPERATURE = 0.1


def main() -> None:
    """Draw the page; what stands on the relations of all pixels comes last, so that nothing waits for it."""
    study = study_bar.current()
    features = study.features()
    several = len(study.names) > 1
    st.title("What distillation changed" if several else "One model")
    st.caption(captions.study(study))
    summary = st.container()
    captions.notes(features)
    with guard():
        last_card = _headline(study)
    with guard():
        _strip(study)
    if captions.scored(study):
        with guard():
            _classes(study)
    with guard(), summary:
        first, *more = study.summary(TEMPERATURE) or [""]
        st.markdown(f"**{first}** {' '.join(more)}")
    if several:
        with guard():
            with last_card:
                _divergence_card(study)
            _relations(study)


def _headline(study: Handle) -> DeltaGenerator:
    """mIoU of every model, beside it that of whole splits; returns the last card, empty where there are students."""
    scores, stored = study.scores(), captions.stored_scores(study)
    cards = panels.cards("headline", len(scores.models) + (len(study.names) > 1))
    for card, (name, score) in zip(cards, scores.models.items(), strict=False):
        role = theme.role(name)
        gain = name == "after" and "before" in scores.models
        delta = theme.delta(scores.models["before"].miou, score.miou) if gain else None
        same = delta == "0.0 points"
        with card:
            st.metric(
                f"{role.markdown} {role.label} · mIoU", theme.percent(score.miou), delta,
                delta_color="off" if same else "normal", delta_arrow="off" if same else "auto",
                help=f"{captions.miou(study)} {captions.stored_help(study, name)}",
            )  # fmt: skip
            st.caption(stored.get(name, "no score of a whole split in its checkpoint"))
    return cards[-1]


def _divergence_card(study: Handle) -> None:
    divergence = study.divergence(TEMPERATURE)
    pair = [divergence.mean[name] for name in ("before", "after") if name in divergence.mean]
    both = len(pair) == 2
    name, value = ("after", pair[1]) if both else next(iter(divergence.mean.items()))
    st.metric(
        f"{theme.role(name).markdown} Relation divergence",
        theme.number(value),
        theme.relative_delta(*pair) if both else None,
        delta_color="inverse",
        help=captions.divergence(study, divergence),
    )
    if both:
        st.caption(f"before: {theme.number(pair[0])} · nats, to the {theme.role(divergence.reference).label.lower()}")


def _strip(study: Handle) -> None:
    features, scores = study.features(), study.scores()
    columns = panels.row("strip", len(features.image_names), width=8.5, gap="small")
    for index, (column, name) in enumerate(zip(columns, features.image_names, strict=True)):
        with column.container(gap="xxsmall"):
            st.image(tiles.tile(study, "image", index), width="stretch", alt=f"image {name}")
            st.caption(captions.image_scores(name, scores, index))


def _classes(study: Handle) -> None:
    features, scores = study.features(), study.scores()
    pair = {"before", "after"} <= set(scores.models)
    st.subheader("Per class")
    places = panels.row("classes", 2 if pair else 1, width=22)
    if pair:
        with places[0]:
            st.plotly_chart(
                charts.iou_change(scores, features.classes, "before", "after"), theme=None, config=theme.CONFIG,
                key="overview_change", alt="For each class, by how many points distillation changed its IoU.",
            )  # fmt: skip
    with places[-1]:
        order = ("before", "after") if pair else (None, None)
        st.plotly_chart(
            charts.class_iou(scores, features.classes, *order), theme=None, config=theme.CONFIG,
            key="overview_classes", alt="For each class, the IoU of every model.",
        )  # fmt: skip
    st.caption(captions.miou(study))


def _relations(study: Handle) -> None:
    features, divergence = study.features(), study.divergence(TEMPERATURE)
    st.subheader("Relations to other pixels, compared with the teacher's")
    figure = charts.class_divergence(divergence, features.grouping().classes)
    st.plotly_chart(
        figure, theme=None, config=theme.CONFIG, key="overview_divergence",
        alt="For each class, the mean relation divergence of its pixels to the teacher, before and after.",
    )  # fmt: skip
    st.caption(captions.divergence(study, divergence))


main()

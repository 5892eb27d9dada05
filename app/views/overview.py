"""Overview: what distillation changed, in two or three sentences, four numbers, and one line for each class."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cached, captions, panels, stored_bar, study_bar, tiles
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.stored_scores import whole_split_change
from cirkd.charts import scores as charts
from cirkd.charts import theme

TEMPERATURE = 0.1
_DRAWN = "overview_drawn"  # session key: the study that stood here in full when the page last ended


def main() -> None:
    """Draw the page: first what needs no model (pictures, stored scores), then scores, then relations."""
    study = study_bar.current()
    if stored_bar.needs_images(study, "What distillation changed", "Scores and divergence are taken from"):
        return
    several = len(study.names) > 1
    st.title("What distillation changed" if several else "One model")
    st.caption(captions.study(study))
    summary, notes = st.container(), st.container()
    cards = _cards(study)
    strip = _strip(study)
    per_class, relations = st.empty(), st.empty()
    if st.session_state.get(_DRAWN) != study.key and cached.data(study.key.images).classes is not None:
        _hold(study, per_class)
    with summary:
        features = study.features()
        scores = study.scores()
    with notes:
        captions.notes(features)
    with guard():
        _score_cards(study, cards)
    for index, place in enumerate(strip):
        place.caption(captions.image_scores(features.image_names[index], scores, index))
    if captions.scored(study):
        with guard(), per_class.container():
            _classes(study)
    else:
        per_class.empty()
    with guard(), summary:
        first, *more = study.summary(TEMPERATURE) or [""]
        whole = whole_split_change([study.evaluate(split) for split in ("val", "test")], "before", "after")
        st.markdown(" ".join(filter(None, [f"**{first}**", whole, *more])))
    if several:
        with guard(), cards[-1].container(gap="xxsmall"):
            _divergence_card(study)
        with guard(), relations.container():
            _relations(study)
    st.session_state[_DRAWN] = study.key


def _cards(study: Handle) -> list[DeltaGenerator]:
    """A card for every model and, where there are students, one for relations; the scores that checkpoints store."""
    stored = captions.stored_scores(study)
    found = []
    for card, name in zip(
        panels.cards("headline", len(study.names) + (len(study.names) > 1)), [*study.names, None], strict=False
    ):
        with card:
            found.append(st.empty())
            if name is None:
                found[-1].metric("Relation divergence", "…")
                continue
            found[-1].metric(f"{theme.role(name).markdown} {theme.role(name).label} · mIoU", "…")
            st.caption(stored.get(name, "no score of a whole split in its checkpoint"))
    return found


def _score_cards(study: Handle, cards: list[DeltaGenerator]) -> None:
    """mIoU of every model on the images in view."""
    scores = study.scores()
    for card, (name, score) in zip(cards, scores.models.items(), strict=False):
        role = theme.role(name)
        gain = name == "after" and "before" in scores.models
        delta = theme.delta(scores.models["before"].miou, score.miou) if gain else None
        same = delta == "0.0 points"
        card.metric(
            f"{role.markdown} {role.label} · mIoU", theme.percent(score.miou), delta,
            delta_color="off" if same else "normal", delta_arrow="off" if same else "auto",
            help=f"{captions.miou(study)} {captions.stored_help(study, name)}",
        )  # fmt: skip


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


def _strip(study: Handle) -> list[DeltaGenerator]:
    """The images in view; returns the place of each one's caption."""
    columns = panels.row("strip", len(study.key.names), width=8.5, gap="small")
    found = []
    for index, (column, name) in enumerate(zip(columns, study.key.names, strict=True)):
        with column.container(gap="xxsmall"):
            st.image(tiles.tile(study, "image", index), width="stretch", alt=f"image {name}")
            found.append(st.empty())
            found[-1].caption(theme.plain(name))
    return found


def _hold(study: Handle, place: DeltaGenerator) -> None:
    """Keep the charts' place with an empty one: nothing jumps, and the browser already loads what draws charts."""
    with place.container():
        st.subheader("Per class")
        st.plotly_chart(
            charts.awaiting(len(cached.data(study.key.images).classes or ())), theme=None, config=theme.CONFIG,
            key="overview_awaiting", alt="A chart that is drawn when the models have run.",
        )  # fmt: skip


def _classes(study: Handle) -> None:
    features, scores = study.features(), study.scores()
    pair = scores.compares("before", "after")
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

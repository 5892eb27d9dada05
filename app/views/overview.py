"""Overview: what distillation changed, in two or three sentences, four numbers, and one line for each class."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cached, captions, panels, study_bar, tiles
from app.explorer import in_explorer
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.places import ChangedPlace
from cirkd.analysis.stored_scores import whole_split_sentence
from cirkd.charts import scores as charts
from cirkd.charts import theme

TEMPERATURE = 0.1
_BADGES = {"fixed": ":blue-badge[:material/check: fixed]", "broken": ":orange-badge[:material/close: broken]"}
_DRAWN = "overview_drawn"  # session key: the study that stood here in full when the page last ended


def main() -> None:
    """Draw the page: first what needs no model (pictures, stored scores), then scores, then relations."""
    study = study_bar.current()
    several = len(study.names) > 1
    st.title("What distillation changed" if several else "One model")
    st.caption(captions.study(study))
    whole, summary, places, notes = (st.container() for _ in range(4))
    cards = _cards(study)
    strip = _strip(study)
    per_class, relations = st.empty(), st.empty()
    if st.session_state.get(_DRAWN) != study.key and cached.data(study.key.images).classes is not None:
        _hold(study, per_class)
    if text := whole_split_sentence(study):
        whole.markdown(f"**{theme.plain(text)}**")
    with summary:
        features = study.features()
        scores = study.scores()
    with guard(), summary:
        lines = "\n".join(f"- {line}" for line in study.summary(TEMPERATURE))
        st.markdown(f"**On the {len(study.key.names)} images in view**\n{lines}")
    with guard(), places:
        _places(study)
    with notes:
        captions.notes(features)
    with guard():
        _score_cards(study, cards)
    for index, place in enumerate(strip):
        scored = " ".join(captions.image_scores(scores, index, 0))
        place.caption(f"{theme.plain(features.image_names[index])}  \n{scored}")
    if captions.scored(study):
        with guard(), per_class.container():
            _classes(study)
    else:
        per_class.empty()
    if several:
        with guard():
            _divergence_card(study, cards[-1].container(gap="xxsmall"))
        with guard(), relations.container():
            _relations(study)
            captions.meanings("relation divergence", "nats")
    st.session_state[_DRAWN] = study.key


def _places(study: Handle) -> None:
    """A picture of before and after: where in the images distillation changed most, fixed as well as broken."""
    features = study.features()
    if not features.has_labels or not study.scores().compares("before", "after"):
        return
    found = study.changed_places()
    if not found:
        st.caption(":material/info: Hardly a pixel of these images is fixed or broken.")
        return
    st.subheader("Where distillation changed most")
    views = [("Photo", "image", ""), ("Label", "label", "")]
    views += [(theme.role(n).named, "prediction", n) for n in theme.ROLES if n in study.names]
    for number, place in enumerate(found):
        _place(study, number, place, views)
    shown = {name for place in found for name in (place.label, place.other)}
    tiles.class_legend(features.classes, [c for c, name in enumerate(features.classes.names) if name in shown])


def _place(study: Handle, number: int, place: ChangedPlace, views: list[tuple[str, str, str]]) -> None:
    """What happened there, in words, with a button that leads to it; and a picture of it from everyone's view."""
    name = study.key.names[place.image]
    right, wrong = ("after", "before") if place.kind == "fixed" else ("before", "after")
    text = (
        f"{_BADGES[place.kind]} in {theme.plain(name)}: labelled `{place.label}`, predicted `{place.other}` {wrong} "
        f"distillation and `{place.label}` {right} it"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{text} ({theme.percent(place.share, 0)} of this part)", width="content")
        if st.button("In the Explorer", key=f"overview_place_{number}", icon=":material/hub:", type="tertiary"):
            row, column = place.middle
            height, width = study.features().images[place.image].shape[:2]
            in_explorer([name], ((row + 0.5) / height, (column + 0.5) / width))
    for column_, (title, kind, model) in zip(
        panels.row(f"place-{number}", len(views), width=5.2, gap="xsmall"), views, strict=True
    ):
        with column_.container(gap="xxsmall"):
            what = theme.label(model) if model else title
            st.image(tiles.crop(study, place, kind, model), width="stretch", alt=f"{name}, {place.kind} part: {what}")
            st.caption(title)


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
            found[-1].metric(f"{theme.role(name).named} · mIoU", "…")
            st.caption(stored.get(name, "no score of a whole split in its checkpoint"))
    return found


def _score_cards(study: Handle, cards: list[DeltaGenerator]) -> None:
    """mIoU of every model on the images in view."""
    scores = study.scores()
    for card, (name, score) in zip(cards, scores.models.items(), strict=False):
        gain = name == "after" and "before" in scores.models
        delta = theme.delta(scores.models["before"].miou, score.miou) if gain else None
        told = f"{captions.miou(study)} {captions.stored_help(study, name)}"
        panels.metric(card, f"{theme.role(name).named} · mIoU", theme.percent(score.miou), delta, True, told)


def _divergence_card(study: Handle, card: DeltaGenerator) -> None:
    divergence = study.divergence(TEMPERATURE)
    pair = [divergence.mean[name] for name in ("before", "after") if name in divergence.mean]
    both = len(pair) == 2
    name, value = ("after", pair[1]) if both else next(iter(divergence.mean.items()))
    label = f"{theme.role(name).markdown} Relation divergence"
    delta = theme.relative_delta(pair[0], pair[1]) if both else None
    panels.metric(card, label, theme.number(value), delta, False, captions.divergence(study, divergence))
    if both:
        card.caption(f"before: {theme.number(pair[0])} · nats, to the {theme.plain(divergence.reference)}")


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
        panels.chart(
            charts.awaiting(len(cached.data(study.key.images).classes or ())),
            "overview_awaiting",
            "A chart that is drawn when the models have run.",
        )


def _classes(study: Handle) -> None:
    features, scores = study.features(), study.scores()
    pair = scores.compares("before", "after")
    st.subheader("Per class")
    places = panels.row("classes", 2 if pair else 1, width=22)
    if pair:
        with places[0]:
            panels.chart(
                charts.iou_change(scores, features.classes, "before", "after"),
                "overview_change",
                "For each class, by how many points distillation changed its IoU.",
            )
    with places[-1]:
        order = ("before", "after") if pair else (None, None)
        panels.chart(
            charts.class_iou(scores, features.classes, *order),
            "overview_classes",
            "For each class, the IoU of every model.",
        )
    st.caption(captions.miou(study))


def _relations(study: Handle) -> None:
    features, divergence = study.features(), study.divergence(TEMPERATURE)
    st.subheader(f"Relations to other pixels, compared with the {theme.plain(divergence.reference)}'s")
    figure = charts.class_divergence(divergence, features.grouping().classes)
    panels.chart(
        figure,
        "overview_divergence",
        f"For each class, the mean relation divergence of every model's pixels from the {divergence.reference}'s.",
    )
    st.caption(captions.divergence(study, divergence))


main()

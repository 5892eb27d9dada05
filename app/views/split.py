"""Whole split: all its images by what changed from one model to another, and the confusion matrices there."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import cached, captions, confusion_panel, controls, panels, study_bar
from app.explorer import in_explorer
from app.guard import guard
from app.handle import Handle
from app.state import MOST_IMAGES
from cirkd.analysis.pictures import data_uri
from cirkd.analysis.split_scores import SplitScores
from cirkd.analysis.stored_scores import whole_split_sentence
from cirkd.charts import split as charts
from cirkd.charts import theme
from cirkd.data.matching import match_classes
from cirkd.data.sample import Classes
from cirkd.features.feature_set import compared

ORDERS = {
    "lost": "mIoU lost",
    "gained": "mIoU gained",
    "away": "divergence gained",
    "closer": "divergence lost",
}
_ROWS = 25


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    st.title("Whole split")
    st.caption(captions.study(study))
    names = tuple(cached.data(study.key.images).names)
    if stored := whole_split_sentence(study):
        st.markdown(f"**{theme.plain(stored)}**")
    st.markdown(
        "Below, once every model has gone through the split: all its images by how much they gained or lost, and the "
        "confusion matrices, with the pixels behind each cell."
    )
    for line in _unscored(study):
        st.caption(f":material/info: {theme.plain(line)}")
    if not st.toggle(
        f"Go through all {len(names):,} images",
        key="split_go",
        bind="query-params",
        help="Runs every model over every image, once: what is measured is kept on disk, also when you cancel, and "
        "measured again only where an image, a label map or a model has changed.",
    ):
        return
    with guard():
        files = hash(cached.stamps(study.key.images, names))
        found = study.split_scores(files=files)
        pair = _pair(study)
        _headline(found, pair)
        if pair:
            _by_change(study, found, pair)
        confusion_panel.draw(study, found.scores, "split_confusion", pair, whole=True, files=files)
        st.caption(_how(found))


def _unscored(study: Handle) -> list[str]:
    """A line for each model that knows other classes than the labels: said before all images are gone through."""
    data = cached.data(study.key.images)
    lines = []
    for name in study.names:
        own = study.header(name)["classes"]
        if isinstance(own, dict):
            own = Classes(tuple(own["names"]), tuple(map(tuple, own["colors"])), guessed=own.get("guessed", False))
        if data.classes is not None and match_classes(own, data.classes, data.name).table is None:
            what = "knows other classes than these labels: its divergence is measured, and no mIoU."
            lines.append(f"{theme.label(name)} {what}")
    return lines


def _pair(study: Handle) -> tuple[str, str] | None:
    """The two models that are compared, any two of the study."""
    names = list(study.names)
    if len(names) < 2:
        return None
    first, second = compared(names) or (names[0], names[-1])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        label = {name: theme.role(name).text for name in names}
        old = controls.pick("From", label, "split_from", first, width=220)
        rest = {name: text for name, text in label.items() if name != old}
        new = controls.pick("to", rest, "split_to", second if second in rest else None, width=220)
    return old, new


def _headline(found: SplitScores, pair: tuple[str, str] | None) -> None:
    """mIoU of every model on the whole split, and on how many images it rose and fell."""
    scored = {name: score for name, score in found.scores.models.items() if not score.note}
    parts = [f"{theme.role(n).named} {theme.percent(s.miou)}" for n, s in scored.items()]
    if parts:
        st.markdown(f"**mIoU on all {len(found.names):,} images.** {' · '.join(parts)}")
    for note in dict.fromkeys(score.note for score in found.scores.models.values() if score.note):
        st.caption(f":material/info: {theme.plain(note)}")
    if pair and set(pair) <= set(scored):
        change = found.miou_change(*pair)
        rose, fell = int((change > 0).sum()), int((change < 0).sum())
        first, second = (theme.plain(theme.label(name)) for name in pair)
        st.markdown(
            f"From {first} to {second}, mIoU rose on {rose:,} images and fell "
            f"on {fell:,}; relation divergence fell on {int((found.divergence_change(*pair) < 0).sum()):,}."
        )


@st.fragment
def _by_change(study: Handle, found: SplitScores, pair: tuple[str, str]) -> None:
    """The images in the order that is asked for: the first of them as pictures, all of them as dots and as a table."""
    st.subheader("Images by what changed")
    scored = not np.isnan(found.miou_change(*pair)).all()
    offered = ORDERS if scored else {by: ORDERS[by] for by in ("away", "closer")}
    order = charts.ordered(found, *pair, controls.one_of("First", offered, "split_order"))
    _first(study, found, pair, order)
    if scored:
        _dots(found, pair)
    _table(study, found, pair, order)


def _first(study: Handle, found: SplitScores, pair: tuple[str, str], order: list[int]) -> None:
    """The first few as pictures; a click opens one in the Explorer."""
    shown = order[:6]
    for place, i in zip(panels.row("split-first", len(shown), 10, gap="small"), shown, strict=True):
        name = found.names[i]
        with place.container(gap="xxsmall"):
            st.image(cached.thumbnail(study.key.images, name, 320), width="stretch", alt=f"image {name}")
            st.caption(f"{theme.plain(name)}  \n{charts.words(found, *pair, i)}")
            if st.button("In the Explorer", key=f"split_first_{i}", icon=":material/hub:", type="tertiary"):
                in_explorer([name])


def _dots(found: SplitScores, pair: tuple[str, str]) -> None:
    chosen = panels.chart(
        charts.changes(found, *pair),
        "split_dots",
        "A dot for each image: by how many points its mIoU changed, and by how much its relation divergence",
        on_select="rerun",
    )
    picked = [int(point["customdata"][0]) for point in chosen.selection.points if point.get("customdata")]
    _offer([found.names[i] for i in dict.fromkeys(picked)], "split_open_dots")


def _table(study: Handle, found: SplitScores, pair: tuple[str, str], order: list[int]) -> None:
    """All images, a page at a time, with thumbnails; ticked ones can be opened together."""
    pages = -(-len(order) // _ROWS)
    page = st.pagination(pages, key="split_page") if pages > 1 else 1
    rows = order[(page - 1) * _ROWS : page * _ROWS]
    names = [found.names[i] for i in rows]
    thumbnails = [cached.thumbnail(study.key.images, name, 120) for name in names]
    columns: dict[str, list] = {
        "": [data_uri(thumbnail, "jpeg") for thumbnail in thumbnails],
        "Image": names,
    }
    config: dict = {"": st.column_config.ImageColumn(width="small"), "Image": st.column_config.TextColumn(pinned=True)}
    miou, away = "mIoU change (points)", "Divergence change (nats)"
    columns[miou] = (100 * found.miou_change(*pair)[rows]).tolist()
    columns[away] = found.divergence_change(*pair)[rows].tolist()
    config |= {miou: st.column_config.NumberColumn(format="%+.1f"), away: st.column_config.NumberColumn(format="%+.3f")}
    for name in pair:
        heads = [f"{theme.role(name).text} {what}" for what in ("mIoU", "divergence")]
        columns[heads[0]] = (100 * found.scores.models[name].image_miou[rows]).tolist()
        columns[heads[1]] = found.divergence[name][rows].tolist()
        config |= {heads[0]: st.column_config.NumberColumn(format="%.1f %%")}
        config |= {heads[1]: st.column_config.NumberColumn(format="%.3f")}
    picked = st.dataframe(
        columns,
        hide_index=True,
        column_config=config,
        key=f"split_table_{page}",
        width="stretch",
        row_height=56,
        on_select="rerun",
        selection_mode="multi-row",
    )
    _offer([names[row] for row in picked.selection.rows if row < len(names)], "split_open_rows")


def _offer(names: list[str], key: str) -> None:
    """A button that opens the chosen images, or the hint that some can be chosen."""
    if not names:
        st.caption(":material/ads_click: Choose images here to open them in the Explorer.")
        return
    shown = names[:MOST_IMAGES]
    what = theme.plain(shown[0]) if len(shown) == 1 else f"these {len(shown)} images"
    if st.button(f"Open {what} in the Explorer", key=key, icon=":material/hub:", type="primary"):
        in_explorer(shown)


def _how(found: SplitScores) -> str:
    about = found.provenance
    known = len(found.names) - about["measured"]
    return (
        f"mIoU of an image: mean IoU of the classes labelled in it, {found.scores.pixels:,} labelled pixels in all, at "
        f"full resolution. Divergence: mean KL divergence of its pixels' relations to the pixels of the same image "
        f"from the {found.reference}'s, in nats, temperature {about['temperature']:g}, {about['layer']} embedding, "
        f"{about['precision']}. {known:,} of {len(found.names):,} images were known from before. From the command "
        "line: `cirkd changes OUT.csv --before B --after A --images DATA/SPLIT`."
    )


main()

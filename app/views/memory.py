"""Memory bank: what a distilled student's queues hold, and what the published code's indexing would hold instead."""

from __future__ import annotations

import streamlit as st

from app import captions, controls, panels, study_bar, tiles
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.projection import HOW_LONG, METHODS
from cirkd.charts import memory as charts
from cirkd.charts import theme
from cirkd.results import BankMap, MemoryBank, StoredPixels

WAYS = {
    "own": "This project: the class's own pixels",
    "published": "Published code: the same numbers in the whole image",
}


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Memory bank", study)
    names = study.memory_banks()
    if names:
        name = names[-1]
        if len(names) > 1:
            labels = {name: theme.label(name) for name in names}
            name = controls.one_of("Whose bank", labels, "memory_of", names[-1])
        with guard():
            bank = study.memory_bank(name)
            _queues(bank)
        with guard():
            _map(study, bank)
    else:
        st.info(
            "No model in view brings a memory bank: only a student that was distilled with memory terms has queues "
            "in its checkpoint. Choose one as before or after in the sidebar.",
            icon=":material/database_off:",
        )
    with guard():
        _published(study)


def _queues(bank: MemoryBank) -> None:
    """Fill, age and purity, class by class."""
    source = f", filled by {theme.plain(bank.teacher)}" if bank.teacher else ""
    st.subheader("The queues, class by class")
    sizes = " and ".join(f"{state.size:,} {kind}s" for kind, state in bank.queues.items())
    st.caption(f"{theme.role(bank.model).named}: {sizes} of each class at most, after {bank.steps:,} steps{source}.")
    for card, (label, value, text) in zip(panels.cards("memory", 4, 10), _sums(bank), strict=True):
        with card:
            st.metric(label, value, help=text)
    drawn = (("fill", charts.fill, "How full"), ("age", charts.age, "How old"), ("purity", charts.purity, "How pure"))
    for panel, (key, chart, title) in zip(panels.row("queues", 3, 19), drawn, strict=True):
        with panel:
            st.markdown(f"**{title}**")
            panels.chart(chart(bank), f"memory_{key}", f"{title} each queue is")
    st.caption(_how_pure(bank))


def _sums(bank: MemoryBank) -> list[tuple[str, str, str]]:
    pixel, region = bank.queues["pixel"], bank.queues["region"]
    return [
        ("Pixel keys held", f"{int(pixel.held.sum()):,}", f"of {pixel.size * len(pixel.held):,} places"),
        ("Region keys held", f"{int(region.held.sum()):,}", f"of {region.size * len(region.held):,} places"),
        ("Oldest pixel key", _steps(pixel.oldest), "training steps between its writing and the end of training"),
        ("Pixel keys pure", theme.percent(pixel.mean_purity, 0), f"mean over the classes, by the {bank.measured_by}"),
    ]


def _steps(value: float) -> str:
    return "–" if value != value else f"{value:,.0f} steps"


def _how_pure(bank: MemoryBank) -> str:
    why = f" ({bank.note}, so the bank is measured with itself)" if bank.note else ""
    where = "; a class that is not in view has no centroid and no purity" if not bank.note else ""
    return (
        "Age: training steps from the writing of a row to the end; the mark is the median, the line leads from newest "
        "to oldest. Purity: the training crops are gone, so a key's own label cannot be looked up; measured is the "
        f"share of a class's keys whose most similar class centroid is that class's, centroids of the "
        f"{bank.measured_by}{why}{where}. Keys come from scaled, recoloured crops and from all of the training "
        "images, so a thin class can lie nearer to another class's centroid without a key being wrong."
    )


@st.fragment
def _map(study: Handle, bank: MemoryBank) -> None:
    """Keys and the pixels in view in the teacher's space."""
    st.subheader("Keys, and the pixels in view among them")
    with guard():
        method = controls.one_of("Map", METHODS, "memory_map", help=HOW_LONG)
        found = study.bank_map(bank.model, method)
        known = study.features().grouping().classes
        tiles.class_legend(bank.classes)
        shown: list[str | None] = [None, *found.points]
        for panel, name in zip(panels.row("key-map", len(shown), 18), shown, strict=True):
            with panel:
                st.markdown(_title(name, bank))
                panels.chart(
                    charts.key_map(found, bank.classes, known, name),
                    f"memory_map_{name}",
                    f"Map of the memory bank's keys; coloured: {name or 'the keys'}",
                )
        st.caption(_how_mapped(found, study))


def _title(name: str | None, bank: MemoryBank) -> str:
    if name is None:
        return "**Keys** · ● pixels ◆ regions"
    through = ", through its projection head" if name == bank.model else ""
    return f"{theme.role(name).heading}'s pixels in view{through}"


def _how_mapped(found: BankMap, study: Handle) -> str:
    kinds = found.keys.kinds.tolist()
    share = f" ({theme.percent(sum(found.explained), 0)} of the variance)" if found.explained else ""
    return (
        f"{METHODS[found.method]}{share} of {kinds.count('pixel'):,} pixel keys, {kinds.count('region'):,} region keys "
        f"and {len(found.pixels):,} pixels of each model, chosen evenly over the classes, seed "
        f"{found.provenance['seed']}, all l2-normalised and laid out together, {found.provenance['seconds']:.1f} s. "
        "All points share one map of the teacher's embedding space. The student's pixels are brought there by its "
        "projection head. The loss compares relations only, so they need not lie where the teacher's pixels lie. "
        f"Nearness in a map is a hint, not a measurement. Models: {captions.extraction(study)}."
    )


@st.fragment
def _published(study: Handle) -> None:
    """What the published indexing stores."""
    st.subheader("What the published code would have stored")
    with guard():
        found = study.stored_pixels(_per_class(study))
        st.markdown(_finding(found))
        tiles.class_legend(found.classes, found.present.tolist())
        for panel, (kind, title) in zip(panels.row("stored", 2, 22), WAYS.items(), strict=True):
            with panel:
                st.markdown(f"**{title}**")
                panels.chart(
                    charts.stored(found, kind), f"memory_stored_{kind}", f"What is stored under each class. {title}"
                )
        _places(study, found)
        st.caption(
            f"Up to {found.provenance['pixels_per_class']} random pixels of each class and image are stored at a step. "
            "The published code draws their numbers among a class's m pixels and then takes them as positions of the "
            "whole image, so it stores the image's first m pixels in raster order. Shares are expectations over all "
            f"draws on the {found.provenance['images']} images in view, on the teacher's grid; classes by "
            f"{found.provenance['grouped_by']}. This project stores the class's own pixels; with "
            "`--memory.indexing published` a run makes the published choice."
        )


def _per_class(study: Handle) -> int:
    """Pixels stored a class and image: as the bank in view was filled."""
    names = study.memory_banks()
    return int(study.memory_bank(names[-1]).pixels_per_class) if names else 16


def _finding(found: StoredPixels) -> str:
    wrong = found.purity["published"]
    empty = [found.classes.names[c] for c, v in zip(found.present, wrong.tolist(), strict=True) if v < 0.005]
    nothing = f" Not one pixel that belongs there in {len(empty)} of {len(wrong)} classes." if empty else ""
    return (
        f"On the same images, **{theme.percent(found.mean_purity('published'), 0)}** of what the published code's "
        f"indexing stores under a class belongs to it, averaged over the classes, "
        f"instead of {theme.percent(found.mean_purity('own'), 0)}.{nothing}"
    )


def _places(study: Handle, found: StoredPixels) -> None:
    """Where in one image the pixels stored under one class lie."""
    names = study.features().image_names
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        image = controls.pick("Image", dict(enumerate(names)), "memory_image", width=220)
        stored = {c: found.classes.names[c] for c in found.present.tolist()}
        telling = next((c for c, name in stored.items() if name == "car"), max(stored))
        label = controls.pick("Stored as", stored, "memory_class", telling, width=220)
    for panel, (kind, title) in zip(panels.row("places", 2, 22), WAYS.items(), strict=True):
        with panel:
            st.markdown(f"**{title}**")
            panels.chart(
                charts.stored_places(study.features(), found, kind, label, image, width=520),
                f"memory_places_{kind}",
                f"The pixels of {names[image]} stored as {found.classes.names[label]}. {title}",
            )


main()

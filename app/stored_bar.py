"""A folder of embeddings on screen: what the sidebar says of it, and what pages say that need whole images."""

from __future__ import annotations

import streamlit as st

from app import cached, captions
from app.catalogue import Images
from app.guard import guard
from app.handle import Handle
from cirkd.charts import theme
from cirkd.data.errors import StudyError

_PLACES = "Embeddings, Relations and Centroids show what it holds; for the rest choose images in the sidebar."


def draw(folder: Images) -> None:
    """In the place of the model pickers: what the folder holds, and on demand how many pixels of each class."""
    try:
        found = cached.stored(folder)
    except StudyError:
        return  # the page says why
    looks = theme.roles(found.models)
    models = " · ".join(f"{looks[shown].markdown} {theme.plain(name)}" for shown, name in found.models.items())
    st.markdown(f":material/folder_data: **Stored embeddings**  \n{models}")
    settings = found.settings
    st.caption(
        f"{theme.plain(found.text())}, {len(settings.images):,} images, {settings.layer} layer: {found.shown:,} pixels "
        f"shown of {found.rows:,} stored, chosen evenly over the classes."
    )
    if st.toggle("Pixels of each class", key="bar_counts"):
        with guard():
            counts = cached.stored_counts(folder)
            st.dataframe(
                {"Class": list(counts), "Stored": list(counts.values())},
                hide_index=True,
                key="bar_counts_table",
                alt="How many pixels of each class are stored",
            )


def lacks(study: Handle, title: str) -> bool:
    """Whether the study is a sample of pixels, so that a page has nothing to show; then says so in its place."""
    if not study.key.sampled:
        return False
    st.title(title)
    st.caption(captions.study(study))
    needs_images(f"{title}: this is made of")
    return True


def needs_images(what: str) -> None:
    """The line itself, or in the place of a part of a page; what: the start of its sentence."""
    st.info(f"{what} whole images, and this folder holds a sample of pixels. {_PLACES}", icon=":material/folder_data:")

"""Learn: why and how relations are distilled, live in the browser, on the images in view."""

from __future__ import annotations

from zlib import crc32

import streamlit as st

from app import cached, captions, components, study_bar
from app.guard import guard
from app.handle import Handle
from cirkd.lesson import lesson_bytes


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Learn", study)
    _view(study)


@st.fragment
def _view(study: Handle) -> None:
    """The lesson at once, and again when the study's table, which takes longest, is there."""
    board, progress = st.container(), st.container()
    cache, key = cached.cache(), ("lesson bytes", study.key)
    with guard():
        data = cache.find(key)
        measured = data is not None
        if data is None:
            with progress:
                data = _block(study, measured=False)
        with board:
            components.lesson(data)
        if not measured:
            with progress:
                cache.keep(key, _block(study, measured=True))
            st.rerun()


def _block(study: Handle, measured: bool) -> bytes:
    """What the browser draws."""
    return lesson_bytes(study, measured=measured, name=f"{crc32(repr(study.key).encode()):08x}")


main()

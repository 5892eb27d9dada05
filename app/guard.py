"""The error boundary: one clear line where something failed, while the rest of the page stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app import work
from app.fields import on_screen
from cirkd.charts import theme
from cirkd.data.errors import CirkdError


@contextmanager
def guard() -> Iterator[None]:
    """Around a page or a section of it: turns an error meant for the user into one line on screen.

    Anything else is a fault of the program and is shown in full by Streamlit.
    """
    place = st.empty()  # what stands here goes as soon as the section is drawn again, not when it has been
    try:
        yield
    except work.StoppedError as stopped:
        with place.container():
            st.info(f"{stopped.label}: stopped.", icon=":material/stop_circle:")
            st.button(
                "Compute it", key=f"again-{stopped.key}", on_click=work.allow, args=(stopped.key,), type="primary"
            )
    except CirkdError as error:
        st.error(theme.plain(on_screen(str(error))), icon=":material/error:")

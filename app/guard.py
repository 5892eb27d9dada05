"""The error boundary: one clear line where something failed, while the rest of the page stands.

Advice names options of the command line; on screen the sidebar's fields for the same stand in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app import work
from cirkd.charts import theme
from cirkd.data.errors import CirkdError

FIELDS = {
    "architecture": "Architecture",
    "encoder": "Encoder",
    "classes": "Classes file",
    "mean": "Mean",
    "std": "Standard deviation",
    "range": "Range",
    "input-scale": "Input scale",
    "channel-order": "Channel order",
    "align-corners": "Align corners",
    "weights": "Weights",
}
FOLDED = "Settings the file does not state"
"""The part of the sidebar that holds them."""
_OPTION = re.compile(rf"--({'|'.join(FIELDS)})\b(?: FILE)?")


def on_screen(text: str) -> str:
    """Advice of the library with fields in the place of options; what stands in backticks is for a terminal.

    >>> on_screen("name it with --encoder, such as resnet34")
    'name it with “Encoder”, such as resnet34 (in the sidebar, “Settings the file does not state”)'
    """
    parts = text.split("`")
    parts[::2] = [_OPTION.sub(lambda option: f"“{FIELDS[option[1]]}”", part) for part in parts[::2]]
    found = "`".join(parts)
    return found if found == text else f"{found} (in the sidebar, “{FOLDED}”)"


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

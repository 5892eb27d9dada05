"""The lesson as a Streamlit component: it is sent its data once, and nothing that is done in it comes back."""

from __future__ import annotations

import functools
from typing import Any

from streamlit.components.v2 import component

from cirkd.lesson import styles
from cirkd.web import script


@functools.cache
def _component() -> Any:
    # In the page's own tree, so that its fonts and theme reach the component; its classes start with "ls" and "cx".
    return component(
        "cirkd_lesson", css=styles("explorer", "player", "lesson"), js=script("lesson"), isolate_styles=False
    )


def lesson(data: bytes, key: str = "lesson") -> None:
    """Draw the lesson; data: from `cirkd.lesson.lesson_bytes`."""
    _component()(key=key, data=data)

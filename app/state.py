"""What the user has chosen, typed; and the same as a query string, so that a link reopens the view.

The study is one frozen `StudyState`. A page's own widgets (a temperature, a projection) put themselves into the
address with Streamlit's `bind="query-params"`; their keys are the parameter names and start with the page's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from urllib.parse import quote, unquote

import streamlit as st

from cirkd.data.catalog import DATA_SETS
from cirkd.data.safe_palette import COLORS_OF_CLASSES, OWN
from cirkd.models.layer_names import EMBEDDINGS, STAGE

NONE = "none"
"""In the address: this model is left out on purpose (an absent parameter means the default)."""

LAYERS = (*EMBEDDINGS, *(f"{STAGE}{number}" for number in range(1, 6)))
"""The layers that are offered; any other that the models have can be named."""
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bf16", "fp16")
UPLOAD = "upload"
"""In the place of a data set: images that were uploaded in this window."""
FEWEST_IMAGES, MOST_IMAGES = 2, 24

_LAYER = re.compile(r"[\w.,= -]{1,300}")
_KEY = "study"
_SEEN = "study_query"


@dataclass(frozen=True)
class StudyState:
    """Everything that says which study is on screen. An empty field means: the default.

    teacher, before, after: name of a file in the checkpoints folder, or a path, or `NONE`.
    others: further students. data: a data set of the catalogue, or `UPLOAD`; folder: path, if data is "folder".
    images: names within the data set, in the order shown.
    """

    teacher: str = ""
    before: str = ""
    after: str = ""
    others: tuple[str, ...] = ()
    data: str = "streets"
    folder: str = ""
    split: str = "val"
    images: tuple[str, ...] = ()
    layer: str = "decoder"
    device: str = "auto"
    precision: str = "auto"
    palette: str = OWN

    def query(self) -> dict[str, str]:
        """The state as query parameters; `from_query` inverts it."""
        return {k: text for k, value in asdict(self).items() if (text := _text(value))}


def from_query(query: Mapping[str, str]) -> StudyState:
    """Read a state from query parameters; what is missing or not one of the choices becomes the default."""
    lists = {"others", "images"}
    values = {f.name: query[f.name] for f in fields(StudyState) if f.name in query and f.name not in lists}
    settings = {"device": DEVICES, "precision": PRECISIONS, "palette": COLORS_OF_CLASSES}
    for name, allowed in {"data": sources(), **settings}.items():
        if values.get(name) not in allowed:
            values.pop(name, None)
    if not _LAYER.fullmatch(values.get("layer", "")):
        values.pop("layer", None)
    for name in lists & set(query):
        values[name] = tuple(unquote(part) for part in query[name].split(",") if part)  # type: ignore[assignment]
    return StudyState(**values)  # type: ignore[arg-type]


def sources() -> tuple[str, ...]:
    """What images may come from: every data set, and uploads."""
    return (*DATA_SETS, UPLOAD)


def read() -> tuple[StudyState, bool]:
    """The state of this session, and whether it has just come from the address (a link, or the back button)."""
    query = {name: st.query_params[name] for name in _names() if name in st.query_params}
    from_address = bool(query) and query != st.session_state.get(_SEEN)
    if from_address or _KEY not in st.session_state:
        st.session_state[_KEY] = from_query(query)
        st.session_state[_SEEN] = query
        return st.session_state[_KEY], True
    return st.session_state[_KEY], False


def remember(state: StudyState) -> None:
    """Set the state of this session; the next run of the page shows it and puts it into the address."""
    st.session_state[_KEY] = state


def write(state: StudyState) -> None:
    """Remember the state and put it into the address, all of it at once."""
    query = state.query()
    st.session_state[_KEY] = state
    st.session_state[_SEEN] = query
    for name in _names():
        if name not in query and name in st.query_params:
            del st.query_params[name]
    if changed := {name: value for name, value in query.items() if st.query_params.get(name) != value}:
        st.query_params.update(changed)


def _names() -> tuple[str, ...]:
    return tuple(f.name for f in fields(StudyState))


def _text(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ",".join(quote(part, safe="") for part in value)

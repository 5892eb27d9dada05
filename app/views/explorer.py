"""Explorer: pixel embeddings and images of all models, linked: point, pin, choose."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import streamlit as st

from app import cached, captions, components, study_bar
from app.explorer import FIRST, address, answers, pixels_of, remember
from app.guard import guard
from app.handle import Handle
from cirkd.analysis.colorings import COLORINGS
from cirkd.analysis.explorer_encode import encode
from cirkd.analysis.projection import AT_ONCE
from cirkd.charts.looks import arrows, look

WANTED = "explorer_wanted"  # session key: (study, the slow maps asked for, the temperature of the divergence or None)


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    captions.head("Explorer", study, **captions.MAPPED)
    _view(study)


@st.fragment
def _view(study: Handle) -> None:
    """The linked view, and below it what Python says about pin and selection."""
    board, progress, below = st.container(), st.container(), st.container()
    with guard():
        maps, temperature = _have(study)
        with progress:  # nothing but the view in its container: moved within it, it would be made anew
            data = _block(study, maps, temperature)
        with board:
            chosen = components.explorer(data)
        if chosen.get("study") != _name(study):
            chosen = {}  # of the study that was here before
        address.write(chosen)
        with below:
            _answer(study, chosen, temperature)
        with progress:
            _fetch(study, chosen, maps, temperature)


def _block(study: Handle, maps: tuple[str, ...], temperature: float | None) -> bytes:
    """The bytes for the browser; kept, as every run of the page sends them."""
    first = _first(study)
    cache, key = cached.cache(), ("explorer bytes", study.key, maps, temperature, *sorted(first.items()))
    found = cache.find(key)
    if found is None:
        divergence = study.explorer_divergence(temperature) if temperature is not None else None
        shown = {name: study.explorer_map(name) for name in (*AT_ONCE, *maps)}
        extra: dict[str, Any] = {"look": look(study.names), "arrows": arrows(study.names)}
        extra |= {"first": first, "study": _name(study)}
        found = encode(study.explorer(), shown, divergence, extra, colors=study.explorer_colors(temperature))
        cache.keep(key, found)
    return found


def _first(study: Handle) -> dict[str, Any]:
    """What the address said when the page was opened: what the view shows before anything is chosen."""
    if FIRST not in st.session_state:
        st.session_state[FIRST] = (study.key.content, address.parse(st.query_params.to_dict()))
    key, found = st.session_state[FIRST]
    if key != study.key.content:
        return {name: value for name, value in found.items() if name not in ("pin", "selection", "visit")}
    if (place := found.get("place")) is None:
        return found
    return {"pin": study.explorer().position_at(*place), "visit": found["visit"]}


def _name(study: Handle) -> str:
    """Tells the studies of a session apart; in other colours a study is the same."""
    return f"{crc32(repr(study.key.content).encode()):08x}"


def _answer(study: Handle, chosen: dict[str, Any], temperature: float | None) -> None:
    """What Python says of the pin and of the chosen pixels."""
    index = study.explorer().index
    pin, pixels = chosen.get("pin"), pixels_of(index.tolist(), chosen.get("selection") or [])
    remember(study, pixels)
    if pin is not None and pin < len(index):
        with guard():
            answers.pin(study, int(index[pin]), _tau(chosen))
    if pixels:
        with guard():
            divergence = study.explorer_divergence(temperature) if temperature is not None else None
            answers.selection(study, pixels, {"pca": study.explorer_map("pca")}, divergence)


def _tau(chosen: dict[str, Any]) -> float:
    return round(float(chosen.get("tau", 0.1)), 4)


def _have(study: Handle) -> tuple[tuple[str, ...], float | None]:
    """The slow maps and the temperature of the divergence that this study's view has been given."""
    kept = st.session_state.get(WANTED)
    return (kept[1], kept[2]) if kept and kept[0] == study.key else ((), None)


def _fetch(study: Handle, chosen: dict[str, Any], maps: tuple[str, ...], temperature: float | None) -> None:
    """Work out what the view asks for and does not have yet, then draw it again."""
    name, tau = chosen.get("map", "pca"), _tau(chosen)
    diverges = chosen.get("overlay") == "divergence" or COLORINGS[chosen.get("color", "class")].diverges
    wants_divergence = diverges and len(study.names) > 1
    if name not in (*AT_ONCE, *maps):
        study.explorer_map(name)
        maps = (*maps, name)
    elif wants_divergence and temperature != tau:
        study.explorer_divergence(tau)
        temperature = tau
    else:
        return
    st.session_state[WANTED] = (study.key, maps, temperature)
    st.rerun()


main()

"""What the linked view shows, in the address: a link reopens the same map, colours, pin and temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cirkd.analysis.explorer_maps import MAPS
from cirkd.study import COLORINGS

OVERLAYS = ("image", "labels", "prediction", "similarity", "relation", "divergence")
_CHOICES = {"overlay": OVERLAYS, "map": tuple(MAPS), "color": COLORINGS}
LONGEST = 1500
"""Characters of a selection at most: of a longer one an address holds nothing, as browsers and chats cut it."""
_DEFAULTS = {"overlay": "similarity", "map": "pca", "color": "class", "tau": "0.1"}


def parse(query: Mapping[str, str]) -> dict[str, Any]:
    """What an address says of the view; what is missing, or not one of the choices, is left out."""
    found: dict[str, Any] = {
        name: query[_key(name)] for name, allowed in _CHOICES.items() if query.get(_key(name)) in allowed
    }
    try:
        if 0.02 <= (tau := float(query.get(_key("tau"), "nan"))) <= 1:
            found["tau"] = tau
    except ValueError:
        pass
    # A tuple, as all of this becomes part of the key under which the view's bytes are kept.
    runs = query.get(_key("selection"), "").split("-")
    if len(runs) > 1 and len(runs) % 2 == 0 and all(run.isascii() and run.isdigit() for run in runs):
        found["selection"] = tuple(int(run) for run in runs)
    pin = query.get(_key("pin"), "")
    return found | ({"pin": int(pin)} if pin.isascii() and pin.isdigit() else {})


def write(chosen: Mapping[str, Any]) -> None:
    """Put what the view reports into the address; what is as by default needs no mention."""
    if not chosen:
        return
    shown = {name: str(chosen.get(name, default)) for name, default in _DEFAULTS.items()}
    wanted = {name: value for name, value in shown.items() if value != _DEFAULTS[name]}
    if chosen.get("pin") is not None:
        wanted["pin"] = str(chosen["pin"])
    runs = "-".join(map(str, chosen.get("selection") or []))
    if 0 < len(runs) <= LONGEST:
        wanted["selection"] = runs
    for name in (*_DEFAULTS, "pin", "selection"):
        if name in wanted and st.query_params.get(_key(name)) != wanted[name]:
            st.query_params[_key(name)] = wanted[name]
        elif name not in wanted and _key(name) in st.query_params:
            del st.query_params[_key(name)]


def _key(name: str) -> str:
    return f"explorer_{name}"

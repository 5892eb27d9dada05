"""What the linked view shows, in the address: a link reopens the same map, colours, pin and temperature."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cirkd.analysis.colorings import COLORINGS
from cirkd.analysis.projection import MAPS

OVERLAYS = ("image", "labels", "prediction", "similarity", "relation", "divergence")
_CHOICES = {"overlay": OVERLAYS, "map": tuple(MAPS), "color": COLORINGS}
LONGEST = 4000
"""Characters of a selection at most: of a longer one an address holds nothing, as chats and servers cut it."""
_MOST_BYTES = 1_000_000  # of a selection unpacked: an address that holds more was not written here
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
    if runs := unpacked(query.get(_key("selection"), "")):
        found["selection"] = runs
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
    runs = packed(chosen.get("selection") or [])
    if 0 < len(runs) <= LONGEST:
        wanted["selection"] = runs
    for name in (*_DEFAULTS, "pin", "selection"):
        if name in wanted and st.query_params.get(_key(name)) != wanted[name]:
            st.query_params[_key(name)] = wanted[name]
        elif name not in wanted and _key(name) in st.query_params:
            del st.query_params[_key(name)]


def packed(runs: Sequence[int]) -> str:
    """Runs of positions (first, length, first, length, ...), ascending, as a short text for an address.

    A lasso in a map chooses hundreds of positions apart: steps from run to run are small numbers, of a byte or two.
    """
    raw, end = bytearray(), 0
    for first, length in zip(runs[::2], runs[1::2], strict=True):
        for number in (first - end, length):
            while number > 127:
                raw.append(number & 127 | 128)
                number >>= 7
            raw.append(number)
        end = first + length
    return urlsafe_b64encode(zlib.compress(bytes(raw), 9)).decode().rstrip("=") if raw else ""


def unpacked(text: str) -> tuple[int, ...]:
    """The runs that `packed` made a text of; () where it made none such.

    A tuple, as it becomes part of the key under which the view's bytes are kept.

    Example:
        >>> unpacked(packed([3, 1, 200, 40]))
        (3, 1, 200, 40)
    """
    try:
        raw = zlib.decompressobj().decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), _MOST_BYTES)
    except (ValueError, zlib.error):
        return ()
    numbers, number, shift = [], 0, 0
    for byte in raw:
        if shift > 28:  # no position is so large
            return ()
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    runs, end = [], 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        runs += [end + gap, length]
        end += gap + length
    return tuple(runs)


def _key(name: str) -> str:
    return f"explorer_{name}"

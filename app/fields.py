"""The sidebar's fields for what a file of weights does not tell, by the command line's option for the same."""

from __future__ import annotations

import re

FIELDS = {
    "architecture": "Architecture",
    "encoder": "Encoder",
    "classes": "Classes file",
    "mean": "Mean",
    "std": "Std",
    "range": "Range",
    "input-scale": "Input scale",
    "channel-order": "Channels",
    "align-corners": "Align corners",
    "weights": "Weights",
}
FOLDED = "What files leave open"
"""The part of the sidebar that holds them."""
_OPTION = re.compile(rf"--({'|'.join(FIELDS)})\b(?: FILE)?")


def on_screen(text: str) -> str:
    """Advice of the library with fields in the place of options; what stands in backticks is for a terminal.

    >>> on_screen("name it with --encoder, such as resnet34")
    'name it with “Encoder”, such as resnet34 (in the sidebar, “What files leave open”)'
    """
    parts = text.split("`")
    parts[::2] = [_OPTION.sub(lambda option: f"“{FIELDS[option[1]]}”", part) for part in parts[::2]]
    found = "`".join(parts)
    return found if found == text else f"{found} (in the sidebar, “{FOLDED}”)"

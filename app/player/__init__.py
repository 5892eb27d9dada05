"""The trajectory of a run's probe as a Streamlit component of our own: played, and growing while it is looked at.

A Plotly animation begins anew whenever its figure changes; this one takes new steps in and stays where the user is.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamlit.components.v2 import component

from app.explorer import FOLDER as EXPLORER
from app.explorer import joined

if TYPE_CHECKING:
    from cirkd.analysis.trajectory import Trajectory

FOLDER = Path(__file__).parent


def script() -> str:
    """The player and what it builds on, as one."""
    return joined([EXPLORER / "dom.js", FOLDER / "player.js"])


@functools.cache
def _component() -> Any:
    style = (FOLDER / "player.css").read_text(encoding="utf-8")
    # In the page's own tree, so that its fonts and theme reach the component; its classes all start with "cp".
    return component("cirkd_player", css=style, js=script(), isolate_styles=False)


def player(found: Trajectory, groups: list[tuple[str, str, list[int]]], run: str, label: str) -> None:
    """Draw the player.

    groups: (name, CSS colour, which dots) of each class; run: tells trajectories apart: more steps of the same run are
    taken in where the user is; label: the map's `alt` text.
    """
    _component()(key="training_trajectory", data=_data(found, groups) | {"run": run, "label": label})


def _data(found: Trajectory, groups: list[tuple[str, str, list[int]]]) -> dict[str, Any]:
    """What the browser draws: the places of the dots as shares of the map's width and height."""
    (left, bottom), (right, top) = found.frame
    width, height = max(right - left, 1e-9), max(top - bottom, 1e-9)
    places = (found.coordinates - (left, bottom)) / (width, height)
    return {
        "version": f"{found.provenance['of_snapshots']}-{found.provenance['fitted']}-{found.steps[-1]}",
        "fitted": found.provenance["fitted"],
        "steps": found.steps.tolist(),
        "frames": places.round(4).tolist(),
        "shape": [width, height],
        "groups": [{"name": name, "color": color, "dots": dots} for name, color, dots in groups],
        "names": [found.names[i] for i in found.image.tolist()],
    }

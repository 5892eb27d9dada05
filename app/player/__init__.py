"""The trajectory of a run's probe as a Streamlit component of our own: played, and growing while it is looked at.

A Plotly animation begins anew whenever its figure changes; this one takes new steps in and stays where the user is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from streamlit.components.v2 import component

from cirkd.web import script, style

if TYPE_CHECKING:
    from cirkd.analysis.trajectory import Trajectory


@functools.cache
def _component() -> Any:
    # In the page's own tree, so that its fonts and theme reach the component; its classes all start with "cp".
    return component("cirkd_player", css=style("player"), js=script("player"), isolate_styles=False)


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

"""The trajectory of a run's probe as a Streamlit component of our own: played, and growing while it is looked at.

A Plotly animation begins anew whenever its figure changes; this one takes new steps in and stays where the user is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from streamlit.components.v2 import component

from cirkd.charts.training import playable
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
    _component()(key="training_trajectory", data=playable(found, groups) | {"run": run, "label": label})

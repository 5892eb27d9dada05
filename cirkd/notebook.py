"""The Explorer in a notebook (Jupyter, marimo): `pip install 'cirkd[notebook]'`.

from cirkd.notebook import Explorer
explorer = Explorer(cirkd.Study.open(...))
explorer                   # draws it
explorer.pin               # the pinned pixel; set it, and the view follows
explorer.selection         # the chosen pixels
"""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets

from cirkd.analysis.colorings import all_colors
from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.explorer_encode import encode
from cirkd.analysis.projection import AT_ONCE, explorer_map
from cirkd.charts.looks import arrows, color_variables, look
from cirkd.study import Study
from cirkd.web import script, style

MOST_POSITIONS = 25_000
"""Of all images together; more would make a notebook that holds the widget very large."""


class Explorer(anywidget.AnyWidget):
    """The linked view of a study as a widget.

    Attributes:
        pin: the pinned pixel, by its number in `study.fine_features().pixels`; None = none.
        selection: the chosen pixels, ascending.

    Both can be read and set. A number that the view does not show (grids are thinned beyond `MOST_POSITIONS`) is left
    out when set.
    """

    _esm = script("widget")
    _css = color_variables() + style("explorer")
    data = traitlets.Bytes().tag(sync=True)
    pin = traitlets.Int(None, allow_none=True).tag(sync=True)
    selection = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, study: Study, *, divergence: bool = False, **options: Any) -> None:
        """Pack a study's pixels.

        Args:
            divergence: whether to work out the relation divergence of all pixels, to show and to colour by.
            options: further traits, such as `pin`.

        Raises:
            StudyError: a study without whole images.
        """
        features = study.fine_features()
        block = explorer_block(features, max(MOST_POSITIONS, len(features.image_names)))
        names = tuple(features.models)
        header = {
            "look": look(names),
            "arrows": arrows(names),
            "study": "notebook",
            "first": {},
            "still": True,
            "index": block.index.astype(np.int32),
        }
        maps = {name: explorer_map(features, block, name) for name in AT_ONCE}
        found = study.explorer_divergence() if divergence and len(names) > 1 else None
        colors = all_colors(features, found, wait=False)
        super().__init__(data=encode(block, maps, found, header, colors=colors), **options)

"""One look for every chart: who has which colour and symbol, colour scales, number formats, the Plotly layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from cirkd.analysis import pictures

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from plotly.graph_objs.layout import Template

    from cirkd.data.sample import Classes

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Role:
    """How one model of the study looks on every page.

    color: CSS colour, legible on light and dark; symbol: Plotly marker; glyph: the same mark as text; tint: the name
    under which `app/.streamlit/config.toml` gives Streamlit's own text that colour.
    """

    label: str
    color: str
    symbol: str
    glyph: str
    tint: str = "gray"

    @property
    def markdown(self) -> str:
        """The glyph in the role's colour, for labels and captions of Streamlit."""
        return f":{self.tint}[{self.glyph}]"

    @property
    def named(self) -> str:
        """Coloured glyph and label, for text of Streamlit."""
        return f"{self.markdown} {plain(self.label)}"

    @property
    def heading(self) -> str:
        """The same, the label in bold: above a chart of this model alone."""
        return f"{self.markdown} **{plain(self.label)}**"

    @property
    def text(self) -> str:
        """Glyph and label, where no colour can be given."""
        return f"{self.glyph} {self.label}"


ROLES: dict[str, Role] = {
    "teacher": Role("Teacher", "#7B61FF", "diamond", "◆", "violet"),
    "before": Role("Before", "#B5891A", "circle", "●", "yellow"),
    "after": Role("After", "#009E8E", "triangle-up", "▲", "green"),
}
_COLORS = ("#B24C8E", "#5B87A6", "#8A8F3C")
_SYMBOLS = (
    ("square", "■"),
    ("cross", "✚"),
    ("star", "★"),
    ("triangle-down", "▼"),
    ("x", "✕"),
    ("hexagon", "⬢"),
    ("triangle-left", "◄"),
    ("triangle-right", "►"),
)


def _hex(color: pictures.Color) -> str:
    return "#{:02X}{:02X}{:02X}".format(*color)


BOTH_RIGHT, BOTH_WRONG, FIXED, BROKEN = (_hex(pictures.CHANGE_COLORS[kind]) for kind in range(4))
"""Pixels that distillation left right, left wrong, fixed (wrong before, right after) and broke; as on the pictures."""
UNLABELLED, UNCHANGED = _hex(pictures.UNLABELLED_COLOR), _hex(pictures.NO_CHANGE_COLOR)
"""Pixels without a label: on pictures of classes and errors, and on those of what changed."""

SEQUENTIAL = "Cividis"
"""Colour-blind safe scale for one-sided quantities (divergence, confidence, similarity in [0, 1])."""

DIVERGING = [[0.0, "#8C3B0B"], [0.25, "#E08A4B"], [0.5, "#F3F1EC"], [0.75, "#5A9BC9"], [1.0, "#123F73"]]
"""Colour-blind safe orange-white-blue for signed quantities (cosine, differences); keep its middle at 0."""

DIVERGING_DARK = [[0.0, "#F2A66B"], [0.25, "#A35A24"], [0.5, "#1B2230"], [0.75, "#2F6DA3"], [1.0, "#9CD0F5"]]
"""The same for a dark page: the middle sinks into the background."""

_INK = {"light": "#1C2430", "dark": "#E6EAF0"}
_MUTED = {"light": "#5A6472", "dark": "#9AA5B4"}
_GRID = {"light": "#E3E7EC", "dark": "#2A3342"}
_PAPER = {"light": "#FFFFFF", "dark": "#11161F"}
# The app's, as in app/.streamlit/config.toml; Streamlit brings Source Sans, and falls back to it.
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Source Sans', sans-serif"


def roles(models: Iterable[str]) -> dict[str, Role]:
    """The look of every model of a study, by name.

    A further student's follows from its place among the study's further students; no two of the first 24 share theirs.
    """
    places = count()
    return {name: ROLES.get(name) or _further(name, next(places)) for name in models}


def label(name: str) -> str:
    """A model's name for people; it asks for no study."""
    return ROLES[name].label if name in ROLES else name


def role(name: str) -> Role:
    """The look of a model of the study that is drawn: on screen as `follow` says, in files as `held` does.

    Where the study is not known, a further student's look follows from its name, and two may look alike.
    """
    if name in ROLES:
        return ROLES[name]
    held = _held.get()
    models = held[1] if held else _screen[1]() if _screen else ()
    return roles(models).get(name) or _further(name, crc32(name.encode()))


def _further(name: str, place: int) -> Role:
    return Role(name, _COLORS[place % len(_COLORS)], *_SYMBOLS[place % len(_SYMBOLS)])


_screen: tuple[Callable[[], Theme], Callable[[], Sequence[str]]] | None = None
_held: ContextVar[tuple[Theme, Sequence[str]] | None] = ContextVar("held", default=None)


def follow(mode: Callable[[], Theme], models: Callable[[], Sequence[str]]) -> None:
    """Draw for a screen: `mode` gives the mode that it is in, `models` the names of its study's models, in order.

    Without a screen charts are light.
    """
    global _screen
    _screen = mode, models


@contextmanager
def held(theme: Theme, models: Sequence[str] = ()) -> Iterator[None]:
    """Draw for this mode and a study of these models here, whatever the screen: for files."""
    token = _held.set((theme, models))
    try:
        yield
    finally:
        _held.reset(token)


def mode() -> Theme:
    """`"light"` or `"dark"`: what charts are drawn for."""
    held = _held.get()
    return held[0] if held else _screen[0]() if _screen else "light"


def ink(theme: Theme | None = None) -> str:
    """Colour of text and outlines."""
    return _INK[theme or mode()]


def muted(theme: Theme | None = None) -> str:
    """Colour of secondary text."""
    return _MUTED[theme or mode()]


def grid(theme: Theme | None = None) -> str:
    """Colour of grid lines."""
    return _GRID[theme or mode()]


def diverging(theme: Theme | None = None) -> list[list[float | str]]:
    """Scale for signed quantities; use it with `zmid=0`."""
    return DIVERGING_DARK if (theme or mode()) == "dark" else DIVERGING  # type: ignore[return-value]


def paper(theme: Theme | None = None) -> str:
    """Colour of the page, for outlines that set a mark apart from its neighbours."""
    return _PAPER[theme or mode()]


def plain(text: str) -> str:
    """Text as it is, in a place that reads Markdown: file names are full of underscores. Backticks keep their sense."""
    return re.sub(r"([\\*_$~<\[\]])", r"\\\1", text)


def class_color(color: Iterable[int]) -> str:
    """CSS colour of a class, e.g. `(128, 64, 128)` -> `"rgb(128,64,128)"`."""
    return f"rgb({','.join(str(int(c)) for c in color)})"


def class_name(classes: Classes, label: int) -> str:
    """A label's name; "no class" where it has none."""
    return classes.names[label] if label < len(classes) else "no class"


def label_color(classes: Classes, label: int) -> str:
    """CSS colour of a label; grey where it has no class."""
    return class_color(classes.colors[label]) if label < len(classes) else UNLABELLED


def class_tick(classes: Classes, index: int) -> str:
    """A class's name with its colour beside it, for the axis of a chart."""
    color = class_color(classes.colors[index])
    return f'{classes.names[index]} <span style="color:{color};stroke:#8A94A3;stroke-width:.8">■</span>'


def class_axis() -> dict[str, Any]:
    """Settings of an axis whose ticks are classes, as of `class_tick`."""
    return {"tickfont": {"color": ink(), "size": 13}, "ticklabelstandoff": 6}


def rows_height(count: int) -> int:
    """Height in pixels of a chart with a line for each of `count` classes."""
    return 110 + 27 * max(count, 2)


def percent(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as e.g. `"76.4 %"`; a dash where there is no value."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def points(value: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points with its sign, e.g. `"+2.2"`, `"−0.4"`."""
    return "–" if value is None or value != value else _signed(100 * value, digits).replace("-", "−")


def delta(before: float, after: float) -> str | None:
    """A change in points for `st.metric`, which wants a plain hyphen; None where there is none."""
    return None if before != before or after != after else f"{_signed(100 * (after - before), 1)} points"


def relative_delta(before: float, after: float, whose: str = "before") -> str | None:
    """A change relative to what it was, for `st.metric`; None where there is none."""
    return None if not before > 0 or after != after else f"{_signed(100 * (after - before) / before, 0)} % vs {whose}"


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with `digits` significant digits."""
    return "–" if value is None or value != value else f"{value:.{digits}g}".replace("-", "−")


def decimals(value: float | None, digits: int = 3) -> str:
    """A plain number with `digits` decimals."""
    return "–" if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def _signed(value: float, digits: int) -> str:
    """With its sign, but no sign on what rounds to nothing."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]


def layout(figure: Figure, *, height: int, legend: bool = True, theme: Theme | None = None, **more: Any) -> Figure:
    """Give a figure the common look: transparent, thin grid, legend above the data and never on it.

    height: pixels. `more` goes to `update_layout`.
    """
    figure.update_layout(
        template=_template(theme or mode()),
        height=height,
        showlegend=legend,
        margin={"l": 8, "r": 8, "t": 40 if legend else 12, "b": 8},
    )
    return figure.update_layout(**more) if more else figure


FRAME: dict[str, Any] = {
    "showgrid": False,
    "showticklabels": False,
    "ticks": "",
    "zeroline": False,
    "showline": True,
    "mirror": True,
}
"""Settings of both axes of a map, whose numbers mean nothing: a frame alone."""


@cache
def _template(theme: Theme) -> Template:
    """What all figures of a theme share; a figure's own settings go before it. Built once: checking it takes 30 ms."""
    from plotly.graph_objs.layout import Template

    small = {"color": _MUTED[theme], "size": 12}
    axis = {
        "gridcolor": _GRID[theme],
        "zerolinecolor": _MUTED[theme],
        "zerolinewidth": 1,
        "automargin": True,
        "linecolor": _GRID[theme],
        "tickfont": small,
        "title": {"font": small},
    }
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "color": _INK[theme], "size": 13},
        "hoverlabel": {
            "bgcolor": _PAPER[theme],
            "font": {"family": FONT, "color": _INK[theme]},
            "bordercolor": _GRID[theme],
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": _MUTED[theme], "activecolor": _INK[theme]},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
        "xaxis": axis,
        "yaxis": axis,
    }
    return Template(layout=layout)


CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    "toImageButtonOptions": {"scale": 2},
    "responsive": True,
}
"""Give it to every `st.plotly_chart(figure, theme=None, config=theme.CONFIG, alt=...)`."""

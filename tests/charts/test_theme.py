"""Colours that have one meaning everywhere; numbers as people read them."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import plotly.graph_objects as go

from cirkd.charts import theme
from cirkd.data.palettes import CAMVID
from cirkd.models.places import MOST_STEPS

ROOT = Path(__file__).parents[2]


def rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def test_no_class_has_the_colour_of_a_model() -> None:
    from tools.streets.classes import CLASSES

    taken = [*CAMVID.colors, *(color for _, color in CLASSES)]
    for role in theme.ROLES.values():
        assert min(math.dist(rgb(role.color), color) for color in taken) > 50


def test_charts_are_lettered_as_the_app_is() -> None:
    settings = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    first, last = settings["theme"]["font"].rsplit(", ", 1)
    assert f"{first}, 'Source Sans', {last}" == theme.FONT
    assert theme.layout(go.Figure(), height=100).layout.template.layout.font.family == theme.FONT


def test_models_differ_in_colour_and_symbol() -> None:
    looks = [theme.role(name) for name in ("teacher", "before", "after")]
    for part in ("color", "symbol", "glyph", "tint", "label"):
        assert len({getattr(look, part) for look in looks}) == 3
    assert theme.label("another") == theme.role("another").label == "another"
    assert [theme.label(name) for name in ("teacher", "before", "after")] == [look.label for look in looks]


def test_further_students_look_unlike_each_other_and_the_roles() -> None:
    names = [f"step{n:06}" for n in range(500, 12_500, 500)]
    found = theme.roles(names)
    looks = [found[name] for name in names]
    assert len({(look.color, look.symbol) for look in looks}) == len(names) == 24
    for first in range(0, 24, MOST_STEPS):  # as many as are shown over time
        assert len({look.glyph for look in looks[first : first + MOST_STEPS]}) == MOST_STEPS
    assert not {look.glyph for look in looks} & {look.glyph for look in theme.ROLES.values()}


def test_a_further_students_look_follows_from_its_place_in_the_study() -> None:
    for study in (("teacher", "first", "second"), ("second", "before"), ("other", "second")):
        with theme.held("light", study):
            assert {name: theme.role(name) for name in study} == {name: theme.roles(study)[name] for name in study}
    assert theme.roles(["teacher", "before", "a"])["a"].color == theme.roles(["b"])["b"].color
    unknown = theme.role("unknown")
    assert (unknown.color, unknown.symbol) == ("#5B87A6", "triangle-right"), "the same in every process"


def test_numbers_as_people_read_them() -> None:
    assert theme.percent(0.7638) == "76.4 %"
    assert theme.points(0.0217) == "+2.2"
    assert theme.points(-0.004) == "−0.4"
    assert theme.number(0.33612) == "0.336"
    assert theme.percent(math.nan) == theme.points(None) == "–"
    assert theme.delta(0.25, 0.241) == "-0.9 points"
    assert theme.points(-0.0001) == theme.points(0.0) == "0.0"
    assert theme.delta(0.25, 0.25) == "0.0 points"
    assert theme.delta(math.nan, 0.2) is None
    assert theme.relative_delta(1.22, 1.19) == "-2 % vs before"
    assert theme.relative_delta(1.0, 1.0, "step500") == "0 % vs step500"


def test_file_names_are_not_markdown() -> None:
    assert theme.plain("a__b*[c]$d") == r"a\_\_b\*\[c\]\$d"
    assert theme.plain("run `cirkd train`: 0016E5") == "run `cirkd train`: 0016E5"

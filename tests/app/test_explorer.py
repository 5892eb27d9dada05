"""The Explorer page: what Python sends to the linked view, and what it answers to pin and selection."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.explorer import address
from cirkd.analysis.colorings import CHANGED
from cirkd.analysis.explorer_selection import selection_scores
from cirkd.analysis.neighbours import pixel_story
from cirkd.charts import theme
from cirkd.charts.looks import look
from tests.analysis.test_explorer_block import read
from tests.app.drawn import array, traces
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


def sent(test: Any) -> bytes:
    """The bytes that the page gives to the linked view."""
    return next(_components(test.main)).proto.bytes


def _components(block: Any) -> Any:
    for child in block.children.values():
        if child.type == "bidi_component":
            yield child
        elif hasattr(child, "children"):
            yield from _components(child)


def tell(test: Any, **state: Any) -> Any:
    """Run the page again with what the linked view would report."""
    header, _ = read(sent(test))
    test.session_state["explorer"] = {"state": {"study": header["study"], **state}}
    return test.run()


def test_the_view_gets_the_studys_numbers(page: Open, study_folders: Path) -> None:
    test = page("explorer")
    assert not test.exception
    assert not test.error
    header, open_ref = read(sent(test))
    features = open_study(study_folders, images_of(test)).features()
    assert [model["name"] for model in header["models"]] == ["teacher", "before", "after"]
    assert [image["name"] for image in header["images"]] == list(features.image_names)
    np.testing.assert_array_equal(open_ref(header["label"]), features.pixels.label)
    for model in header["models"]:
        np.testing.assert_array_equal(open_ref(model["prediction"]), features.models[model["name"]].prediction)
    assert set(header["maps"]) == {"pca", "relation"}
    assert header["arrows"] == {"from": "before", "to": "after"}
    assert header["divergence"] is None
    assert len(sent(test)) < 60e6


@pytest.mark.slow
def test_what_takes_long_is_sent_when_it_is_asked_for(page: Open, study_folders: Path) -> None:
    test = page("explorer")
    first, _ = read(sent(test))
    tell(test, map="tsne", overlay="similarity", color="class", tau=0.1)
    assert not test.exception
    header, open_ref = read(sent(test))
    assert header["id"] == first["id"]
    assert set(header["maps"]) == {"pca", "relation", "tsne"}
    tell(test, map="tsne", overlay="divergence", color="class", tau=0.25)
    header, open_ref = read(sent(test))
    found = open_study(study_folders, images_of(test)).divergence(0.25)
    assert header["divergence"]["temperature"] == 0.25
    for name, ref in header["divergence"]["values"].items():
        np.testing.assert_allclose(open_ref(ref), found.per_pixel[name], atol=1e-5)
    assert "tsne" in header["maps"]


def test_answers_to_a_pin_are_those_of_the_exact_embeddings(page: Open, study_folders: Path) -> None:
    test = page("explorer")
    tell(test, pin=70, selection=[], tau=0.2)
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    story = pixel_story(study.features(), 70, 0.2, 10)
    text = "\n".join(m.value for m in test.markdown)
    for name, value in story.divergence.items():
        assert f"shares {story.relations.shared[name]} of 10" in text
        assert f"relation divergence {theme.number(value)} nats" in text
    drawn = traces(test, "scatter")
    assert [trace["name"] for trace in drawn] == [*["Teacher", "Before", "After"] * 2, *["Before", "After"] * 2]
    known = story.cosine["teacher"][~np.isnan(story.cosine["teacher"])]
    np.testing.assert_allclose(array(drawn[0]["x"]), np.sort(known), rtol=1e-6)
    # The app computed the embeddings by itself: cosines in float32 may differ by their rounding, here over tau.
    np.testing.assert_allclose(array(drawn[8]["x"]), story.by_image["before"][::-1], rtol=1e-6, atol=1.2e-7 / 0.2)
    table = next(frame.value for frame in test.dataframe if "#" in frame.value)
    cells = table[f"{theme.role('after').glyph} After"].tolist()
    shared = set(story.relations.neighbours["teacher"].tolist())
    assert [cell.endswith("✓") for cell in cells] == [p in shared for p in story.relations.neighbours["after"].tolist()]


def test_answers_to_a_selection_are_its_make_up_and_scores(page: Open, study_folders: Path) -> None:
    test = page("explorer")
    tell(test, pin=None, selection=[10, 30, 60, 5], tau=0.1)
    assert not test.exception
    assert not test.error
    features = open_study(study_folders, images_of(test)).features()
    chosen = [*range(10, 40), *range(60, 65)]
    text = "\n".join(m.value for m in test.markdown)
    assert "**35 pixels** in 1 image:" in text
    table = next(frame.value for frame in test.dataframe if "Accuracy" in frame.value)
    scores = selection_scores(features, chosen)
    np.testing.assert_allclose(table["Accuracy"], [100 * s.accuracy for s in scores.values()])
    np.testing.assert_allclose(table["mIoU"], [100 * s.miou for s in scores.values()])
    bars = traces(test, "bar")
    assert sum(array(bar["x"])[0] for bar in bars) == 35
    assert len(test.get("download_button")) == 2


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("teacher", "before")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    query = {"teacher": "streets-teacher", "before": "streets-baseline", "after": "streets-cirkd"}
    test = page("explorer", **{**query, **dict.fromkeys(missing, "none")})
    assert not test.exception
    assert not test.error
    header, _ = read(sent(test))
    assert len(header["models"]) == 3 - len(missing)
    pair = "before" not in missing
    assert (header["arrows"] is not None) == (header["change"] is not None) == pair
    tell(test, pin=3, selection=[0, 4], tau=0.1, overlay="divergence", color="class", map="pca")
    assert not test.exception
    assert not test.error


def test_images_without_labels(page: Open, unlabelled: Path) -> None:
    test = page("explorer", data="folder", folder=str(unlabelled))
    tell(test, pin=3, selection=[0, 40], tau=0.1)
    assert not test.exception
    assert not test.error
    header, _ = read(sent(test))
    assert header["images"][0]["label"] is None
    assert any("No labels" in c.value for c in test.caption)


def test_what_was_chosen_in_another_study_is_not_taken_for_this_one(page: Open) -> None:
    test = page("explorer")
    tell(test, study="another", pin=5, selection=[0, 9], tau=0.1)
    assert not test.exception
    assert not test.subheader


def test_the_address_says_what_is_shown_and_a_link_reopens_it(page: Open) -> None:
    test = page(
        "explorer",
        explorer_map="relation",
        explorer_pin="12",
        explorer_tau="0.3",
        explorer_color="nonsense",
        explorer_selection=address.packed([3, 4]),
    )
    header, _ = read(sent(test))
    assert header["first"] == {"map": "relation", "pin": 12, "tau": 0.3, "selection": [3, 4]}
    tell(test, pin=40, selection=[3, 4, 20, 1], tau=0.1, map="pca", overlay="relation", color="image")
    assert not test.exception
    query = {key: value for key, value in test.query_params.items() if key.startswith("explorer_")}
    shown = {key: value if isinstance(value, str) else value[0] for key, value in query.items()}
    assert shown == {
        "explorer_pin": "40",
        "explorer_overlay": "relation",
        "explorer_color": "image",
        "explorer_selection": address.packed([3, 4, 20, 1]),
    }
    assert address.parse(shown) == {"pin": 40, "overlay": "relation", "color": "image", "selection": (3, 4, 20, 1)}


@pytest.mark.parametrize("tau", ["0", "7", "nan", "x", ""])
def test_nonsense_in_the_address_is_left_out(tau: str) -> None:
    for text in ("1-x", "7", "é", "3-4-20-1"):
        assert address.parse({"explorer_selection": text}) == {}
    assert address.parse({"explorer_tau": tau, "explorer_pin": "-3", "explorer_overlay": "x"}) == {}


@given(st.sets(st.integers(0, 49_151), max_size=600))
def test_a_selection_in_the_address_is_the_one_that_was_made(chosen: set[int]) -> None:
    runs: list[int] = []
    for position in sorted(chosen):
        if runs and position == runs[-2] + runs[-1]:
            runs[-1] += 1
        else:
            runs += [position, 1]
    text = address.packed(runs)
    assert address.unpacked(text) == tuple(runs)
    assert len(text) <= address.LONGEST
    assert text == quote(text)


def test_a_number_without_end_in_the_address_is_no_selection() -> None:
    # Added up, a million bytes of one number would take hours.
    endless = base64.urlsafe_b64encode(zlib.compress(b"\xff" * 10**6)).decode()
    assert address.unpacked(endless) == ()


def test_models_look_as_on_the_other_pages() -> None:
    names = ("teacher", "after", "other", "mine")
    found = look(names)
    with theme.held("light", names):
        for role in map(theme.role, names):
            shown = {"label": role.label, "color": role.color, "glyph": role.glyph}
            assert shown in found["models"].values()
    told = {kind.name: kind.color("light").upper() for kind in CHANGED}
    assert (told["fixed"], told["broken"]) == (theme.FIXED, theme.BROKEN)

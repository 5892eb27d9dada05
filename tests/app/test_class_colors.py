"""The palette for colour-blind viewers: by a switch, kept in the address, the same wherever classes have colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.analysis.colorings import PixelColors
from cirkd.charts import theme
from cirkd.data.errors import StudyError
from cirkd.data.safe_palette import safe_colors
from cirkd.data.sample import Classes
from cirkd.results import Results
from cirkd.study import Study
from tests.analysis.test_explorer_block import read
from tests.app.test_explorer import sent
from tests.app.test_overview import images_of, open_study
from tests.factories import declarations

Open = Callable[..., Any]


def test_the_switch_recolours_the_explorer_and_is_kept_in_the_address(page: Open) -> None:
    test = page("explorer")
    before, _ = read(sent(test))
    test.toggle(key="bar_palette").set_value(True).run()
    assert not test.exception
    assert test.query_params["palette"] in ("safe", ["safe"])
    after, _ = read(sent(test))
    count = len(before["classes"]["names"])
    assert after["classes"] == {**before["classes"], "colors": [list(color) for color in safe_colors(count)]}
    assert before["classes"] != after["classes"]
    assert [model["classes"] for model in after["models"]] == [after["classes"]] * 3
    assert after["id"] != before["id"], "pictures of labels are drawn anew"
    assert after["study"] == before["study"], "its pin and what is chosen stay"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predictions", "memory"])
def test_a_link_opens_pages_in_the_palette(page: Open, study_folders: Path, name: str) -> None:
    test = page(name, palette="safe")
    assert not test.exception
    assert not test.error
    assert test.toggle(key="bar_palette").value is True
    known = open_study(study_folders, images_of(test)).features().classes
    drawn = "".join(str(item.proto) for item in test.main.get("html"))
    for own, safe in zip(known.colors, safe_colors(len(known)), strict=True):
        assert theme.class_color(own) not in drawn
        assert theme.class_color(safe) in drawn


def held(value: Any) -> Iterator[Any]:
    """A value and all that it holds."""
    yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    for part in vars(value).values() if dataclasses.is_dataclass(value) else parts:
        yield from held(part)


@pytest.mark.slow
def test_another_palette_shares_every_result_that_holds_no_colours(study_folders: Path) -> None:
    own = open_study(study_folders, ("val000", "val001"))
    other = own.in_palette("safe")
    needed = {"pixel_relations": {"pixel": 0}, "explorer_map": {"name": "pca"}, "pixel_colors": {"by": "class"}}
    needed["confused_images"] = {"model": "after", "label": 0, "predicted": 1}
    needed["confused_images"] = {"model": "after", "label": 0, "predicted": 0}
    for name, declared in declarations(Results).items():
        if name == "split_scores":  # of the whole split, and written to disk
            continue
        arguments = needed.get(name, {})
        found, again = getattr(own, name)(**arguments), getattr(other, name)(**arguments)
        assert (found is again) != declared.colors, name
        assert declared.colors or not any(isinstance(part, Classes | PixelColors) for part in held(found)), name
    assert other.explorer().classes.colors == safe_colors(len(own.features().classes))


def test_in_other_colours_a_study_has_the_same_numbers_and_runs_no_model_again(study_folders: Path) -> None:
    own = open_study(study_folders, ("val000", "val001"))
    before = own.features()
    other = Study(own.models, own.source, cache=own.cache, palette="safe")
    for model in own.models.values():
        model.forward = None  # whoever runs it fails
    found = other.features()
    np.testing.assert_array_equal(found.models["after"].embedding, before.models["after"].embedding)
    assert found.classes.colors == other.memory_bank("after").classes.colors == safe_colors(len(found.classes))
    assert own.memory_bank("after").classes.colors == before.classes.colors
    with pytest.raises(StudyError, match="one of own, safe is wanted"):
        Study(own.models, own.source, palette="rainbow")

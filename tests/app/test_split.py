"""The whole split on screen: its order, any two models as the pair, a confusion's pixels, the way to the Explorer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cirkd
from cirkd.study import Study

Open = Callable[..., Any]


def whole(folders: Path) -> tuple[Study, Any]:
    """The toy study and what is measured of all its images, through the library."""
    names = {"teacher": "teacher", "before": "baseline", "after": "cirkd"}
    models: dict[str, Any] = {
        role: folders / "checkpoints" / f"streets-{name}.safetensors" for role, name in names.items()
    }
    data = cirkd.open_data("streets", "val", folders / "data" / "streets")
    study = Study.open(**models, images=data, indices=(0, 1), device="cpu")
    return study, study.split_scores()


def table(test: Any) -> Any:
    return next(frame.value for frame in test.dataframe if "Image" in frame.value)


def test_nothing_runs_until_it_is_asked_for(page: Open) -> None:
    test = page("split")
    assert not test.exception and not test.error and not test.dataframe
    assert "8 images" in test.toggle(key="split_go").label


@pytest.mark.slow
@pytest.mark.parametrize(("order", "value"), [("mIoU lost", "lost"), ("divergence lost", "closer")])
def test_the_order_is_that_of_the_numbers(page: Open, study_folders: Path, order: str, value: str) -> None:
    test = page("split", split_go="true", split_order=order)
    assert not test.exception and not test.error
    assert test.segmented_control(key="split_order").value == value
    found = whole(study_folders)[1]
    change = found.miou_change("before", "after") if value == "lost" else found.divergence_change("before", "after")
    shown = table(test)
    assert list(shown["Image"]) == [found.names[i] for i in np.argsort(change, kind="stable")]
    column = "mIoU change (points)" if value == "lost" else "Divergence change (nats)"
    scale = 100 if value == "lost" else 1
    assert list(shown[column]) == pytest.approx(sorted(scale * change))


def test_any_two_models_are_the_pair(page: Open, study_folders: Path) -> None:
    test = page("split", split_go="true")
    test.selectbox(key="split_from").set_value("after").run()
    test.selectbox(key="split_to").set_value("teacher").run()
    assert not test.exception and not test.error
    found = whole(study_folders)[1]
    shown = table(test)
    expected = dict(zip(found.names, 100 * found.miou_change("after", "teacher"), strict=True))
    assert dict(zip(shown["Image"], shown["mIoU change (points)"], strict=True)) == pytest.approx(expected)


def test_a_click_opens_an_image_in_the_explorer(page: Open) -> None:
    test = page("split", split_go="true")
    first = table(test)["Image"][0]
    next(b for b in test.button if b.key.startswith("split_first_")).click().run()
    assert not test.exception and not test.error
    assert test.title[0].value == "Explorer"
    assert first in str(test.query_params["images"]).split(",")


@pytest.mark.slow
def test_the_pixels_of_a_picked_cell_are_told_with_their_number(page: Open, study_folders: Path) -> None:
    study, found = whole(study_folders)
    confusion = found.scores.models["before"].confusion
    label, predicted = (int(c) for c in np.argwhere(confusion)[0])
    test = page("split", split_go="true")
    for name, value in (("model", "before"), ("label", label), ("predicted", predicted)):
        test.selectbox(key=f"split_confusion_{name}").set_value(value)
    test.run()
    assert not test.exception and not test.error
    most = study.confused_images("before", label, predicted, whole=True)[0]
    assert any(f"{most.pixels:,} pixels" in caption.value for caption in test.caption)

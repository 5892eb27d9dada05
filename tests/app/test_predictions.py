"""Predictions: tiles, changes and scores, with and without labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import WIDTHS, assert_stands
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


@pytest.mark.slow
def test_scores_on_screen_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("predictions")
    assert not test.exception
    assert not test.error
    images = images_of(test)
    scores = open_study(study_folders, images).scores()
    by_image = next(d.value for d in test.dataframe if "Image" in d.value)
    assert list(by_image["Image"]) == list(images)
    for column, name in (("◆ Teacher mIoU", "teacher"), ("● Before mIoU", "before"), ("▲ After mIoU", "after")):
        assert list(by_image[column]) == pytest.approx(list(100 * scores.models[name].image_miou), nan_ok=True)


@pytest.mark.parametrize(
    ("label", "view"), [("Classes", "prediction"), ("Errors", "errors"), ("Confidence", "confidence")]
)
@pytest.mark.slow
def test_every_view_draws(page: Open, label: str, view: str) -> None:
    test = page("predictions", predictions_view=label, predictions_opacity="60")
    assert test.segmented_control(key="predictions_view").value == view
    assert test.slider(key="predictions_opacity").value == 60
    assert not test.exception
    assert not test.error


@pytest.mark.slow
def test_images_without_labels_still_work(page: Open, unlabelled: Path) -> None:
    test = page("predictions", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error
    assert not test.dataframe


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    from playwright.sync_api import expect

    tab = browser_page("predictions", width=width)
    expect(tab.locator("[class*=st-key-panels-row-] img[alt]")).to_have_count(6 * 6, timeout=30_000)
    expect(tab.locator(".js-plotly-plot")).to_have_count(2 + 4, timeout=30_000)  # and a confusion matrix each, and one
    tab.locator(".st-key-panels-predictions_confusion-matrices .js-plotly-plot").last.scroll_into_view_if_needed()
    assert_stands(tab)

"""Memory bank: the numbers, the map and the bars on screen are the study's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands
from tests.app.drawn import array, traces, wait_for_charts
from tests.app.test_embeddings import study_without
from tests.app.test_overview import images_of, open_study

Open = Callable[..., Any]


@pytest.mark.slow
def test_numbers_on_screen_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("memory")
    assert not test.exception
    assert not test.error
    study = open_study(study_folders, images_of(test))
    bank = study.memory_bank("after")
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown["Pixel keys held"] == f"{int(bank.queues['pixel'].held.sum()):,}" != "0"
    assert shown["Pixel keys pure"] == theme.percent(bank.queues["pixel"].mean_purity, 0)
    marks = [trace for trace in traces(test, "scatter") if trace.get("name") == "pixel queue"]
    np.testing.assert_allclose(array(marks[2]["x"]).astype(float), 100 * bank.queues["pixel"].purity, atol=1e-4)
    found = study.bank_map("after")
    drawn = traces(test, "scattergl")[-1]
    np.testing.assert_allclose(array(drawn["x"]), found.points["after"][:, 0], atol=1e-4)
    purity = study.stored_pixels(16).mean_purity("published")
    assert any(f"**{theme.percent(purity, 0)}** of what the published" in m.value for m in test.markdown)


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("after",), ("teacher", "before"), ("before", "after")])
@pytest.mark.slow
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("memory", **study_without(missing))
    assert not test.exception
    assert not test.error
    assert ("No model in view brings a memory bank" in "".join(i.value for i in test.info)) == ("after" in missing)
    if "teacher" in missing and "after" not in missing:
        assert any("the bank is measured with itself" in c.value for c in test.caption)
    assert len(traces(test, "bar")) > 0


def test_images_without_labels_still_work(page: Open, unlabelled: Path) -> None:
    test = page("memory", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error
    assert any("classes by prediction of teacher" in c.value for c in test.caption)


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    tab = browser_page("memory", width=width, scheme="dark" if width < 1000 else "light")
    assert_stands(tab)
    wait_for_charts(tab, 3 + 3 + 4)
    assert_stands(tab)

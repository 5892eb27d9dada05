"""The Overview shows the study's own numbers, in every arrangement of models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cirkd.charts import theme
from tests.app.conftest import WIDTHS, assert_stands

Open = Callable[..., Any]


def images_of(test: Any) -> tuple[str, ...]:
    """The images that the address of an `AppTest` names."""
    value = test.query_params["images"]
    return tuple((value if isinstance(value, str) else value[0]).split(","))


def open_study(folders: Path, images: tuple[str, ...]) -> Any:
    """The study that the page shows, opened without the app."""
    from cirkd.data.catalog import open_data
    from cirkd.study import Study

    data = open_data("streets", "val", folders / "data" / "streets")
    roles = {"teacher": "teacher", "before": "baseline", "after": "cirkd"}
    paths = {role: folders / "checkpoints" / f"streets-{part}.safetensors" for role, part in roles.items()}
    return Study.open(**paths, images=data, indices=[list(data.names).index(name) for name in images])


def test_numbers_on_screen_are_the_studys(page: Open, study_folders: Path) -> None:
    test = page("overview")
    assert not test.exception
    assert not test.error
    images = images_of(test)
    study = open_study(study_folders, images)
    shown = {metric.label: metric.value for metric in test.metric}
    for name, score in study.scores().models.items():
        role = theme.role(name)
        assert shown[f"{role.markdown} {role.label} · mIoU"] == theme.percent(score.miou)
    divergence = study.divergence(0.1)
    assert shown[f"{theme.role('after').markdown} Relation divergence"] == theme.number(divergence.mean["after"])
    text = "\n".join(m.value for m in test.markdown)
    assert all(sentence in text for sentence in study.summary(0.1))


def test_default_images_show_all_classes(page: Open, study_folders: Path) -> None:
    test = page("overview")
    images = images_of(test)
    assert len(images) == 6
    study = open_study(study_folders, images)
    assert study.scores().present.all()


@pytest.mark.parametrize("missing", [("teacher",), ("before",), ("after",), ("before", "after"), ("teacher", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    query = {"teacher": "streets-teacher", "before": "streets-baseline", "after": "streets-cirkd"}
    test = page("overview", **query | dict.fromkeys(missing, "none"))
    assert not test.exception
    assert not test.error


def test_no_model_is_one_clear_line(page: Open) -> None:
    test = page("overview", teacher="none", before="none", after="none")
    assert not test.exception
    assert [e.value for e in test.error] == ["no model is chosen; pick a teacher or a student in the sidebar"]


def test_a_missing_checkpoint_is_one_clear_line(page: Open) -> None:
    test = page("overview", teacher="gone")
    assert not test.exception
    assert len(test.error) == 1
    assert "gone" in test.error[0].value


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_stands_in_a_browser(browser_page: Open, width: int) -> None:
    from playwright.sync_api import expect

    tab = browser_page("", width=width)
    expect(tab.locator("[data-testid=stMetric]")).to_have_count(4, timeout=30_000)
    expect(tab.locator(".js-plotly-plot")).to_have_count(3, timeout=30_000)
    expect(tab.locator("[data-testid=stMain] .st-key-panels-strip img[alt]")).to_have_count(6, timeout=30_000)
    assert_stands(tab)


@pytest.mark.browser
def test_a_place_that_changed_leads_to_it_in_the_explorer(view: Any, study_folders: Path) -> None:
    from tests.app.explorer_view import View

    here = view()
    here.tab.keyboard.press("ArrowRight")  # another pin, which must give way
    tab = here.tab
    tab.get_by_role("link", name="Overview").click()
    tab.get_by_role("button", name="In the Explorer").first.click(timeout=60_000)
    again = View(tab, study_folders)
    place = again.study.changed_places()[0]
    height, width = again.features.images[place.image].shape[:2]
    y, x = (place.middle[0] + 0.5) / height, (place.middle[1] + 0.5) / width
    rows, columns = again.features.pixels.grid[place.image]
    wanted = again.features.pixels.of_image(place.image).start + int(y * rows) * columns + int(x * columns)
    tab.wait_for_function(
        f"document.querySelector('[data-testid=explorer]')?.explorer.pin === {wanted}", timeout=60_000
    )

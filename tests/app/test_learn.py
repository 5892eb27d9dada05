"""Learn: every number that the browser shows is Python's, and nothing that is done there sends a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from tests.analysis.oracles import row_divergence, softmax, unit
from tests.app.conftest import assert_stands, settle
from tests.app.test_embeddings import study_without
from tests.app.test_overview import open_study

Open = Callable[..., Any]
READY = "[data-testid=lesson][data-ready=true][data-measured=true]"
BARS = {"lesson:point": 16, "lesson:set": 16}  # milliseconds, as the median of many; of a machine that is not busy


class Page:
    """The page in a browser, and the study that it shows."""

    def __init__(self, tab: Any, folders: Path) -> None:
        self.tab = tab
        tab.wait_for_selector(READY, timeout=90_000)
        images = parse_qs(urlparse(tab.url).query)["images"][0].split(",")
        self.features = open_study(folders, tuple(images)).features()

    def read(self, what: str, *arguments: Any) -> Any:
        """Something of `element.lesson`, see cirkd/web/lesson/handle.js."""
        code = "([what, args]) => { const e = document.querySelector('[data-testid=lesson]').lesson;"
        code += " return typeof e[what] === 'function' ? e[what](...args) : e[what]; }"
        return self.tab.evaluate(code, [what, list(arguments)])

    def over(self, picture: str, pixel: int) -> None:
        """Put the pointer on a pixel of a picture."""
        self.tab.get_by_test_id(picture).first.evaluate("picture => picture.scrollIntoView({ block: 'center' })")
        self.tab.mouse.move(*self.read("place", picture, pixel))

    def point(self) -> None:
        """Put the pointer on many pixels of two pictures, one after another."""
        for picture in ("picture-photo-i-teacher", "picture-heat-j-after"):
            first = self.features.pixels.of_image(0 if "-i-" in picture else 1).start
            for n in range(40):
                self.over(picture, first + (n * 7) % 40)

    def times(self, name: str) -> list[float]:
        """What the page has measured under a name, in milliseconds."""
        return self.tab.evaluate("name => performance.getEntriesByName(name).map(({ duration }) => duration)", name)

    def drag_tau(self) -> None:
        """Drag the slider of step 3 over its whole length."""
        slider = self.tab.get_by_test_id("step-distributions").get_by_test_id("lesson-tau")
        slider.evaluate("slider => slider.scrollIntoView({ block: 'center' })")
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        self.tab.mouse.move(box["x"] + 4, y)
        self.tab.mouse.down()
        for n in range(30):
            self.tab.mouse.move(box["x"] + 4 + n * (box["width"] - 8) / 30, y)
        self.tab.mouse.up()


@pytest.fixture
def learn(browser_page: Open, study_folders: Path) -> Callable[..., Page]:
    return lambda **options: Page(browser_page("learn", **options), study_folders)


@pytest.mark.parametrize("missing", [("teacher",), ("after",), ("teacher", "before"), ("before", "after")])
def test_any_model_may_be_missing(page: Open, missing: tuple[str, ...]) -> None:
    test = page("learn", **study_without(missing))
    assert not test.exception
    assert not test.error


@pytest.mark.slow
def test_images_without_labels_still_work(page: Open, unlabelled: Path) -> None:
    test = page("learn", data="folder", folder=str(unlabelled))
    assert not test.exception
    assert not test.error


@pytest.mark.browser
def test_numbers_are_pythons(learn: Callable[..., Page]) -> None:
    here = learn()
    rows = {name: unit(model.embedding) for name, model in here.features.models.items()}
    pixel = here.features.pixels.of_image(0).start + 17
    here.over("picture-photo-i-teacher", pixel)
    assert here.read("view")["a"] == pixel
    errors = here.read("errors")
    part = here.features.pixels.of_image(1)
    tau = here.read("view")["tau"]
    assert tau == 0.1
    for name, all_rows in rows.items():
        cosines = all_rows[part] @ all_rows[pixel]
        np.testing.assert_allclose(here.read("values", "rows", name), cosines, atol=errors[name] + 1e-6)
        wanted = softmax(cosines, tau)
        shares = np.array(here.read("values", "shares", name))
        assert shares.sum() == pytest.approx(1, abs=1e-5)
        assert np.abs(np.log(shares / wanted)).max() <= 2 * errors[name] / tau + 1e-4
    for name, value in here.read("divergences").items():
        wanted = row_divergence(rows[name][pixel], rows[name][part], rows["teacher"][pixel], rows["teacher"][part], tau)
        assert value == pytest.approx(wanted, abs=2 * (errors[name] + errors["teacher"]) / tau)
        assert sum(here.read("values", "parts", name)) == pytest.approx(value, abs=1e-4)
    assert_stands(here.tab)


@pytest.mark.browser
def test_the_loss_is_that_of_the_pixels_it_names(learn: Callable[..., Page]) -> None:
    """The library's own loss over the chosen pixels, which make a map of one row for each image."""
    import torch

    from cirkd.losses import minibatch_pixel_relation

    here = learn()
    here.tab.locator("#lesson-gradient").scroll_into_view_if_needed()
    here.tab.wait_for_function("document.querySelector('[data-testid=lesson]')?.lesson.loss", timeout=60_000)
    found = here.read("loss")
    chosen = {name: unit(here.features.models[name].embedding)[found["positions"]] for name in ("after", "teacher")}
    maps = [torch.from_numpy(rows).float().reshape(2, 1, -1, rows.shape[1]) for rows in chosen.values()]
    wanted = float(minibatch_pixel_relation(*(of.permute(0, 3, 1, 2).contiguous() for of in maps), 0.1))
    assert found["value"] == pytest.approx(wanted, rel=0.05)
    before = found["value"]
    for _ in range(3):
        here.tab.locator("#lesson-gradient").get_by_role("button", name="Step").click()
    after = here.read("loss")
    assert after["steps"] == 3
    assert after["value"] < before


@pytest.mark.browser
def test_pointing_and_dragging_send_nothing(browser_page: Open, study_folders: Path) -> None:
    tab = browser_page("learn")
    here = Page(tab, study_folders)
    settle(tab)
    sent: list[Any] = []
    session = tab.context.new_cdp_session(tab)
    session.send("Network.enable")
    session.on("Network.webSocketFrameSent", lambda frame: sent.append(frame))
    tab.on("request", lambda request: sent.append(request.url))
    here.point()
    assert here.read("view")["b"] >= here.features.pixels.of_image(1).start
    before = here.read("view")["tau"]
    here.drag_tau()
    assert here.read("view")["tau"] != before
    pixel = here.features.pixels.of_image(0).start + 3
    here.over("picture-photo-i-teacher", pixel)
    tab.wait_for_timeout(200)  # the head names the step that was scrolled to, which may move what lies below
    here.over("picture-photo-i-teacher", pixel)
    tab.mouse.down()
    tab.mouse.up()
    assert here.read("view")["pixel"] == pixel
    tab.wait_for_function(f"location.hash.includes('pixel={pixel}')")
    assert sent == []
    assert all(len(here.times(name)) >= 20 for name in BARS)
    assert_stands(tab)


@pytest.mark.browser
@pytest.mark.nightly
def test_pointing_and_dragging_are_fast(learn: Callable[..., Page]) -> None:
    here = learn()
    settle(here.tab)
    here.point()
    here.drag_tau()
    for name, most in BARS.items():
        times = here.times(name)
        assert len(times) >= 20, name
        assert np.median(times) < most, name


@pytest.mark.browser
def test_formula_and_picture_light_each_other(learn: Callable[..., Page]) -> None:
    tab = learn().tab
    step = tab.get_by_test_id("step-divergence")
    step.evaluate("step => step.scrollIntoView({ block: 'center' })")
    step.locator(".ls-symbol[data-q=D]").first.hover()
    assert step.locator("figure.ls-lit[data-q~=D]").count() == 2
    assert "relation divergence" in tab.locator(".ls-told").inner_text()
    step.get_by_test_id("picture-part-j-after").hover()
    assert step.locator(".ls-symbol.ls-lit[data-q=D]").count() == 1
    assert step.locator(".ls-symbol.ls-lit[data-q=q]").count() == 0


@pytest.mark.browser
def test_every_symbol_has_its_picture_and_every_picture_its_symbol(learn: Callable[..., Page]) -> None:
    """In each step with a formula; the slider of a step without one of its own stands above all steps."""
    tab = learn().tab
    linked = tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.ls-step')].map((step) => {
          const of = (selector) => [...step.querySelectorAll(selector)].flatMap((e) => e.dataset.q.split(' '));
          return [step.id, [of('.ls-symbol[data-q]'), of('[data-q]:not(.ls-symbol)')]];
        }))"""
    )
    formulas = {name: (set(symbols), set(pictures)) for name, (symbols, pictures) in linked.items() if symbols}
    assert len(formulas) >= 7
    for name, (symbols, pictures) in formulas.items():
        assert symbols - {"tau"} == pictures - {"tau"}, name


@pytest.mark.browser
def test_a_presentation_by_keys_alone(learn: Callable[..., Page]) -> None:
    here = learn(width=1280)
    tab = here.tab
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.keyboard.press("p")
    steps = here.read("steps")
    for step in steps:
        assert here.read("view")["step"] == step
        section = tab.get_by_test_id(f"step-{step}")
        assert section.locator(".ls-question").is_visible()
        assert not section.locator(".ls-words").is_visible()
        tab.keyboard.press("ArrowRight")
        assert section.locator(".ls-words").is_visible()
        tab.wait_for_timeout(100)
        box, foot = section.bounding_box(), tab.locator(".ls-foot").bounding_box()
        assert box["y"] + box["height"] <= foot["y"], f"{step} does not fit on a projector's screen"
        tab.keyboard.press("ArrowRight")
    assert here.read("view")["step"] == steps[-1]
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    assert (here.read("view")["step"], here.read("view")["shown"]) == (steps[-2], True)
    tab.wait_for_function(f"location.hash.includes('lesson={steps[-2]}')")
    tab.reload()
    tab.wait_for_selector(READY, timeout=90_000)
    view = here.read("view")
    assert (view["step"], view["shown"], view["present"]) == (steps[-2], True, True)
    tab.keyboard.press("Escape")
    assert not here.read("view")["present"]
    assert tab.get_by_test_id("step-why").locator(".ls-words").is_visible()
    assert_stands(tab)


@pytest.mark.browser
def test_a_phone_has_room_for_it(learn: Callable[..., Page]) -> None:
    here = learn(width=390, scheme="dark")
    tab = here.tab
    assert_stands(tab)
    for step in here.read("steps"):
        tab.get_by_test_id(f"step-{step}").scroll_into_view_if_needed()
        tab.wait_for_timeout(150)
    assert_stands(tab)
    at = "document.querySelector('[data-testid=lesson]').lesson.view.step"
    assert tab.evaluate(at) != "why"  # the step in view is the one that a presentation begins with
    tab.get_by_test_id("present").scroll_into_view_if_needed()
    tab.wait_for_function(f"{at} === 'why'")
    tab.get_by_test_id("present").click()
    tab.get_by_test_id("forward").click()
    assert tab.get_by_test_id("step-why").locator(".ls-words").is_visible()
    wide = tab.evaluate(
        "() => { const e = document.querySelector('.ls-present'); return e.scrollWidth - e.clientWidth; }"
    )
    assert wide <= 1


@pytest.mark.browser
def test_the_scene_is_played_and_its_settings_count(learn: Callable[..., Page]) -> None:
    here = learn()
    step = here.tab.get_by_test_id("step-play")
    step.scroll_into_view_if_needed()
    step.get_by_role("button", name="Play").click()
    here.tab.wait_for_function(
        "document.querySelector('[data-testid=lesson]')?.lesson.scene.steps >= 200", timeout=60_000
    )
    step.get_by_role("button", name="Pause").click()
    played = here.read("scene")["students"]
    assert played["memory"]["across"] < played["kd"]["across"]
    step.get_by_role("button", name="Reset").click()
    assert here.read("scene")["steps"] == 0

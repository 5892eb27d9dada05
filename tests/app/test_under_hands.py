"""What hands do that nobody planned for, in a real browser: each of these once took something off the page."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks.explorer import page as standalone
from cirkd.analysis.colorings import all_colors
from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.explorer_encode import encode
from cirkd.analysis.projection import explorer_map
from cirkd.charts.looks import look
from tests.app.conftest import choose, settle
from tests.app.explorer_view import View
from tests.factories import make_features
from tests.training.test_runs import wait
from tools.serving import serving

pytestmark = pytest.mark.browser
Open = Callable[..., Any]
LEAVE = """() => {
  const clicked = performance.now();
  let state = window.told;
  Object.defineProperty(window, "told", {
    get: () => state,
    set: (next) => { window.after ??= performance.now() - clicked; state = next; },
  });
  const tile = document.querySelector("[data-testid=tile-teacher-1]");
  tile.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
  document.querySelector("a").click();
  return document.querySelector("[data-testid=explorer]").explorer.pin;
}"""


def test_nothing_is_told_of_a_page_that_is_being_left(chromium: Any) -> None:
    """Streamlit would draw the next page, then hear of this one, and leave the next one blank."""
    features = make_features()
    block = explorer_block(features)
    maps = {"pca": explorer_map(features, block, "pca")}
    tab = chromium.new_page()
    tab.set_content(standalone(encode(block, maps, None, {"look": look(features.models)}, colors=all_colors(features))))
    tab.evaluate("document.body.append(Object.assign(document.createElement('a'), { href: '#other', text: 'Other' }))")
    tab.evaluate("start()")
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]")
    tab.get_by_test_id("tile-teacher-1").click()
    pin = tab.evaluate("document.querySelector('[data-testid=explorer]').explorer.pin")
    assert pin >= 0
    tab.wait_for_function(f"window.told?.pin === {pin}", timeout=60_000)
    # In one task, so that nothing can be told in between: the pin moves, and a link is clicked.
    moved = tab.evaluate(LEAVE)
    assert moved != pin
    # Where the page stays after all, nothing is lost.
    tab.wait_for_function("window.after !== undefined", timeout=60_000)
    assert tab.evaluate("told.pin") == moved
    assert tab.evaluate("after") >= 2000, "milliseconds until it was told"
    tab.close()


def test_a_view_that_is_made_anew_before_the_old_one_goes_shows_the_same(chromium: Any) -> None:
    features = make_features()
    block = explorer_block(features)
    maps = {name: explorer_map(features, block, name) for name in ("pca", "relation")}
    tab = chromium.new_page()
    tab.set_content(standalone(encode(block, maps, None, {"look": look(features.models)}, colors=all_colors(features))))
    tab.evaluate("start()")
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]")
    tab.get_by_test_id("projection").select_option("relation")
    tab.get_by_test_id("tile-teacher-1").click()
    tab.keyboard.press("5")
    first = "document.querySelector('[data-testid=explorer]').explorer"
    pin = tab.evaluate(f"{first}.pin")
    assert pin >= 0
    tab.evaluate(
        "document.body.append(Object.assign(document.createElement('div'), { id: 'second' })); start('second')"
    )
    tab.wait_for_selector("#second [data-ready=true]")
    seen = tab.evaluate("(e => [e.pin, e.view.map, e.view.overlay])(document.querySelector('#second .cx').explorer)")
    tab.close()
    assert seen == [pin, "relation", "relation"]


def test_a_map_that_takes_long_leaves_pin_and_view_as_they_were(view: Callable[..., View]) -> None:
    here = view()
    here.box("tile-after-1")
    here.tab.get_by_test_id("tile-after-1").click()
    here.tab.get_by_test_id("overlay").get_by_text("Relation distribution").click()
    here.tab.get_by_test_id("projection").select_option("tsne")
    pin = here.read("pin")
    here.tab.wait_for_function(
        "document.querySelector('[data-testid=explorer]')?.explorer.view.shownMap === 'tsne'", timeout=90_000
    )
    settle(here.tab)
    shown = here.read("view")
    assert (here.read("pin"), shown["map"], shown["overlay"]) == (pin, "tsne", "relation")
    assert "explorer_map=tsne" in here.tab.url


def test_the_name_of_a_control_presses_nothing(view: Callable[..., View]) -> None:
    here = view()
    before = here.read("view")["overlay"]
    here.tab.get_by_text("Images show", exact=True).click()
    assert here.read("view")["overlay"] == before


def test_an_open_quotation_takes_nothing_off_the_training_page(browser_page: Open) -> None:
    tab = browser_page("training")
    fields = tab.locator("[class*=st-key-training_more] input")
    settle(tab)
    if not fields.is_visible():  # folded where runs are there already
        tab.get_by_text("Start a run", exact=True).click()
    fields.fill('--name "half')
    fields.press("Tab")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_text("close the quotation")).to_be_visible(timeout=30_000)
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_visible()
    settle(tab)
    fields.fill("")
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_visible()


def test_a_run_whose_words_were_refused_says_which_and_offers_no_resuming(
    browser_page: Open, study_folders: Path
) -> None:
    folder = study_folders / "runs" / "refused"
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text('{"recipe": "streets-baseline", "flags": ["--stepps", "3"], "home": "."}')
    (folder / "log.txt").write_text(
        "$ cirkd train streets-baseline --stepps 3\n╭─ Unrecognized options ───────────╮\n"
        "│ Unrecognized options: --stepps 3 │\n│ ──────────────────────────────── │\n"
        "│ For full helptext, run cirkd ... │\n╰──────────────────────────────────╯\n"
    )
    tab = browser_page("training")
    choose(tab, "training_run", "refused")
    expect(tab.locator("[data-testid=stAlertContentError]")).to_contain_text("Unrecognized options: --stepps 3")
    expect(tab.get_by_role("button", name="Resume")).to_have_count(0)
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("button", name="Delete it").click()
    wait(lambda: not folder.exists())


def test_one_broken_upload_leaves_the_others(browser_page: Open) -> None:
    tab = browser_page("")
    choose(tab, "bar_data", "Upload images")
    good = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 150)).save(good, "PNG")
    files = [{"name": f"good{n}.png", "mimeType": "image/png", "buffer": good.getvalue()} for n in (1, 2)]
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"not a picture"}
    tab.locator(".st-key-bar_images input[type=file]").set_input_files([*files, broken])
    expect(tab.get_by_text("broken.png").last).to_be_visible(timeout=30_000)
    expect(tab.get_by_role("button", name="2 of 2 images")).to_be_visible(timeout=30_000)
    expect(tab.locator("[data-testid=stMain] img[alt^='image good']").first).to_be_visible(timeout=60_000)


def test_uploads_are_gone_once_the_server_is_stopped(chromium: Any, study_folders: Path, tmp_path: Path) -> None:
    """Its windows are still open then, and tell nobody that they were closed."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 150)).save(picture, "PNG")
    with serving(env=os.environ | {"TMPDIR": str(tmp_path)}) as server:
        tab = chromium.new_page()
        tab.goto(server.address)
        choose(tab, "bar_data", "Upload images")
        file = {"name": "private.png", "mimeType": "image/png", "buffer": picture.getvalue()}
        tab.locator(".st-key-bar_images input[type=file]").set_input_files(file)
        wait(lambda: any(tmp_path.glob("cirkd-*/images/private.png")))
        os.kill(server.pid, signal.SIGINT)
        wait(lambda: not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE)
    tab.close()
    assert not list(tmp_path.glob("cirkd-*"))


def test_the_uploader_names_the_limit_that_holds(browser_page: Open) -> None:
    tab = browser_page("")
    tab.get_by_text("More checkpoints").click()
    expect(tab.get_by_text("500MB").first).to_be_visible()


def test_a_link_holds_page_pin_and_selection(chromium: Any, app_url: str, study_folders: Path) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(f"{app_url}/explorer")
    settle(tab)
    here = View(tab, study_folders)
    here.box("tile-after-1")
    tab.get_by_test_id("tile-after-1").click()
    for key in ("Enter", "ArrowRight", "ArrowDown", "Enter"):
        tab.keyboard.press(key)
    pin, selection = here.read("pin"), here.read("selection")
    assert len(selection) == 4
    tab.wait_for_function("location.search.includes('explorer_selection')", timeout=60_000)
    tab.get_by_role("button", name="Copy link to this view").click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    address = tab.evaluate("navigator.clipboard.readText()")
    tab.goto(address)
    settle(tab)
    again = View(tab, study_folders)
    assert (again.read("pin"), again.read("selection")) == (pin, selection)
    context.close()

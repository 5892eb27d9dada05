"""The Explorer as a notebook widget: it holds the study's pixels, and pin and selection are traits."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from cirkd.study import Study
from tests.app.toy import make_checkpoints, make_streets

pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")

PAGE = """<!doctype html><style>%(style)s</style><div id="place"></div><script type="module">
const url = URL.createObjectURL(new Blob([%(script)s], { type: "text/javascript" }));
const { default: widget } = await import(url);
const listeners = (window.listeners = {});
const data = Uint8Array.from(atob("%(data)s"), (c) => c.charCodeAt(0));
window.state = { data: new DataView(data.buffer), pin: null, selection: [] };
window.saved = 0;
window.model = {
  get: (name) => state[name],
  set: (name, value) => (state[name] = value),
  save_changes: () => window.saved++,
  on: (name, act) => (listeners[name] = act),
  off: (name) => delete listeners[name],
  said: (name, value) => { state[name] = value; listeners[`change:${name}`](); },
};
window.leave = widget.render({ model, el: document.getElementById("place") });
</script>"""


@pytest.fixture(scope="module")
def widget(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from cirkd.notebook import Explorer

    root = tmp_path_factory.mktemp("study")
    make_checkpoints(root / "checkpoints")
    make_streets(root / "data" / "streets")
    teacher, after = (root / "checkpoints" / f"streets-{name}.safetensors" for name in ("teacher", "cirkd"))
    study = Study.open(teacher=teacher, after=after, images=root / "data" / "streets" / "val")
    return Explorer(study, divergence=True, pin=3)


def test_it_holds_the_studys_pixels(widget: Any) -> None:
    length = struct.unpack("<I", widget.data[:4])[0]
    header = json.loads(widget.data[4 : 4 + length])
    assert [model["name"] for model in header["models"]] == ["teacher", "after"]
    assert header["divergence"]["temperature"] == 0.1
    assert (widget.pin, widget.selection) == (3, [])
    assert {"data", "pin", "selection"} <= set(widget.trait_names(sync=True))


@pytest.mark.browser
def test_pin_and_selection_go_both_ways(widget: Any, chromium: Any, tmp_path: Path) -> None:
    import base64

    file = tmp_path / "widget.html"
    file.write_text(
        PAGE
        % {
            "style": widget._css,
            "script": json.dumps(widget._esm).replace("</", "<\\/"),
            "data": base64.b64encode(widget.data).decode(),
        }
    )
    tab = chromium.new_page(viewport={"width": 1200, "height": 900})
    tab.goto(file.as_uri())
    tab.wait_for_selector("[data-testid=explorer][data-ready=true]", timeout=60_000)
    explorer = "document.querySelector('[data-testid=explorer]').explorer"
    tab.wait_for_function("'change:selection' in listeners", timeout=60_000)
    tab.evaluate("model.said('pin', 5)")
    assert tab.evaluate(f"{explorer}.pin") == 5
    tab.evaluate("model.said('selection', [1, 2, 7])")
    assert tab.evaluate(f"{explorer}.selection") == [1, 2, 7]
    tab.get_by_test_id("tile-after-0").scroll_into_view_if_needed()
    x, y = tab.evaluate(f"{explorer}.tilePlace('after', 30)")
    tab.mouse.click(x, y)
    tab.wait_for_function("state.pin === 30 && saved > 0")
    assert tab.evaluate("state.selection") == [1, 2, 7]
    tab.keyboard.press("Escape")
    tab.wait_for_function("state.pin === null && state.selection.length === 0")
    tab.evaluate("leave()")
    assert tab.locator("[data-testid=explorer]").count() == 0
    tab.close()

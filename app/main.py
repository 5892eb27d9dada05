"""The list of pages and the frame around each: `streamlit run app/main.py`."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from pathlib import Path

import streamlit as st

# `streamlit run` puts app/ there and not its parent; first, so that no other `app` in the current folder is taken.
if str(Path(__file__).resolve().parents[1]) not in sys.path[:1]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cirkd
from app import page_list, stored_bar, study_bar, work
from app.guard import guard
from cirkd.charts import theme

# The address holds the whole view, and Streamlit makes a step of the browser's history of each change of it. Here only
# another page is a step, so that the back button leads to the page before.
ONE_STEP = """<script>
if (!window.cirkdHistory) {
  window.cirkdHistory = true;
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const samePage = new URL(url ?? "", location.href).pathname === location.pathname;
    samePage ? history.replaceState(state, title, url) : push(state, title, url);
  };
}
</script>"""


def main() -> None:
    """Draw the sidebar and the page that is chosen."""
    warm_up()
    theme.follow(screen_mode, study_bar.models)
    st.set_page_config("CIRKD Explorer", str(Path(__file__).parent / "icon.svg"), layout="wide")
    st.html(f"<style>{style()}</style>")
    st.html(work.style())
    with st.container(key="history"):
        st.html(f"<style>.st-key-history{{display:none}}</style>{ONE_STEP}", unsafe_allow_javascript=True)
    entries = {
        st.Page(entry.file, title=entry.title, icon=entry.icon, default=not number): entry
        for number, entry in enumerate(page_list.PAGES)
    }
    page = st.navigation(list(entries))
    with guard():
        study_bar.draw(page.url_path)
    with guard():
        entry = entries[page]
        if not (entry.needs_images and stored_bar.lacks(study_bar.current(), entry.title)):
            page.run()
    study_bar.shown(page.url_path)


def screen_mode() -> theme.Theme:
    """The mode of the browser tab that is drawing; charts are drawn for it."""
    return "dark" if st.context.theme.type == "dark" else "light"


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Import beside the first page what takes seconds; whoever needs it sooner waits in an import of their own."""

    def prepare() -> None:
        cirkd.prepare()
        # Streamlit collects garbage after every run; among the objects of the libraries, which stay, that took 0.2 s.
        gc.freeze()

    cirkd.share_cores()
    # Tables need pandas, charts look into it where it is there: one that another visitor's table is only half through
    # importing ends their page with an error.
    importlib.import_module("pandas")
    threading.Thread(target=prepare, name="cirkd-imports", daemon=True).start()


def style() -> str:
    """CSS for what Streamlit's own look lacks: room, and text and symbols that stand out enough from the page.

    Contrast is that of WCAG 2.1, level AA: 4.5 for text, 3 for symbols.
    """
    roles = [(name, theme.role(name)) for name in theme.ROLES]
    return (
        "[data-testid=stMainBlockContainer]{padding-inline:clamp(1rem,3.5vw,3.5rem)}"
        # Captions are the text's colour at 60 %, symbols of models in them as well.
        f"[data-testid=stCaptionContainer],[data-testid=stCaptionContainer] :is(p,code)"
        f"{{color:{theme.muted()};opacity:1}}"
        # White on a dark page's bright primary colour can hardly be read.
        f"[data-testid^=stBaseButton-primary],[data-testid^=stBaseButton-primary] *{{color:{theme.paper()}!important}}"
        # The name of a control that is off stays readable.
        f"[data-testid=stWidgetLabel] p{{color:{theme.ink()}}}"
        # A formula that fits needs no bar to scroll it, which keys could not reach.
        "@media(min-width:70rem){.katex-display{overflow:visible!important}}"
        # A model's symbol before the name of its picker, where a reader of the page's names does not meet it.
        + "".join(f".st-key-bar_{n} label p::before{{content:'{r.glyph} '/'';color:{r.color}}}" for n, r in roles)
    )


main()

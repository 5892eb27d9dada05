"""The list of pages and the frame around each: `streamlit run app/main.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

# `streamlit run` puts app/ there and not its parent; first, so that no other `app` in the current folder is taken.
if str(Path(__file__).resolve().parents[1]) not in sys.path[:1]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import looks, page_list, stored_bar, study_bar, warm, work
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
    warm.up()
    theme.follow(screen_mode)
    st.set_page_config("CIRKD Explorer", str(Path(__file__).parent / "icon.svg"), layout="wide")
    st.html(f"<style>{looks.style()}</style>")
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


main()

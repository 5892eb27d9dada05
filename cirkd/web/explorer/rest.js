// When Python hears of the view: once nothing has changed for a moment, and not while another page is being opened.

const REST = 200; // milliseconds without a change
const LEAVING = 2000; // milliseconds in which another page has begun, once a link to it was clicked

export class Rest {
  /** act(): what is done at rest; signal: ends it. */
  constructor(act, signal) {
    this.act = act;
    // Where a link or the back button leads to another page, what Streamlit still heard of this one would blank that one.
    const leaves = (event) => event.type === "popstate" || event.target.closest?.("a[href]");
    const mark = (event) => leaves(event) && (this.left = performance.now());
    document.addEventListener("click", mark, { capture: true, signal });
    window.addEventListener("popstate", mark, { signal });
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Something has changed. */
  changed(wait = REST) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (performance.now() - this.left < LEAVING ? this.changed(LEAVING) : this.act()), wait);
  }
}

// Tells Python which cell of a matrix was clicked: Streamlit hears of chosen points only, and a heatmap has none.

const listeners = new WeakMap(); // parent element -> Listener

export default function mount({ data, parentElement, setTriggerValue }) {
  if (!data) return undefined;
  let listener = listeners.get(parentElement);
  if (!listener) listeners.set(parentElement, (listener = new Listener(parentElement)));
  Object.assign(listener, { within: data.within, send: (cell) => setTriggerValue("cell", cell) });
  listener.hint.textContent = data.hint;
  return () => {
    listeners.get(parentElement)?.leave();
    listeners.delete(parentElement);
  };
}

class Listener {
  constructor(parent) {
    this.hint = document.createElement("div");
    this.hint.className = "ck-hint";
    parent.append(this.hint);
    this.clicked = (event) => {
      const at = event.points[0]?.pointNumber;
      if (Array.isArray(at)) this.send([...at, this.chart]);
    };
    // A chart may be made anew at any time: whichever is pointed at is listened to, once.
    this.pointed = (event) => {
      const chart = event.target.closest?.(".js-plotly-plot");
      const all = chart?.on && chart.closest(`.st-key-${this.within}`)?.querySelectorAll(".js-plotly-plot");
      if (!all) return;
      this.chart = [...all].indexOf(chart);
      chart.removeListener("plotly_click", this.clicked);
      chart.on("plotly_click", this.clicked);
    };
    document.addEventListener("pointerover", this.pointed);
  }

  leave() {
    document.removeEventListener("pointerover", this.pointed);
    this.send = () => {};
    this.hint.remove();
  }
}

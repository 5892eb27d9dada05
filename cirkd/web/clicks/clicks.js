// Tells Python which row of a matrix was clicked: Streamlit hears of chosen points only, and a heatmap has none.

const listeners = new WeakMap(); // parent element -> Listener

export default function mount({ data, parentElement, setTriggerValue }) {
  if (!data) return undefined;
  let listener = listeners.get(parentElement);
  if (!listener) listeners.set(parentElement, (listener = new Listener(parentElement)));
  Object.assign(listener, { within: data.within, send: (row) => setTriggerValue("row", row) });
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
      if (Array.isArray(at)) this.send(at[0]);
    };
    // A chart may be made anew at any time: whichever is pointed at is listened to, once.
    this.pointed = (event) => {
      const chart = event.target.closest?.(".js-plotly-plot");
      if (!chart?.on || !chart.closest(`.st-key-${this.within}`)) return;
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

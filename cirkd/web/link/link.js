// A button that copies the page's address as it is now: the study, the page, and what is chosen on it.

const SAID = 2000; // milliseconds for which the button says what came of it

export default function mount({ data, parentElement }) {
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "lk-copy";
    parentElement.append(button);
  }
  button.textContent = data.words;
  button.onclick = async () => {
    button.textContent = (await copied(location.href)) ? data.done : data.failed;
    setTimeout(() => (button.textContent = data.words), SAID);
  };
}

/** Whether the browser let the text be copied: it does so on this machine's pages and on those behind https. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

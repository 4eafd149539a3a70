// Streamlit writes each value that the server sets into the address, each as an entry of its own in the browser's
// history, and without the anchor. Here one act of the reader is one entry, and the anchor stays.
const [push, replace] = [history.pushState.bind(history), history.replaceState.bind(history)];
let acted = false;

const QUIET = 600; // milliseconds without an answer or an act of the reader

history.pushState = (state, unused, address) => {
  const whole = new URL(address ?? "", location.href);
  if (!whole.hash && whole.pathname === location.pathname) whole.hash = location.hash;
  (acted ? push : replace)(state, unused, whole.href);
  acted = false;
};

// What the server writes there is from before a move that is on its way, which then is missing from the address.
let told = null; // what the server has told last, by way of live.js
let timer = null;

function mend() {
  const address = new URL(location.href);
  for (const name of Object.keys(told.at)) {
    const values = told.query[name] ?? [];
    if (address.searchParams.getAll(name).join("\n") === values.join("\n")) continue;
    address.searchParams.delete(name);
    for (const value of values) address.searchParams.append(name, value);
  }
  address.searchParams.sort(); // as Streamlit does
  if (address.search !== location.search) replace(history.state, "", address.href);
}

function whenQuiet() {
  clearTimeout(timer);
  if (told) timer = setTimeout(mend, QUIET);
}

addEventListener("explainer-answer", ({ detail }) => {
  told = detail;
  whenQuiet();
});
for (const act of ["pointerdown", "pointerup", "keydown", "click"])
  addEventListener(act, () => (acted ||= act !== "pointerup", whenQuiet()), { capture: true, passive: true });

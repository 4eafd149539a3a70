// Streamlit writes each value that the server sets into the address, each as an entry of its own in the browser's
// history, and without the anchor. Here one act of the reader is one entry, and the anchor stays.
const [push, replace] = [history.pushState.bind(history), history.replaceState.bind(history)];
let acted = false;

const QUIET = 200; // milliseconds after an answer without another
const AGAIN = 2000; // milliseconds after an act of the reader that has not changed the address: no answer is to come

history.pushState = (state, unused, address) => {
  const whole = new URL(address ?? "", location.href);
  if (!whole.hash && whole.pathname === location.pathname) whole.hash = location.hash;
  (acted ? push : replace)(state, unused, whole.href);
  acted = false;
};

// What the server writes there is from before a move that is on its way, which then is missing from the address.
let told = null; // what the server has told last, by way of live.js
let timer = null;
let before = null; // the address at the first act since then

const isRunning = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";

function mend() {
  if (isRunning()) return wait();
  const address = new URL(location.href);
  for (const name of Object.keys(told.at)) {
    const values = told.query[name] ?? [];
    if (address.searchParams.getAll(name).join("\n") === values.join("\n")) continue;
    address.searchParams.delete(name);
    for (const value of values) address.searchParams.append(name, value);
    address.searchParams.sort(); // as Streamlit does
    replace(history.state, "", address.href);
  }
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(mend, QUIET);
}

function act() {
  acted = true;
  clearTimeout(timer);
  before ??= location.search;
  if (told) timer = setTimeout(() => location.search === before && mend(), AGAIN);
}

addEventListener("explainer-answer", ({ detail }) => {
  told = detail;
  before = null;
  wait();
});
addEventListener("popstate", () => ((before = null), clearTimeout(timer)));

// The way to another language leads to the page as it stands.
function lead({ target }) {
  const way = target.closest?.(".languages a");
  if (!way) return;
  const address = new URL(location.href);
  address.searchParams.set("lang", way.lang);
  if (way.lang === "en") address.searchParams.delete("lang");
  way.href = address.href;
}
for (const one of ["pointerdown", "focusin", "click"]) addEventListener(one, lead, { capture: true, passive: true });
for (const one of ["pointerdown", "keydown", "click"]) addEventListener(one, act, { capture: true, passive: true });

// The projector view: shows one section at a time, and goes on and back by the keys that a presenter's remote sends.
const TAKE = "take-it-with-you";
const TYPED = "textarea, [contenteditable], input:not([type=range], [type=radio], [type=checkbox])";
const PRESSED = "a, button, summary, label, input, [role=slider], [role=radio]";

let told = null; // what the server has told last, by way of live.js
let shown = ""; // the section on the screen
const style = document.head.appendChild(document.createElement("style"));

const screens = () => {
  const isShort = document.body.dataset.route === "short";
  return told.sections.filter((slug) => slug !== TAKE && !(isShort && told.beyond.includes(slug)));
};

// Streamlit rewrites the address and drops the section at first; the navigation entry still has it.
const opened = new URL(performance.getEntriesByType("navigation")[0]?.name ?? location.href).hash;
const asked = () => (location.hash || (shown ? "" : opened)).slice(1);

// Everything on the page that is not the section, its controls or the bar.
function show(slug) {
  if (slug === shown) return;
  shown = slug;
  const kept = [`.st-key-section-${slug}`, ".st-key-status-bar", ".st-key-controls"];
  if (slug === told.sections[0]) kept.push("h1");
  const block = '[data-testid=stMainBlockContainer] [data-testid=stVerticalBlock]:has(> * > [class*="st-key-section-"])';
  style.textContent = `${block} > ${kept.map((one) => `:not(:has(${one}))`).join("")} { display: none; }`;
  document.querySelector("[data-testid=stMain]").scrollTop = 0;
  dispatchEvent(new Event("resize")); // live.js and follow.js look again at what is in sight
}

function turn(by) {
  const main = document.querySelector("[data-testid=stMain]");
  const screen = 0.85 * main.clientHeight;
  const left = by > 0 ? main.scrollHeight - main.clientHeight - main.scrollTop : main.scrollTop;
  if (left > 8) return main.scrollBy(0, by * screen); // a section may be taller than the screen
  const next = screens()[screens().indexOf(shown) + by];
  if (!next) return;
  document.activeElement?.blur(); // or the next press would go to a control that is no longer there
  history.pushState(null, "", `#${next}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function pressed(press) {
  const { target, key, shiftKey, ctrlKey, altKey, metaKey } = press;
  const by = { PageDown: 1, PageUp: -1, " ": shiftKey ? -1 : 1 }[key];
  if (!by || ctrlKey || altKey || metaKey || !told || target.closest?.(TYPED)) return;
  if (key === " " && target.closest?.(PRESSED)) return; // there Space presses
  press.preventDefault();
  press.stopImmediatePropagation(); // a slider with the focus would move
  dispatchEvent(new Event("wheel")); // page.html holds the place of a link until the reader moves
  turn(by);
}

function follow() {
  if (!told) return;
  const known = screens();
  show(known.includes(asked()) ? asked() : known.includes(shown) ? shown : known[0]);
}

addEventListener("keydown", pressed, { capture: true });
addEventListener("hashchange", follow);
addEventListener("explainer-answer", ({ detail }) => {
  told = detail;
  follow();
});
dispatchEvent(new CustomEvent("explainer-hello"));

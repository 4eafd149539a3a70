// A press in a figure, or a drag across it, sets the controls that its axes stand for; the sliders follow.
let say = null; // how to tell the server
let told = { presses: {}, sections: [], answered: 0 }; // what it has told last, by way of live.js
let turn = 0; // of the last message
let waiting = null; // what the pointer has come to while an answer is awaited
let awaits = false;
let down = null; // the figure in which the pointer is down

const figureOf = (element) => element.closest?.("[data-testid=stVegaLiteChart][data-press]");

// The values under the pointer by control: Vega keeps the item of its scene at each element of the SVG.
function valuesAt(element, figure) {
  const datum = element.__data__?.datum;
  const fields = Object.entries(told.presses[figure.getAttribute("aria-label")] ?? {});
  if (!datum || !fields.every(([field]) => Number.isFinite(datum[field]))) return null;
  return Object.fromEntries(fields.map(([field, name]) => [name, String(datum[field])]));
}

function send(values) {
  waiting = awaits ? values : null;
  if (awaits) return;
  awaits = true;
  turn += 1;
  say("pressed", { values, turn });
}

function point({ target }) {
  if (!down || figureOf(target) !== down) return;
  const values = valuesAt(target, down);
  if (!values) return;
  document.body.dataset.pressed = "true"; // the hint has done its work
  send(values);
}

function press(event) {
  if (event.button) return;
  down = figureOf(event.target);
  point(event);
}

// Which figures can be pressed, and what a press sets.
function mark() {
  for (const [title, fields] of Object.entries(told.presses))
    for (const figure of document.querySelectorAll(`[data-testid=stVegaLiteChart][aria-label="${title}"]`))
      figure.dataset.press = `Press in the figure to set ${Object.values(fields).join(" and ")}.`;
}

let listening = false;
export default function ({ data, setTriggerValue }) {
  say = setTriggerValue;
  told = data;
  mark();
  if (data.turn >= turn) {
    awaits = false;
    if (waiting) send(waiting);
  }
  if (listening) return;
  listening = true;
  addEventListener("pointerdown", press, { passive: true });
  addEventListener("pointerover", point, { passive: true });
  for (const over of ["pointerup", "pointercancel"]) addEventListener(over, () => (down = null), { passive: true });
  addEventListener("explainer-answer", mark);
}

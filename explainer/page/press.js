// A press in a figure, or a drag across it, sets the controls that its axes stand for; the sliders follow.
let say = null; // how to tell the server
let presses = {}; // the controls that a press sets, by field of the mark under the pointer, by the figure's title
let turn = 0; // of the last message
let waiting = null; // what the pointer has come to while an answer is awaited
let awaits = false;
let down = null; // the figure in which the pointer is down

const figureOf = (element) => {
  const figure = element.closest?.("[data-testid=stVegaLiteChart]");
  return figure && presses[figure.getAttribute("aria-label")] ? figure : null;
};

// The values under the pointer by control: Vega keeps the item of its scene at each element of the SVG.
function valuesAt(element, figure) {
  const datum = element.__data__?.datum;
  const fields = Object.entries(presses[figure.getAttribute("aria-label")]);
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
  const figure = figureOf(target);
  if (!figure) return;
  const values = valuesAt(target, figure);
  figure.style.cursor = values ? "crosshair" : "";
  if (values && down === figure) send(values);
}

function press(event) {
  if (event.button) return;
  down = figureOf(event.target);
  point(event);
}

let listening = false;
export default function ({ data, setTriggerValue }) {
  say = setTriggerValue;
  presses = data.presses;
  if (data.turn >= turn) {
    awaits = false;
    if (waiting) send(waiting);
  }
  if (listening) return;
  listening = true;
  const options = { capture: true, passive: true };
  addEventListener("pointerdown", press, options);
  addEventListener("pointerover", point, options);
  for (const over of ["pointerup", "pointercancel"]) addEventListener(over, () => (down = null), options);
}

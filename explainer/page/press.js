// What a reader presses in a figure, or drags by its grip, sets controls; the sliders follow. See hands.py.
const AGAIN = 5000; // milliseconds without an answer after which the page says the next value all the same
const DOUBLES = 40; // pixels beyond the end of an axis after which the value is one axis further away

let say = null; // how to tell the server
let hands = {}; // what the pointer can do in a figure, by its title
let sections = []; // of the page, by their slugs
let turn = 0; // of the last message
let asked = -Infinity; // when it was sent
let waiting = null; // what the pointer has come to while an answer is awaited
let awaits = false;
let down = null; // the figure in which a press goes on

const handOf = (figure) => hands[figure.getAttribute("aria-label")];
const figureOf = (element) => {
  const figure = element.closest?.("[data-testid=stVegaLiteChart]");
  return figure && handOf(figure) ? figure : null;
};
const isInSight = (slug) => {
  const box = document.querySelector(`.st-key-section-${slug}`)?.getBoundingClientRect();
  return box?.height && box.bottom > 0 && box.top < innerHeight;
};

// Whether whoever listens has prevented the event's default.
const tell = (name, detail) => !dispatchEvent(new CustomEvent(name, { cancelable: true, detail }));

function send(values) {
  waiting = awaits && performance.now() - asked < AGAIN ? values : null;
  if (waiting) return;
  awaits = true;
  document.body.dataset.awaits = "press";
  asked = performance.now();
  turn += 1;
  say("pressed", { values, turn, sections: sections.filter(isInSight) });
}

function answered({ detail }) {
  sections = detail.sections;
  if (detail.pressed < turn) return;
  awaits = false;
  delete document.body.dataset.awaits;
  if (waiting) send(waiting);
}

// --- a mark that is pressed ------------------------------------------------------------------------------------------

// The values under the pointer by control: Vega keeps the item of its scene at each element of the SVG.
function valuesAt(element, { sets }) {
  const datum = element.__data__?.datum;
  if (!datum || !sets?.every(([field]) => Number.isFinite(datum[field]))) return null;
  return Object.fromEntries(sets.map(([field, name]) => [name, datum[field]]));
}

// --- a grip that is dragged ------------------------------------------------------------------------------------------

const GRIP = "[class*='grip_']";
let drag = null; // {figure, view, name, scale, ends, goesBeyond, offset, value, said}

function signalOf(view, name) {
  try {
    return view.signal(name);
  } catch {
    return undefined; // the drawing has no such parameter
  }
}

// Where the pointer is along the plot, in its own pixels.
function alongX({ clientX, clientY }, figure) {
  const plot = figure.querySelector(GRIP).getScreenCTM().inverse();
  return new DOMPoint(clientX, clientY).matrixTransform(plot).x;
}

function take(event, figure) {
  const { datum, mark } = event.target.__data__;
  const { control: name, field } = handOf(figure);
  const view = mark.group.context.dataflow;
  const scale = view.scale("x").copy();
  const goesBeyond = signalOf(view, "held_x") !== undefined;
  const offset = alongX(event, figure) - scale(datum[field]);
  drag = { figure, view, name, scale, ends: view.signal("ends_x"), goesBeyond, offset };
  hold(true);
  document.body.dataset.dragging = name;
  tell("explainer-point", { name, isDown: true });
}

// The axes keep room for what they show, so that they stand still under the pointer.
function hold(holds) {
  for (const axis of ["x", "y"])
    if (signalOf(drag.view, `held_${axis}`) !== undefined)
      drag.view.signal(`held_${axis}`, holds ? drag.view.signal(`ends_${axis}`) : null);
  drag.view.runAsync();
}

function valueUnder(event) {
  const x = alongX(event, drag.figure) - drag.offset;
  const [low, high] = drag.ends;
  const [first, last] = drag.ends.map((end) => drag.scale(end));
  const beyond = Math.max(first - x, x - last);
  if (beyond <= 0) return drag.scale.invert(x);
  const further = drag.goesBeyond ? (high - low) * (2 ** (beyond / DOUBLES) - 1) : 0;
  return x > last ? high + further : low - further;
}

function moved(event) {
  if (!drag) return;
  const value = valueUnder(event);
  if (value === drag.value) return;
  drag.value = value;
  if (tell("explainer-thumb", { name: drag.name, value })) return; // drawn from a sweep
  drag.said = value;
  send({ [drag.name]: value });
}

function letGo() {
  down = null;
  if (!drag) return;
  if (drag.value !== drag.said) send({ [drag.name]: drag.value });
  hold(false);
  drag = null;
  delete document.body.dataset.dragging;
  tell("explainer-rest");
}

// --- the pointer -----------------------------------------------------------------------------------------------------

function point({ target }) {
  const figure = figureOf(target);
  if (!figure || drag) return;
  const hand = handOf(figure);
  const isGrip = hand.control && target.closest(GRIP);
  const values = valuesAt(target, hand);
  figure.style.cursor = isGrip ? "ew-resize" : values ? (hand.goes_on ? "crosshair" : "pointer") : "";
  if (isGrip) tell("explainer-point", { name: hand.control });
  if (values && down === figure) send(values);
}

function press(event) {
  const figure = figureOf(event.target);
  if (event.button || !figure) return;
  const hand = handOf(figure);
  if (hand.control) return event.target.closest(GRIP) && take(event, figure);
  down = figure;
  point(event);
  if (!hand.goes_on) down = null;
}

let listening = false;
export default function ({ data, setTriggerValue }) {
  say = setTriggerValue;
  hands = data.hands;
  document.body.dataset.grips = [...new Set(Object.values(hands).map(({ control }) => control ?? ""))].join(" ");
  if (listening) return;
  listening = true;
  const options = { capture: true, passive: true };
  addEventListener("pointerdown", press, options);
  addEventListener("pointerover", point, options);
  addEventListener("pointermove", moved, options);
  for (const over of ["pointerup", "pointercancel"]) addEventListener(over, letGo, options);
  addEventListener("explainer-answer", answered);
  tell("explainer-hello");
}

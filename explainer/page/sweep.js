// Draws the figures in sight while a slider moves, from tables that the server has sent ahead: see sweep.py.
const REST = 80; // milliseconds that the pointer rests on a slider before its sweep is asked for
const TRIES = 6; // times that a sweep is asked for again: another reader's same one may be on its way
const AGAIN = 3000; // milliseconds after which a sweep that has not come is asked for again

let ask = null; // how to ask the server for a sweep
let sweep = null; // {name, sections, at, values, charts, texts, partial: whether figures of these sections are left out}
let page = { sections: [], sliders: {}, at: {} }; // what the server has told last, by way of live.js
let asked = { what: "", at: -Infinity, count: 0, failed: 0 };

const section = (slug) => document.querySelector(`.st-key-section-${slug}`);
const isInSight = (slug) => {
  const box = section(slug)?.getBoundingClientRect();
  return box?.height && box.bottom > 0 && box.top < innerHeight;
};
const inSight = () => page.sections.filter(isInSight);
const keyOf = (element) => Object.keys(page.sliders).find((key) => element?.closest?.(`.st-key-${key}`));
const sliderOf = (element) => page.sliders[keyOf(element)];
const textAt = (key) => document.querySelector(`.st-key-${key} [aria-valuetext]`)?.getAttribute("aria-valuetext");

// --- the sweep ---------------------------------------------------------------------------------------------------

// The first bytes of all numbers stand first, then their second bytes, and so on.
function together(bytes) {
  const count = bytes.length / 8;
  const numbers = new Uint8Array(bytes.length);
  for (let i = 0; i < 8; i += 1)
    for (let at = i, from = i * count, end = from + count; from < end; at += 8, from += 1) numbers[at] = bytes[from];
  return new Float64Array(numbers.buffer);
}

async function unpacked(bytes) {
  const whole = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(whole).arrayBuffer();
  const length = new Uint32Array(buffer, 0, 1)[0];
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  header.floats = together(new Uint8Array(buffer, 8 + length, 8 * header.numbers));
  header.codes = new Uint16Array(buffer, 8 + length + 8 * header.numbers);
  header.place = new Map(header.values.map((text, place) => [text, place]));
  for (const { datasets } of header.charts)
    for (const dataset of Object.values(datasets)) {
      const { rows } = dataset;
      let sum = 0;
      dataset.begins = header.values.map((_, i) => ((sum += i && (rows[i - 1] ?? rows)), sum));
    }
  return header;
}

// The rows of a dataset at one value, as Streamlit would hand them to Vega.
function rowsOf({ rows, columns, begins }, place) {
  const begin = begins[place];
  const made = Array.from({ length: rows[place] ?? rows }, () => ({}));
  for (const [name, { same, floats, words, codes }] of Object.entries(columns))
    made.forEach((row, i) => {
      if (same) row[name] = same[i];
      else if (words) row[name] = words[sweep.codes[codes + begin + i]];
      else {
        const number = sweep.floats[floats + begin + i];
        row[name] = Number.isNaN(number) ? null : number;
      }
    });
  return made;
}

let valid = null; // whether the sweep fits the page, as far as it is known: to look at each move takes time
const isValid = () => (valid ??= fits());
const fits = () =>
  sweep &&
  Object.entries(sweep.at).every(([name, text]) => name === sweep.name || page.at[name] === text) &&
  inSight().every((slug) => sweep.sections.includes(slug));

// --- a chart that Streamlit has made -----------------------------------------------------------------------------

// Vega keeps the item of the scene at each element of the SVG, and that leads to the view.
function viewOf(chart) {
  if (chart.svg?.isConnected) return chart.view;
  const charts = section(chart.section)?.querySelectorAll("[data-testid=stVegaLiteChart]") ?? [];
  const named = [...charts].find((one) => one.getAttribute("aria-label") === chart.title);
  chart.svg = named?.querySelector("svg.marks");
  const elements = chart.svg?.getElementsByTagName("path") ?? [];
  chart.view = null;
  for (let i = 0; i < elements.length && !chart.view; i += 1)
    chart.view = elements[i].__data__?.mark?.group?.context?.dataflow;
  return chart.view;
}

const holds = new WeakMap(); // what is drawn from a sweep, by view
const held = new Set(); // the views of which something is

// From now on what Streamlit hands to the view replaces what was there. While a slice is shown it waits.
function holdOf(view) {
  let hold = holds.get(view);
  if (hold) return hold;
  view.logLevel(1); // errors only: an empty dataset is worth a warning at each picture, and that takes time
  const [put, remove] = [view.data.bind(view), view.remove.bind(view)];
  hold = { put, given: new Map(), shown: new Set() };
  const take = (name, rows) => {
    hold.given.set(name, rows);
    if (!hold.shown.has(name)) put(name, rows);
    return view;
  };
  view.data = (name, rows) => (rows === undefined ? put(name) : take(name, rows));
  view.insert = take; // Streamlit inserts only where it has put nothing before
  view.remove = (name, what) => (hold.given.has(name) ? take(name, []) : remove(name, what));
  holds.set(view, hold);
  return hold;
}

const fresh = (rows) => rows.map((row) => Object.fromEntries(Object.entries(row)));

function drawChart(chart, place) {
  const view = viewOf(chart);
  const hold = holdOf(view);
  for (const [name, dataset] of Object.entries(chart.datasets)) {
    if (!hold.given.has(name)) hold.given.set(name, fresh(view.data(name)));
    hold.shown.add(name);
    hold.put(name, rowsOf(dataset, place));
  }
  held.add(view);
  redraw(view);
}

// Only a chart that fits its numbers' labels into its width has to be laid out anew; a map would take long for it.
function redraw(view) {
  const { type } = view.signal("autosize") ?? {};
  (type?.startsWith("fit") ? view.resize() : view).runAsync();
}

// --- a text that Streamlit has made ------------------------------------------------------------------------------

// The nodes in which these pieces of text stand, one after the other.
function nodesOf(root, run) {
  const pieces = run.map((piece) => piece.trim()).filter(Boolean);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let found = [];
  while (walker.nextNode()) {
    const said = walker.currentNode.nodeValue.trim();
    if (!said) continue;
    if (said !== pieces[found.length]) found = [];
    if (said === pieces[found.length]) found.push(walker.currentNode);
    if (found.length === pieces.length) return found;
  }
  return null;
}

function drawText(text, place) {
  const pieces = text.runs[place].map((piece) => piece.trim()).filter(Boolean);
  if (!text.nodes?.every((node) => node.isConnected)) {
    const root = text.section === "everywhere" ? document.body : section(text.section);
    text.nodes = root && nodesOf(root, text.runs[sweep.place.get(page.at[sweep.name])] ?? []);
  }
  if (!text.nodes) return;
  const fits = text.nodes.length === pieces.length;
  const block = text.nodes[0].parentElement.closest("p, ul, [data-testid=stMarkdownContainer]");
  block?.toggleAttribute("data-behind", !fits);
  if (!fits) return;
  text.nodes.forEach((node, i) => {
    const [before, after] = [node.nodeValue.match(/^\s*/)[0], node.nodeValue.match(/\s*$/)[0]];
    const now = before + pieces[i] + after;
    if (node.nodeValue !== now) node.nodeValue = now;
  });
}

// --- one picture a frame -----------------------------------------------------------------------------------------

let target = null; // the place in the sweep of the value under the thumb
let follows = false; // whether the sweep has drawn that; if not, what it has drawn last stays until the server answers
let drawn = null; // the place of the last picture
let waits = false; // whether a picture has been drawn in this frame

function draw() {
  drawn = target;
  document.body.dataset.swept = "true";
  for (const chart of sweep.charts.filter(viewOf)) drawChart(chart, drawn);
  for (const text of sweep.texts) drawText(text, drawn);
}

function follow() {
  if (waits || target === drawn) return;
  waits = true;
  draw();
  requestAnimationFrame(() => {
    waits = false;
    if (sweep && target !== null) follow();
  });
}

// What the server has sent takes the place of the slices, and looks the same.
function release() {
  for (const view of held) {
    const hold = holds.get(view);
    const names = [...hold.shown];
    hold.shown.clear();
    for (const name of names) hold.put(name, fresh(hold.given.get(name)));
    redraw(view);
  }
  held.clear();
  for (const one of document.querySelectorAll("[data-behind]")) one.removeAttribute("data-behind");
  target = drawn = null;
  delete document.body.dataset.swept;
}

// --- what the reader does ----------------------------------------------------------------------------------------

let moving = null; // the control whose slider is dragged, or moved by a key that is held
let under = {}; // what has moved last: {key} of a slider, as a control may have two, or {value} of a grip in a figure
let last = {}; // what the sweep has followed last, in the same way
let over = ""; // the slider under the pointer
let rest = null; // a timer

function want(name) {
  if (!name || moving) return;
  valid = null;
  const sections = inSight();
  const what = JSON.stringify([name, sections, { ...page.at, [name]: "" }]);
  if (sweep?.name === name && isValid()) return;
  if (what === asked.what && performance.now() - asked.at < AGAIN) return;
  asked = { what, at: performance.now(), count: asked.count + 1, failed: what === asked.what ? asked.failed : 0 };
  ask("wanted", { name, sections, count: asked.count });
}

// The value under the pointer, as the server writes it.
function textUnder({ key, value } = under) {
  if (key) return textAt(key);
  const apart = (text) => Math.abs(Number(text) - value);
  return sweep?.values.reduce((best, text) => (apart(text) < apart(best) ? text : best));
}

const isGrip = (element) => element.closest?.("[class*='grip_']"); // of which press.js tells

function pointed({ target: element }) {
  if (!isGrip(element)) comesTo(sliderOf(element) ?? "");
}

function comesTo(name) {
  if (name === over) return;
  over = name;
  rests(name);
}

// The pointer is on a grip, or takes it.
function gripped({ detail: { name, isDown } }) {
  if (isDown) want(name);
  else comesTo(name);
}

function rests(name) {
  clearTimeout(rest);
  if (name) rest = setTimeout(() => want(name), REST);
}

// Whatever else the reader does may change what the sweep was made of.
function elsewhere({ target: element }) {
  if (isGrip(element)) return;
  if (sliderOf(element)) want(sliderOf(element));
  else if (sweep) {
    release();
    sweep = valid = null;
    asked.what = "";
  }
}

// A slider has another value under its thumb, or a grip another under the pointer: drawn from the sweep, or not.
function thumbMoved(event) {
  under = event.detail;
  moving = under.name;
  const text = sweep?.name === moving ? textUnder() : null;
  follows = text !== null && isValid() && sweep.place.has(text) && sweep.charts.every(viewOf);
  if (!follows) {
    if (target !== null && text === page.at[moving]) putBack(); // the server will not be asked
    return;
  }
  target = sweep.place.get(text);
  last = under;
  follow();
  if (!sweep.partial) event.preventDefault(); // nobody need ask the server
}

function putBack() {
  for (const text of sweep.texts) drawText(text, sweep.place.get(page.at[sweep.name]));
  release();
}

function thumbRests() {
  moving = valid = null;
  settle();
}

// When the server has answered for the value under the thumb, its own tables may be seen again; while the sweep follows
// the thumb, not before that rests.
function settle() {
  if (target === null || !sweep) return;
  if (!(follows && moving) && page.at[sweep.name] === textUnder(last)) release();
  else for (const text of sweep.texts) drawText(text, target); // an answer that is overtaken
}

function arrived(one) {
  if (target !== null) release();
  sweep = one;
  valid = null;
  document.body.dataset.sweep = one.name;
  if (moving === one.name) thumbMoved(new CustomEvent("explainer-thumb", { detail: under }));
}

// The server had no time for it, or there is none. Asked for again, some times, where the reader still is.
function failed() {
  asked.failed += 1;
  if (asked.failed > TRIES) return;
  setTimeout(() => {
    asked.at = -Infinity;
    want(over || sliderOf(document.activeElement));
  }, AGAIN / 3);
}

let listening = false;
export default function ({ data, setTriggerValue }) {
  ask = setTriggerValue;
  if (!listening) {
    listening = true;
    const options = { capture: true, passive: true };
    addEventListener("pointerover", pointed, options);
    // a moment later: what is in sight is said first
    addEventListener("focusin", ({ target: element }) => rests(sliderOf(element)), options);
    addEventListener("pointerdown", elsewhere, options);
    addEventListener("explainer-point", gripped);
    addEventListener("explainer-thumb", thumbMoved);
    addEventListener("explainer-rest", thumbRests);
    for (const other of ["scroll", "resize"]) addEventListener(other, () => (valid = null), options);
    addEventListener("explainer-answer", ({ detail }) => {
      page = detail;
      valid = null;
      settle();
    });
    dispatchEvent(new CustomEvent("explainer-hello"));
  }
  if (data?.length) unpacked(data).then(arrived);
  else if (asked.what) failed();
}

// Tells the server what it cannot know by itself: which sections are in sight or near, what value of a dragged slider is
// under the pointer, and when the reader pauses.
let say = null; // how to tell the server: {state, event}
// what the server has told last
let known = {
  controls: [], sliders: {}, slow: [], sections: [], answered: 0, told: 0, awaited: {}, late: [], drawn: [], patience: 0,
};

const AGAIN = 5000; // milliseconds without an answer after which the page asks again

const section = (slug) => document.querySelector(`.st-key-section-${slug}`);
const within = (slug, screens) => {
  const box = section(slug)?.getBoundingClientRect();
  return box?.height && box.bottom > -screens * innerHeight && box.top < (1 + screens) * innerHeight;
};
const inSight = (slug) => within(slug, 0);

// --- a slider that moves ----------------------------------------------------------------------------------------

// Whoever has drawn all that moves with the thumb (sweep.js) says so by preventing the event's default. Otherwise, while
// the pointer is down, the server is asked: at most one message is on its way, and what the pointer passes meanwhile is
// skipped.
let watched = null; // {name, key, thumb, observer}: the slider that has the focus or is under the pointer that is down
let drag = null; // {first: text at the start, sent: last text sent, at: when}
let turn = 0; // of the last message
let held = false; // whether a key repeats, so that the next move is on its way

const text = () => watched.thumb.getAttribute("aria-valuetext");

function isDrawn() {
  const detail = { name: watched.name, key: watched.key };
  return !dispatchEvent(new CustomEvent("explainer-thumb", { cancelable: true, detail }));
}

function send(isLast = false) {
  if (!drag || text() === drag.sent) return;
  if (known.slow.includes(watched.name)) return; // an answer takes too long to follow the pointer
  if (!isLast && known.answered < turn && performance.now() - drag.at < AGAIN) return;
  drag.sent = text();
  drag.at = performance.now();
  turn += 1;
  say.event("moved", { name: watched.name, text: drag.sent, sections: known.sections.filter(inSight), turn });
}

function watch(element) {
  const key = Object.keys(known.sliders).find((one) => element.closest?.(`.st-key-${one}`));
  const thumb = key && document.querySelector(`.st-key-${key} [aria-valuetext]`);
  if (!thumb) return false;
  if (watched?.thumb === thumb) return true;
  watched?.observer.disconnect();
  const observer = new MutationObserver(() => {
    if ((drag || pressing) && !isDrawn()) send();
  });
  watched = { name: known.sliders[key], key, thumb, observer };
  observer.observe(thumb, { attributes: true, attributeFilter: ["aria-valuetext"] });
  return true;
}

function begin({ target }) {
  if (!watch(target)) return;
  known.answered = turn; // do not wait for the answer to an earlier drag
  drag = { first: text(), sent: text() };
}

function end() {
  if (!drag) return;
  // Streamlit's slider says nothing if it is let go where it began, but the figures have to come back.
  if (text() === drag.first && !isDrawn()) send(true);
  drag = null;
  rest();
}

let pressing = false; // whether a key is down
function rest() {
  held = pressing = false;
  dispatchEvent(new CustomEvent("explainer-rest"));
}

// --- what is in sight answers first; the page asks for the rest when that is painted and the reader pauses -----------

let sight = null; // the sections in sight, as the server knows them
let heard = 0; // the last value of the server's that it knows to have been heard of
let taken = 0; // the last one that has been; a slider takes its value over some moments after the server has told
let pause = null; // a timer
let asked = 0; // how often the page has asked for the rest
let unanswered = 0; // how often since the last answer
const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));

const stands = ([key, text]) => {
  const thumb = document.querySelector(`.st-key-${key} [aria-valuetext]`);
  return !thumb || thumb.getAttribute("aria-valuetext") === text;
};

function hasTaken() {
  if (taken !== known.told && Object.entries(known.awaited).every(stands)) taken = known.told;
  return taken;
}

function askForTheRest() {
  if (!known.late.length) return;
  if (drag || held) return wait(known.patience);
  asked += 1;
  unanswered += 1;
  heard = hasTaken();
  say.event("pause", { sections: known.sections.filter(inSight), asked, heard });
  wait(AGAIN * 2 ** (unanswered - 1)); // each message ends the run that the server is at
}

function wait(milliseconds) {
  clearTimeout(pause);
  pause = setTimeout(() => whenIdle(askForTheRest, { timeout: 500 }), milliseconds);
}

function pressed({ repeat }) {
  held = repeat;
  pressing = true;
  if (known.late.length) wait(known.patience);
}

function mark() {
  for (const slug of known.sections) {
    if (!known.late.includes(slug)) section(slug)?.removeAttribute("aria-busy");
    else if (!inSight(slug)) section(slug)?.setAttribute("aria-busy", "true");
  }
}

// Sent before a control moves: of two messages that this component sends at once, Streamlit delays the second. It says
// too which values that the server has put widgets at have come: see values.py.
function look() {
  const now = known.sections.filter(inSight);
  if (now.join() === sight && hasTaken() === heard) return;
  sight = now.join();
  heard = hasTaken();
  say.state("sight", { sections: now, heard });
}

function touched({ target }) {
  if (isControl(target) || heard !== hasTaken()) look();
}

// --- a section's parts are drawn when the reader first comes within a screen of it ------------------------------------

let everything = false; // whether every section is wanted, as on paper
const isNear = (slug) => everything || within(slug, 1);
let approached = []; // sections that the server knows to be near and has not drawn yet
let patient = null; // a timer

// A state, not an event: the browser keeps it, so a server that has been restarted draws the same sections again.
function approach() {
  const near = known.sections.filter((slug) => section(slug) && !known.drawn.includes(slug) && isNear(slug));
  if (near.every((slug) => approached.includes(slug))) return;
  approached = near;
  say.state("near", { sections: [...known.drawn, ...near] });
  clearTimeout(patient);
  patient = setTimeout(() => {
    approached = [];
    approach();
  }, AGAIN);
}

const isControl = (element) => known.controls.some((one) => element?.closest?.(`.st-key-${one}`));

let scrolling = null;
function scrolled() {
  approach();
  hurry();
  clearTimeout(scrolling);
  scrolling = setTimeout(() => isControl(document.activeElement) && look(), 150);
}

function hurry() {
  if (known.late.some((slug) => inSight(slug) && section(slug).ariaBusy === "true")) wait(0);
}

const tell = () => dispatchEvent(new CustomEvent("explainer-answer", { detail: known }));

let listening = false;
export default function ({ data, setTriggerValue, setStateValue }) {
  say = { event: setTriggerValue, state: setStateValue };
  known = { ...data };
  unanswered = 0;
  const isFirst = !listening;
  if (isFirst) {
    listening = true;
    document.body.dataset.listening = "true";
    const options = { capture: true, passive: true };
    for (const act of ["pointerdown", "focusin", "keydown"]) addEventListener(act, touched, options);
    addEventListener("pointerdown", begin, options);
    for (const over of ["pointerup", "pointercancel"]) addEventListener(over, end, options);
    addEventListener("keydown", pressed, options);
    addEventListener("focusin", ({ target }) => watch(target), options);
    for (const over of ["keyup", "blur"]) addEventListener(over, rest, options);
    addEventListener("explainer-hello", tell);
    addEventListener("scroll", scrolled, options);
    addEventListener("beforeprint", () => ((everything = true), approach()), options);
    addEventListener("resize", () => approach(), options);
    // a fold that closes brings sections nearer
    new ResizeObserver(() => approach()).observe(document.querySelector("[data-testid=stMainBlockContainer]"));
  }
  mark();
  approach();
  // where the address says embed=true the server knows
  if (isFirst && window !== top && !/[?&]embed=true/i.test(location.search)) say.state("framed", { isFramed: true });
  clearTimeout(pause);
  if (known.late.length) wait(known.patience);
  tell();
  requestAnimationFrame(() => drag && !isDrawn() && send());
}

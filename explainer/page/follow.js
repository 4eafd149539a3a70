// The page follows the reader: in the sidebar the controls that move what is in sight stand open, the others are folded
// away under the title of their group; the bar that stays says where the reader is, and what comes next.
let told = null; // what the server has told last, by way of live.js
let read = ""; // the section that the reader has before the eyes
let waits = false;

const section = (slug) => document.querySelector(`.st-key-section-${slug}`);

// The last that begins above the middle of the window.
function reading() {
  const begun = told.sections.filter((slug) => {
    const box = section(slug)?.getBoundingClientRect();
    return box?.height && box.top < innerHeight / 2;
  });
  return begun.at(-1) ?? told.sections[0];
}

// --- the sidebar -------------------------------------------------------------------------------------------------

const isBusy = (control) => control.contains(document.activeElement);

const controls = new WeakMap(); // their names, by the blocks around them
function nameOf(block) {
  if (controls.has(block)) return controls.get(block);
  const name = Object.keys(told.at).find((one) => block.querySelector(`.st-key-${one}`));
  if (!name) return null; // a title has none, and a block may be empty yet
  controls.set(block, name);
  const hasPills = block.querySelector("[data-testid=stButtonGroup]") !== null;
  block.toggleAttribute("data-pills", hasPills);
  block.toggleAttribute("data-slider", !hasPills);
  block.toggleAttribute("data-narrow", !hasPills && name !== "f");
  return name;
}

// The controls that move the figures in sight; those of the whole section while none of them is.
function movingNow() {
  const figures = told.reads[read] ?? {};
  const charts = section(read)?.querySelectorAll("[data-testid=stVegaLiteChart]") ?? [];
  const inSight = [...charts].filter((chart) => {
    const { top, bottom, height } = chart.getBoundingClientRect();
    return Math.min(bottom, innerHeight) - Math.max(top, 0) > height / 2;
  });
  const named = inSight.map((chart) => figures[chart.getAttribute("aria-label")]).filter(Boolean);
  const counts = (names) => names.filter((name) => !names.includes(told.idle[name]));
  return new Set((named.length ? named : Object.values(figures)).flatMap(counts));
}

function fold() {
  const moving = movingNow();
  for (const group of document.querySelectorAll("[class*='st-key-group-']")) {
    const away = [];
    let shown = 0;
    for (const block of group.children) {
      const name = nameOf(block);
      if (!name) continue;
      const isAway = !moving.has(name) && !isBusy(block);
      block.toggleAttribute("data-away", isAway);
      if (isAway) away.push(`${name} ${told.at[name]}`);
      else shown += 1;
    }
    const summary = group.querySelector("summary");
    group.parentElement.toggleAttribute("data-group", true);
    if (summary) summary.dataset.values = away.join(" · ");
    group.firstElementChild.toggleAttribute("data-holds", away.length > 0);
    group.parentElement.toggleAttribute("data-folded", !shown);
  }
}

// --- the bar that stays ------------------------------------------------------------------------------------------

const WHERE = "{at} of {count}"; // sections

function say() {
  const isShort = document.body.dataset.route === "short";
  const links = [...document.querySelectorAll(`.contents ol li${isShort ? ":not([data-beyond])" : ""} a`)];
  const slugs = links.map((link) => link.hash.slice(1));
  const at = slugs.indexOf(read);
  const summary = document.querySelector(".contents > summary");
  const where = explainerSay(WHERE);
  if (summary) summary.dataset.where = at < 0 ? "" : where.replace("{at}", at + 1).replace("{count}", slugs.length);
  for (const link of links) link.removeAttribute("aria-current");
  links[at]?.setAttribute("aria-current", "true");
  sayWhatIsInSight(links[at]?.textContent ?? "");
  for (const [name, place] of [["previous", at - 1], ["next", at + 1]]) {
    const step = document.querySelector(`.step.${name}`);
    if (!step) continue;
    step.toggleAttribute("data-none", place < 0 || place >= slugs.length);
    if (slugs[place]) {
      step.setAttribute("href", `#${slugs[place]}`); // setting step.hash would write out the address, which moves on
      step.title = `${place + 1}. ${links[place].textContent}`;
    }
  }
}

// Where no figure is about the two cells, the line that stays says what there is instead.
function sayWhatIsInSight(title) {
  const bar = document.querySelector(".st-key-status-bar");
  const isOfTheCells = Object.values(told.reads[read] ?? {}).some((names) => names.includes("w") || names.includes("f"));
  const said = isOfTheCells || !title ? "" : (section(read)?.querySelector(".says")?.textContent ?? title);
  if (!bar || (bar.dataset.says ?? "") === said) return;
  if (said) bar.dataset.says = said;
  else delete bar.dataset.says;
}

// --- the short route ---------------------------------------------------------------------------------------------

const ROUTE = "explainer-route"; // where the browser keeps the reader's choice, for this visit

function choose(route) {
  document.body.dataset.route = route;
  try {
    sessionStorage.setItem(ROUTE, route);
  } catch {
    // an iframe may not be allowed to keep anything
  }
}

function kept() {
  try {
    return sessionStorage.getItem(ROUTE);
  } catch {
    return null;
  }
}

function markBeyond() {
  for (const slug of told.beyond) section(slug)?.setAttribute("data-beyond", "");
  for (const link of document.querySelectorAll(".contents ol a"))
    link.closest("li").toggleAttribute("data-beyond", told.beyond.includes(link.hash.slice(1)));
  if (document.body.dataset.route) return;
  document.body.dataset.route = kept() ?? "whole";
  arrived();
}

// Who follows a link to a section wants to see it.
function arrived() {
  if (told?.beyond.includes(location.hash.slice(1))) choose("whole");
}

function turned(event) {
  if (!event.target.closest?.(".route")) return;
  event.preventDefault();
  choose(document.body.dataset.route === "short" ? "whole" : "short");
  soon();
}

// Streamlit calls a named region a presentation, which would hide its name; an uploader's comes late, and again.
const unnamed = new MutationObserver(name);
function name() {
  for (const one of document.querySelectorAll("[data-testid=stFileUploaderDropzone][role]")) one.removeAttribute("role");
  const changes = { childList: true, subtree: true, attributeFilter: ["role"] };
  for (const one of document.querySelectorAll("[class*='st-key-own-']")) unnamed.observe(one, changes);
}

function follow() {
  waits = false;
  if (!told) return;
  markBeyond();
  name();
  read = reading();
  fold();
  say();
}

function soon() {
  if (waits) return;
  waits = true;
  requestAnimationFrame(follow);
}

addEventListener("click", turned);
addEventListener("hashchange", arrived);
addEventListener("explainer-answer", ({ detail }) => {
  told = detail;
  soon();
});
for (const act of ["scroll", "resize", "focusout"]) addEventListener(act, soon, { capture: true, passive: true });
dispatchEvent(new CustomEvent("explainer-hello"));

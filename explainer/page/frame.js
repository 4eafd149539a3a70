// In a frame of another page: what is around the frame stays where it is, and what opens stays in sight. The server puts
// this into the document (server.py), and the page brings it again (app.py): whichever comes first does it.
const main = () => document.querySelector("[data-testid=stMain]");

// --- scrolling ---------------------------------------------------------------------------------------------------

// Browsers scroll the page around a frame too, when a script in it shows an element or gives it the focus.
const show = Element.prototype.scrollIntoView;
const focus = HTMLElement.prototype.focus;

// How far to move what lies between two edges, so that it lies at this place between two others.
const way = (place, [from, to], [first, last]) => {
  if (place === "start") return from - first;
  if (place === "end") return to - last;
  if (place === "center") return (from + to - first - last) / 2;
  return from < first ? from - first : Math.max(0, Math.min(to - last, from - first));
};

// As scrollIntoView, but it moves nothing except what scrolls within this document.
function showWithin(element, how) {
  const { block = "start", inline = "nearest" } = how === false ? { block: "end" } : Object(how);
  const { scrollMarginTop, scrollMarginBottom } = getComputedStyle(element);
  for (let box = element.parentElement; box; box = box.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(box);
    const isWindow = box === document.scrollingElement;
    if (!isWindow && /visible|clip/.test(overflowX + overflowY)) continue;
    const { top, bottom, left, right } = element.getBoundingClientRect();
    const edges = isWindow ? { top: 0, bottom: innerHeight, left: 0, right: innerWidth } : box.getBoundingClientRect();
    const span = [top - parseFloat(scrollMarginTop), bottom + parseFloat(scrollMarginBottom)];
    box.scrollTop += way(block, span, [edges.top, edges.bottom]);
    box.scrollLeft += way(inline, [left, right], [edges.left, edges.right]);
  }
}

function keepAround() {
  Element.prototype.scrollIntoView = function (how) {
    showWithin(this, how);
  };
  // The page around may follow the focus that a reader moves.
  HTMLElement.prototype.focus = function (options) {
    const isTheReaders = navigator.userActivation?.isActive ?? true;
    focus.call(this, isTheReaders ? options : { ...options, preventScroll: true });
    if (!isTheReaders && !options?.preventScroll) showWithin(this, { block: "nearest" });
  };
}

// A link to a section leaves no entry in the history. Where the frame itself has nothing to scroll, a reader who presses
// it gets there in the page around.
function go(press) {
  const link = press.target.closest?.("a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target || press.ctrlKey || press.metaKey || press.shiftKey) return;
  press.preventDefault();
  history.replaceState(history.state, "", link.hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
  const { scrollHeight, clientHeight } = main();
  if (scrollHeight > clientHeight + 1) target.scrollIntoView();
  else show.call(target);
}

// --- what opens --------------------------------------------------------------------------------------------------

// Escape closes a box in place, as it does a dialog; the focus goes back to the button.
function close({ key, target }) {
  const box = key === "Escape" && target.closest?.("[class*='st-key-in-place-']");
  const name = box && [...box.classList].find((one) => one.startsWith("st-key-in-place-"));
  const button = name && document.querySelector(`.${name.replace("in-place-", "")} button`);
  if (!button) return;
  focus.call(button);
  button.click();
}

// Streamlit's own dialogs, as that of a lost connection, stand where the reader looks: a browser tells a frame so much,
// when an observer begins. Later it tells only of steps, so while a dialog is open another one begins every so often.
const OFTEN = 200; // milliseconds
let looks = null; // a timer
const sight = new IntersectionObserver(([{ intersectionRect: { top, height } }]) => {
  document.body.style.setProperty("--seen-top", `${top}px`);
  document.body.style.setProperty("--seen-height", `${height}px`);
});

function watchDialogs() {
  clearTimeout(looks);
  sight.disconnect();
  if (!document.querySelector("body > [data-testid=stDialog]")) return;
  sight.observe(main());
  looks = setTimeout(watchDialogs, OFTEN);
}

if (window !== top && !document.body.dataset.framed) {
  document.body.dataset.framed = "true";
  keepAround();
  addEventListener("click", go);
  addEventListener("keydown", close);
  new MutationObserver(watchDialogs).observe(document.body, { childList: true });
}

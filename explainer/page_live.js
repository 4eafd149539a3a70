// Watches the sliders while they are dragged. At most one message is on its way at a time; what the pointer passes
// meanwhile is skipped, and the last value is sent when the answer is there.
let speak = null; // to the server
let drag = null; // {name, thumb, observer, first, sent}: the slider under the pointer
let turn = 0; // of the last message
let answered = 0;

const text = () => drag.thumb.getAttribute("aria-valuetext");

const inSight = (slug) => {
  const box = document.querySelector(`.st-key-section-${slug}`)?.getBoundingClientRect();
  return box && box.bottom > 0 && box.top < innerHeight;
};

let sections = [];
function send() {
  if (!drag || !speak || answered < turn || text() === drag.sent) return;
  drag.sent = text();
  turn += 1;
  speak("moved", { name: drag.name, text: drag.sent, sections: sections.filter(inSight), turn });
}

function begin(names, event) {
  const name = names.find((one) => event.target.closest?.(`.st-key-${one}`));
  const thumb = name && document.querySelector(`.st-key-${name} [aria-valuetext]`);
  if (!thumb) return;
  const observer = new MutationObserver(send);
  drag = { name, thumb, observer, first: thumb.getAttribute("aria-valuetext") };
  drag.sent = drag.first;
  observer.observe(thumb, { attributes: true, attributeFilter: ["aria-valuetext"] });
}

function end() {
  if (!drag) return;
  drag.observer.disconnect();
  // Let go where it began, the slider has nothing to say: the figures have to come back all the same.
  if (text() === drag.first) send();
  drag = null;
}

let listening = null;
export default function ({ data, setTriggerValue }) {
  speak = setTriggerValue;
  sections = data.sections;
  answered = data.answered;
  if (!listening) {
    listening = new AbortController();
    const options = { capture: true, passive: true, signal: listening.signal };
    addEventListener("pointerdown", (event) => begin(data.names, event), options);
    for (const over of ["pointerup", "pointercancel"]) addEventListener(over, end, options);
  }
  requestAnimationFrame(send);
}

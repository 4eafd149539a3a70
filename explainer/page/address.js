// Streamlit writes each value that the server sets into the address, each as an entry of its own in the browser's
// history, and without the anchor. Here one act of the reader is one entry, and the anchor stays.
const [push, replace] = [history.pushState.bind(history), history.replaceState.bind(history)];
let acted = false;

history.pushState = (state, unused, address) => {
  const whole = new URL(address ?? "", location.href);
  if (!whole.hash && whole.pathname === location.pathname) whole.hash = location.hash;
  (acted ? push : replace)(state, unused, whole.href);
  acted = false;
};

for (const act of ["pointerdown", "keydown", "click"])
  addEventListener(act, () => (acted = true), { capture: true, passive: true });

// Escape puts the meaning of a symbol away, until the pointer or the focus comes to it again.
function dismiss({ key }) {
  if (key !== "Escape") return;
  for (const symbol of document.querySelectorAll(".symbol:is(:hover, :focus-within)")) symbol.dataset.dismissed = "";
}

function again({ target }) {
  delete target.closest?.(".symbol")?.dataset.dismissed;
}

addEventListener("keydown", dismiss);
for (const left of ["pointerout", "focusout"]) addEventListener(left, again, { passive: true });

// Buttons that the site around a frame can silence: they say so, and what it has to allow.
const say = (element, said) => {
  const place = element.closest("[data-testid=stElementContainer]") ?? element.parentElement;
  let note = place.querySelector(":scope > .button-note");
  if (!note) {
    note = document.createElement("p");
    note.className = "button-note";
    note.setAttribute("role", "status");
    place.append(note);
  }
  note.textContent = said;
};

// The browser may refuse Streamlit's button the clipboard. Then the text is selected, and copied as a reader does it.
async function copy(block) {
  const text = block.querySelector("code");
  try {
    await navigator.clipboard.writeText(text.innerText);
  } catch {
    getSelection().selectAllChildren(text);
    if (document.execCommand("copy")) return say(block, explainerSay("Copied."));
    const why =
      window === top
        ? explainerSay("Over http a browser lets no button copy.")
        : explainerSay('Its frame has no allow="clipboard-write".');
    say(block, `${explainerSay("Selected: copy it with Ctrl+C or ⌘C.")} ${why}`);
  }
}

// A browser says nothing of a frame's sandbox, except that it refuses to set a domain there.
function isInSandbox() {
  const probe = document.createElement("iframe");
  probe.hidden = true;
  document.body.append(probe);
  try {
    probe.contentDocument.domain = probe.contentDocument.domain;
    return false;
  } catch {
    return true;
  } finally {
    probe.remove();
  }
}

addEventListener(
  "click",
  ({ target }) => {
    const block = target.closest?.("[data-testid=stCode]");
    if (block && target.closest("button")) copy(block);
    const file = target.closest?.("[data-testid=stDownloadButton]");
    if (file && window !== top && isInSandbox()) {
      const allow = "If nothing is saved: the site around this page has to add allow-downloads to its frame's sandbox.";
      say(file, explainerSay(allow));
    }
  },
  true,
);

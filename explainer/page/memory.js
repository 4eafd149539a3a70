// Keeps the reader's answers in the browser's own storage: see memory.py.
const STORED = `explainer-answers ${location.pathname}`;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED));
  } catch {
    return null; // an iframe may not be allowed to keep anything
  }
}

function store(answers) {
  try {
    if (Object.keys(answers).length) localStorage.setItem(STORED, JSON.stringify(answers));
    else localStorage.removeItem(STORED);
  } catch {
    // then they are gone with the page
  }
}

let asked = false;
export default function ({ data, setTriggerValue }) {
  if (data.recalls) {
    store(data.answers);
    asked = false; // a server that is started again knows nothing
  } else if (!asked && stored()) {
    asked = true;
    setTriggerValue("recalled", stored());
  }
}

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

const AGAIN = 2000; // milliseconds: a run that is overtaken by another may never have heard
let recalling = null; // a timer
export default function ({ data, setTriggerValue }) {
  if (data.recalls) {
    store(data.answers);
    clearInterval(recalling);
    recalling = null; // a server that is started again knows nothing
  } else if (!recalling && stored()) {
    const recall = () => setTriggerValue("recalled", stored());
    recalling = setInterval(recall, AGAIN);
    recall();
  }
}

// Keeps a student's answers in the browser, under the assignment's name, and gives them back after a reload.
let mine = null; // what this tab has written or read last

export default function ({ data, setTriggerValue }) {
  const { key, record, heard, turn } = data;
  const say = (kept, keeps) => setTriggerValue("kept", { record: kept ?? "", keeps, turn });
  try {
    const kept = localStorage.getItem(key);
    // what is new there comes from before, or from another tab: the server puts both together first
    if (!heard || (kept !== null && kept !== mine && kept !== record)) {
      mine = kept;
      say(kept, true);
      return;
    }
    if (kept !== record) localStorage.setItem(key, record);
    mine = record;
  } catch {
    if (!heard) say("", false); // a frame may not be allowed to keep anything
  }
}

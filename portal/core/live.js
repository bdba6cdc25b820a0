// One live stream for all tabs of this browser: the tab that holds the lock reads it, and tells the others.
import { ApiError, stream } from "./api.js";
import { EVENTS } from "./contract.js";
import { MEASUREMENT } from "./data.js";
import { reread, session, watch } from "./session.js";
import { UnreadableDocument, readDocument } from "./xml.js";

/**
 * "state": whether the stream is open and the server can read events; "opened": it has begun, `resumed` where it goes on from the last event; "reset":
 * events are missing, so what is shown has to be read again; "event": one event with its document.
 * @typedef {{ type: "state", open: boolean } | { type: "opened", resumed: boolean } | { type: "reset" } | { type: "event", name: string, document: any }} LiveMessage
 */

/** How long a first reading waits for the stream, so that nothing is missed in between and nothing is read twice. */
export const FIRST_MS = 700;
const WAITING = ": waiting"; // the server says so where it can't read events for a while
const QUIET_MS = 45_000; // the server says something every 15 seconds
const HIDDEN_MS = 30_000; // a tab that nobody sees gives the stream up after it
const PAUSES_MS = [3_000, 6_000, 12_000, 30_000];
const REFUSED_MS = 60_000;

/** @type {Set<(message: LiveMessage) => void>} */
const listeners = new Set();
let open = false;
/** The person whose stream it is, and the id of the last event. @type {{ person: number, id: string }} */
let position = { person: 0, id: "" };
/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {AbortController | null} */
let wish = null;
let hiding = 0;

/**
 * Calls `listener` for what the stream says, in this tab or another. The first call says whether it is open.
 * @param {(message: LiveMessage) => void} listener @returns {() => void}
 */
export function onLive(listener) {
  listeners.add(listener);
  listener({ type: "state", open });
  arrange();
  return () => {
    listeners.delete(listener);
    setTimeout(arrange, 1000); // the next screen may want it
  };
}

/** Whether the stream has opened, at the latest after that time. @param {number} milliseconds @returns {Promise<boolean>} */
export function opened(milliseconds) {
  return new Promise((done) => {
    const finish = () => { end(); clearTimeout(timer); done(open); };
    let timer = setTimeout(finish, milliseconds), end = () => {};
    end = onLive((it) => { if (it.type === "state" && it.open) setTimeout(finish); });
  });
}

/** Begins or ends this tab's wish to read, by who is logged in, who listens and whether the tab is seen. */
function arrange() {
  const person = session.state === "in" && !session.ending ? Number(session.person?.id) : 0;
  if (person !== position.person) become(person);
  clearTimeout(hiding);
  const wanted = person !== 0 && listeners.size > 0;
  if (!wanted) return giveUp();
  if (document.visibilityState !== "visible") hiding = setTimeout(giveUp, HIDDEN_MS);
  else if (wish === null) compete((wish = new AbortController()).signal, person);
}

function giveUp() {
  wish?.abort();
  wish = null;
}

/** @param {number} person */
function become(person) {
  giveUp();
  position = { person, id: "" };
  channel?.close();
  channel = null;
  deliver({ type: "state", open: false });
  if (person === 0) return;
  channel = new BroadcastChannel(`heartguard-stream-${person}`);
  channel.onmessage = ({ data }) => {
    if (data.type === "asked") { if (leading) channel?.postMessage({ message: { type: "state", open }, id: position.id }); }
    else take(data.message, data.id);
  };
  channel.postMessage({ type: "asked" });
}

let leading = false;

/** @param {LiveMessage} message @param {string} id of the last event */
function take(message, id) {
  if (id) position.id = id;
  deliver(message);
}

/** @param {LiveMessage} message */
function deliver(message) {
  if (message.type === "state") {
    if (message.open === open) return;
    open = message.open;
  }
  for (const listener of [...listeners]) listener(message);
}

/** Here and in the other tabs. @param {LiveMessage} message */
function tell(message) {
  channel?.postMessage({ message, id: position.id });
  deliver(message);
}

/** Waits for the lock, then reads again and again until the signal. @param {AbortSignal} signal @param {number} person */
function compete(signal, person) {
  navigator.locks.request(`heartguard-stream-${person}`, { signal }, async () => {
    leading = true;
    for (let failures = 0; !signal.aborted;) {
      const began = Date.now();
      const pause = await read(signal, person).catch((error) => pauseAfter(error, failures));
      failures = Date.now() - began > QUIET_MS ? 0 : failures + 1;
      tell({ type: "state", open: false });
      if (signal.aborted) break;
      await sleep(pause * (0.5 + Math.random()), signal);
    }
    leading = false;
  }).catch(() => {}); // aborted while it waited for the lock
}

/** @param {unknown} error @param {number} failures before it */
function pauseAfter(error, failures) {
  if (error instanceof ApiError && error.kind === "refused" && error.status < 500) return error.retryAfter * 1000 || REFUSED_MS;
  return PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)];
}

/** @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
function sleep(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
  });
}

/** Reads one stream to its end; returns how long to wait before the next, in milliseconds. @param {AbortSignal} signal @param {number} person */
async function read(signal, person) {
  const quiet = new AbortController(), asked = position.id;
  let timer = setTimeout(() => quiet.abort(), QUIET_MS);
  const query = { topics: "points,alarms", measurement: MEASUREMENT, last_event_id: asked || undefined };
  try {
    const answer = await stream("stream.open", { query, signal: AbortSignal.any([signal, quiet.signal]) });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader(), decoder = new TextDecoder();
    let rest = "", pause = PAUSES_MS[0], begun = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done || position.person !== person) return pause;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), QUIET_MS);
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const waiting = block === WAITING;
        if (begun && open === waiting) tell({ type: "state", open: !waiting });
        const { name, id, data } = parsed(block);
        if (id) position.id = id;
        if (!begun) {
          begun = true;
          tell({ type: "state", open: true });
          tell({ type: "opened", resumed: asked !== "" });
        }
        if (name === "bye") pause = await farewell(data);
        else if (name === "reset") tell({ type: "reset" });
        else if (name) said(name, data);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The fields of an event. @param {string} block */
function parsed(block) {
  const found = { name: "", id: "", data: "" };
  const lines = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":"), field = line.slice(0, at), value = line.slice(at + 1).replace(/^ /, "");
    if (field === "event") found.name = value;
    if (field === "id") found.id = value;
    if (field === "data") lines.push(value);
  }
  found.data = lines.join("\n");
  return found;
}

/** @param {string} name @param {string} data */
function said(name, data) {
  const message = /** @type {Record<string, string>} */ (EVENTS)[name];
  let content = null; // of an event that this version does not know: that something happened
  try {
    if (message) content = readDocument(message, data);
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
  }
  tell({ type: "event", name, document: content });
}

/** The pause after the server has ended the stream. @param {string} data */
async function farewell(data) {
  const { reason } = readDocument("StreamBye", data);
  if (reason === "revoked") await reread().catch(() => {}); // finds out whether the session has ended
  return reason === "shutdown" ? 1000 : reason === "expired" ? 0 : REFUSED_MS;
}

watch(arrange);
document.addEventListener("visibilitychange", arrange);

// Who is logged in. The access token is kept in memory only; the refresh token is a cookie that no script can read.
// Tabs share: one of them refreshes at a time, and tells the others the token.
import { call, ApiError, useCredentials } from "./api.js";

/** @typedef {import("./types.js").User} User */
/** "starting": not known yet; "out": nobody; "in": `person`; "expired": `person` has to log in again. @typedef {"starting" | "out" | "in" | "expired"} State */

const MARK = "heartguard.session"; // in localStorage: a login was made here, so that a refresh is worth trying
const LOCK = "heartguard-refresh";
const EARLY_MS = 60_000;
const RETRY_MS = 15_000;
const TAB = "heartguard-tab"; // held by every open tab
const ANSWER_MS = 2_000;
const ENDING_MS = 60_000; // a tab that ends the session may be closed before it has said what became of it
const DEMO = "heartguard.demo"; // in sessionStorage: this tab shows the demo, also after it was loaded again
const channel = new BroadcastChannel("heartguard");

export const session = {
  /** @type {State} */ state: "starting",
  /** @type {User | null} */ person: null,
  /** Whether this tab shows the demo; it shares nothing with the other tabs then. */ demo: false,
  /** Whether this tab or another is ending the session: nothing is asked then that nobody has asked for. */ ending: false,
};
/** @type {{ token: string, until: number } | null} */
let held = null;
/** @type {Set<() => void>} */
const watchers = new Set();
let timer = 0, lasting = 0;

/** Calls `changed` after each change of the session. @param {() => void} changed @returns {() => void} */
export function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

/** @param {State} state */
function become(state) {
  session.state = state;
  for (const changed of watchers) changed();
}

/** @param {boolean} ending @param {number} [milliseconds] how long at most */
function quiet(ending, milliseconds) {
  session.ending = ending;
  clearTimeout(lasting);
  if (ending && milliseconds) lasting = setTimeout(() => quiet(false), milliseconds);
  become(session.state);
}

/** @param {string} token */
function subject(token) {
  const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
  return String(JSON.parse(atob(part)).sub);
}

/** @param {string} token @param {number} until milliseconds since 1970 */
function hold(token, until) {
  if (held !== null && subject(held.token) !== subject(token)) {
    location.reload(); // another person has logged in in another tab
    return;
  }
  held = { token, until };
  if (!session.demo) localStorage.setItem(MARK, "1");
  clearTimeout(timer);
  timer = setTimeout(() => renewAhead(token), Math.max(1000, until - Date.now() - EARLY_MS));
}

function drop() {
  held = null;
  clearTimeout(timer);
}

channel.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (session.demo) return;
  if (data.type === "asked" && held !== null) channel.postMessage({ type: "token", ...held });
  if (data.type === "token" && session.state !== "out") {
    hold(data.token, data.until);
    if (session.state === "expired") become("in");
  }
  if (data.type === "ending") quiet(true, ENDING_MS);
  if (data.type === "stays") quiet(false);
  if (data.type === "in" && session.state === "out") location.reload();
  if (data.type === "out" && session.state !== "out") location.reload();
};

/** @param {{ access_token: string, expires_in: number }} tokens */
function accept(tokens) {
  const until = Date.now() + tokens.expires_in * 1000;
  hold(tokens.access_token, until);
  channel.postMessage({ type: "token", token: tokens.access_token, until });
}

/** The token, after another tab or the cookie gave one where there is none. @returns {Promise<string | null>} */
async function token() {
  return held?.token ?? null;
}

/**
 * A token other than the one that was refused, or null: then the person has to log in again. Raises ApiError where
 * that can't be asked.
 * @param {string} refused @returns {Promise<string | null>}
 */
async function renewed(refused) {
  return navigator.locks.request(LOCK, async () => {
    if (held !== null && held.token !== refused) return held.token;
    try {
      if (session.demo) visit(await call("auth.demo", { anonymous: true }));
      else accept(await call("auth.refresh", { anonymous: true }));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) {
        if (held !== null) timer = setTimeout(() => renewAhead(refused), RETRY_MS);
        throw error;
      }
      drop();
      localStorage.removeItem(MARK);
      if (session.state === "in" && !session.ending) become("expired");
      return null;
    }
    return /** @type {any} */ (held).token;
  }).catch((/** @type {unknown} */ error) => {
    if (held !== null && held.until > Date.now()) return held.token; // still good: the network may come back
    throw error;
  });
}

/** Renews a token before it expires; without a network it is tried again. @param {string} token */
function renewAhead(token) {
  renewed(token).catch(() => {});
}

useCredentials({ token, renewed });

/** Finds out who is logged in: asks other tabs, then the cookie. Raises ApiError where the server can't be asked. */
export async function start() {
  if (sessionStorage.getItem(DEMO) !== null) return visitDemo().catch(() => leave());
  const others = ((await navigator.locks.query()).held ?? []).some((lock) => lock.name === TAB);
  navigator.locks.request(TAB, { mode: "shared" }, () => new Promise(() => {}));
  if (localStorage.getItem(MARK) === null) return become("out");
  channel.postMessage({ type: "asked" });
  for (let waited = 0; others && held === null && waited < ANSWER_MS; waited += 25) await new Promise((done) => setTimeout(done, 25));
  if (held === null && (await renewed("")) === null) return become("out");
  await enter();
}

async function enter() {
  session.person = await call("user.read_self");
  become("in");
}

/**
 * Logs in, to one organization where it is named; returns the memberships, which are none for a person of one.
 * @param {string} email @param {string} password @param {number} [org_id]
 */
export async function logIn(email, password, org_id) {
  const again = session.state === "expired";
  const tokens = await call("auth.login", { body: { email, password, org_id: again ? session.person?.org_id ?? undefined : org_id }, query: { cookie: "1" }, anonymous: true });
  accept(tokens);
  if (!again) channel.postMessage({ type: "in" });
  await enter();
  return tokens.memberships ?? [];
}

/** Begins a session in another organization of the person, and loads the page again there. @param {number} org_id @param {string} path */
export async function switchTo(org_id, path) {
  const tokens = await call("auth.switch", { body: { org_id }, query: { cookie: "1" } });
  drop();
  accept(tokens);
  location.hash = `#/${path}`;
  location.reload();
}

/** @param {{ access_token: string, expires_in: number }} token of the demo, which has no cookie */
function visit(token) {
  hold(token.access_token, Date.now() + token.expires_in * 1000);
}

/** Shows the demo in this tab. Raises ApiError where there is none. */
export async function visitDemo() {
  const token = await call("auth.demo", { anonymous: true });
  session.demo = true;
  sessionStorage.setItem(DEMO, "1");
  visit(token);
  await enter();
}

/** Ends all sessions of the person, in all organizations. */
export async function endEverywhere() {
  await endBy(() => call("auth.end_all_sessions"));
}

/** Says that what the person has asked for ends the session: no tab asks to log in again, or reads the stream, from then on. */
export function expectEnd() {
  if (!session.demo) channel.postMessage({ type: "ending" });
  quiet(true);
}

/** Does what ends the session, and forgets it. Raises what `work` raises, and the session goes on then. @param {() => Promise<unknown>} work */
export async function endBy(work) {
  expectEnd();
  try {
    await work();
  } catch (error) {
    if (!session.demo) channel.postMessage({ type: "stays" });
    quiet(false);
    throw error;
  }
  leave();
}

/** Ends this session. */
export async function logOut() {
  if (session.demo) leave();
  else await endBy(() => call("auth.logout", { body: { scope: "this" } }));
}

/** Forgets the session here and in the other tabs. */
export function leave() {
  drop();
  if (session.demo) sessionStorage.removeItem(DEMO);
  else {
    localStorage.removeItem(MARK);
    channel.postMessage({ type: "out" });
  }
  session.demo = session.ending = false;
  session.person = null;
  become("out");
}

/** Reads the person's own profile again, after a change. */
export async function reread() {
  session.person = await call("user.read_self");
  become("in");
}

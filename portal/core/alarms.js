// Alarms that screens share: which are open, how they are ordered and named, and a watch that announces new ones.
import { call } from "./api.js";
import { EVENTS } from "./contract.js";
import { everyPage, person } from "./data.js";
import { useEffect, useState } from "./dom.js";
import { t } from "./i18n.js";
import { FIRST_MS, onLive, opened } from "./live.js";
import { session } from "./session.js";
import { announce, useRepeated } from "./ui.js";

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {import("./types.js").Calls["alarm.list"]["query"]} AlarmFilter */

/** The most serious first. */
export const SEVERITIES = /** @type {const} */ (["critical", "warning", "info"]);
const DAY_MS = 86_400_000;
/** For how many days an alarm that is over stays open until somebody acknowledges it. */
export const OPEN_DAYS = 7;
const MOST = 1000; // of each kind
const POLL = { alone: 60, live: 300 }; // seconds
const TOPIC = "alarms"; // the stream's events about alarms
const TOGETHER_MS = 1500; // events that come within it are one reading

/** Whether somebody should look at it. @param {Alarm} alarm */
export const isOpen = (alarm) => !alarm.closed && !alarm.withdrawn && (alarm.active || (!alarm.acknowledged && !alarm.retrospective));

/** @param {Alarm["severity"]} severity 0 for the most serious */
export const rank = (severity) => SEVERITIES.indexOf(severity);

/** By severity, then those that nobody has acknowledged, then the newest. @param {Alarm} one @param {Alarm} other */
export const byNeed = (one, other) => rank(one.severity) - rank(other.severity) || Number(one.acknowledged) - Number(other.acknowledged) || Date.parse(other.start) - Date.parse(one.start);

/** The open alarms: active ones, and those of the last days that are over and that nobody has acknowledged. @param {AlarmFilter} filter @param {AbortSignal} [signal] */
export async function openAlarms(filter = {}, signal = undefined) {
  const since = new Date(Date.now() - OPEN_DAYS * DAY_MS).toISOString();
  const pages = (/** @type {AlarmFilter} */ wanted) => everyPage((cursor) => call("alarm.list", { query: { ...filter, ...wanted, limit: 500, cursor }, signal }), MOST);
  const [active, over] = await Promise.all([pages({ active: true }), pages({ active: false, acknowledged: false, since })]);
  return [...active, ...over].filter(isOpen).sort(byNeed);
}

/** Since when and until when, in milliseconds; an active alarm lasts until now, one whose device's clock is ahead has just begun. @param {Alarm} alarm @returns {[number, number]} */
export function interval(alarm) {
  const start = Date.parse(alarm.start);
  return [start, alarm.end === undefined ? Math.max(start, Date.now()) : Date.parse(alarm.end)];
}

/** What `watched` has: null until the first answer. @type {{ open: Alarm[] | null, error: unknown }} */
export const watched = { open: null, error: null };
/** @type {Set<() => void>} */
const watchers = new Set();
/** @type {Set<string> | null} */
let known = null;
let reading = false, again = false, owner = 0;

/** Reads the open alarms again, and announces those that were not there before. */
export async function readAgain() {
  if (session.state !== "in" || session.ending) return;
  if (owner !== session.person?.id) forget();
  if (reading) { again = true; return; }
  reading = true;
  try {
    watched.open = await openAlarms();
    watched.error = null;
    await announceNew(watched.open);
  } catch (error) {
    watched.error = error;
  }
  reading = false;
  for (const changed of watchers) changed();
  if (again) { again = false; readAgain(); }
}

/** Another membership has other alarms. */
function forget() {
  owner = Number(session.person?.id);
  known = null;
  watched.open = watched.error = null;
}

/** @param {Alarm[]} open */
async function announceNew(open) {
  const before = known;
  known = new Set(open.map((it) => it.id));
  const fresh = before === null ? [] : open.filter((it) => !before.has(it.id) && it.active && !it.acknowledged);
  if (fresh.length === 0) return;
  const [first] = fresh, who = await person(first.user_id).catch(() => null);
  const text = t("alarm.new", { severity: t(`severity.${first.severity}`), name: who?.full_name ?? who?.email ?? "", rule: first.rule_name });
  announce(fresh.length > 1 ? `${text} ${t("alarm.new_more", { count: fresh.length - 1 })}` : text);
}

/** The open alarms of the caller's organization, or own ones; drawn again when they change. */
export function useOpenAlarms() {
  const [, setRound] = useState(0);
  useEffect(() => {
    const changed = () => setRound((round) => round + 1);
    watchers.add(changed);
    return () => { watchers.delete(changed); };
  }, []);
  return watched;
}

/** Keeps the open alarms up to date while somebody is logged in; one component of the frame calls it. */
export function useAlarmWatch() {
  const [live, setLive] = useState(false);
  useEffect(() => {
    let timer = 0, begun = false;
    opened(FIRST_MS).then(() => { begun = true; readAgain(); });
    const end = onLive((it) => {
      if (it.type === "state") setLive(it.open);
      const missed = it.type === "reset" || (it.type === "opened" && !it.resumed && begun);
      if (!missed && !(it.type === "event" && it.name === TOPIC)) return;
      clearTimeout(timer);
      timer = setTimeout(readAgain, TOGETHER_MS);
    });
    return () => { clearTimeout(timer); end(); };
  }, [session.person?.id]);
  useRepeated(readAgain, live && TOPIC in EVENTS ? POLL.live : POLL.alone);
  return useOpenAlarms();
}

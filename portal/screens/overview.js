// People by need: who has an open alarm, whose last value is out of range, whose data are old.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../core/dom.js";
import { Failure, Field, Heading, State, announce, useLoaded, useRepeated } from "../core/ui.js";
import { byNeed, rank, readAgain, useOpenAlarms } from "../core/alarms.js";
import { call } from "../core/api.js";
import { FIELD, MEASUREMENT, bucket, clockAhead, condition, latest, newest, people } from "../core/data.js";
import { ago, compare, date, number, t, zone } from "../core/i18n.js";
import { FIRST_MS, onLive, opened } from "../core/live.js";
import { note, place } from "../core/router.js";
import { Spark } from "./spark.js";

const HOURS = 6;
const MOST_VALUES = 45_000; // of 50,000 that one answer may have
// Each read of a person's value is an event of the audit trail, so that many people are read less often.
// With the stream values come by themselves, and reading again is for new members only.
const POLL = { least: 30, each: 0.3, most: 300, live: 1800 }, TRENDS = 600; // seconds
const DRAWN_MS = 1000; // values that come within it are drawn together
const KINDS = /** @type {const} */ (["alert", "silent", "late", "good", "none"]);
/** After those with alarms: "alert" first, then the oldest data, then those who never sent any. */
const RANK = { alert: 10, silent: 11, late: 11, good: 11, none: 12 };

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** `alarms` are the open ones, the most serious first. @typedef {{ id: number, name: string, email: string, kind: typeof KINDS[number], age: number, value: number | null, time: string | null, alarms: Alarm[] }} Line */
/** `ahead` is how far the clock here is ahead of the server's, in milliseconds. @typedef {{ persons: any[], points: Map<number, any>, read: number, ahead: number }} Found */

/** @param {AbortSignal} signal @param {{ current: boolean }} begun @returns {Promise<Found>} */
async function loadPeople(signal, begun) {
  const values = async () => {
    if (!begun.current) await opened(FIRST_MS);
    begun.current = true;
    return latest({ measurement: MEASUREMENT, signal });
  };
  const [persons, points] = await Promise.all([people(signal), values()]);
  const read = Date.now();
  return { persons: persons.filter((it) => it.active), points: newest(points), read, ahead: clockAhead(points, read) };
}

/** The newest value of each person that came by the stream, drawn once a second. @param {() => void} missed called when values are missing @param {{ current: boolean }} begun */
function useLiveValues(missed, begun) {
  const values = useRef(/** @type {Map<number, any>} */ (new Map())), latestMissed = useRef(missed);
  const [open, setOpen] = useState(false);
  const [, setRound] = useState(0);
  latestMissed.current = missed;
  useEffect(() => {
    let timer = 0;
    const end = onLive((it) => {
      if (it.type === "state") setOpen(it.open);
      if (it.type === "reset") { values.current.clear(); latestMissed.current(); }
      if (it.type === "opened" && !it.resumed && begun.current) latestMissed.current();
      if (it.type !== "event" || it.name !== "points") return;
      for (const point of it.document.points) {
        const id = Number(point.tags.user_id), before = values.current.get(id);
        if (FIELD in point.fields && !(before && Date.parse(before.time) > Date.parse(point.time))) values.current.set(id, point);
      }
      timer ||= setTimeout(() => { timer = 0; setRound(Date.now()); }, DRAWN_MS);
    });
    return () => { clearTimeout(timer); end(); };
  }, []);
  return { values: values.current, open };
}

/** The means of the last hours, by person. @param {number} count of people @param {AbortSignal} signal */
async function loadTrends(count, signal) {
  const minutes = [5, 10, 15, 20, 30, 60].find((it) => (HOURS * 60 / it) * count <= MOST_VALUES) ?? 60;
  const step = minutes * 60_000, stop = Math.ceil(Date.now() / step) * step, start = stop - HOURS * 3_600_000;
  const answer = await call("timeseries.query", { signal, body: {
    bucket: bucket(), measurement: MEASUREMENT, fields: [FIELD], group_by: ["user_id"], aggregate: "mean", every: `${minutes}m`,
    range_start: new Date(start).toISOString(), range_stop: new Date(stop).toISOString(),
  } });
  const lines = new Map(answer.series.map((it) => [Number(it.tags.user_id), it.points.map((point) => [Date.parse(point.time), Number(point.fields[FIELD])])]));
  return { lines, start, stop, step };
}

/** @param {Found} found @param {Map<number, any>} values that came since @param {Alarm[]} open @returns {Line[]} */
function linesOf({ persons, points, read, ahead }, values, open) {
  const since = (Date.now() - read) / 1000, now = Date.now() - ahead;
  /** @type {Map<number, Alarm[]>} */
  const alarms = new Map();
  for (const it of open) alarms.get(it.user_id)?.push(it) ?? alarms.set(it.user_id, [it]);
  return persons.map((it) => {
    const stored = points.get(it.id), came = values.get(it.id);
    const newer = came !== undefined && !(stored && Date.parse(stored.time) > Date.parse(came.time));
    const point = newer ? came : stored;
    const age = newer ? Math.max(0, (now - Date.parse(came.time)) / 1000) : stored === undefined ? Infinity : stored.age_seconds + since;
    const value = point?.fields[FIELD];
    return { id: it.id, name: it.full_name ?? it.email, email: it.email, kind: condition(point, age), age, value: typeof value === "number" ? value : null, time: point?.time ?? null, alarms: alarms.get(it.id) ?? [] };
  });
}

/** @param {Line} line 0 for those who need somebody most */
const need = ({ alarms: [alarm], kind }) => (alarm ? rank(alarm.severity) + (alarm.acknowledged ? 0.5 : 0) : RANK[kind]);

const ORDERS = /** @type {Record<string, (one: Line, other: Line) => number>} */ ({
  need: (one, other) => need(one) - need(other) || (other.age === one.age ? 0 : other.age - one.age) || compare(one.name, other.name),
  name: (one, other) => compare(one.name, other.name),
  value: (one, other) => (other.value ?? -1) - (one.value ?? -1),
  age: (one, other) => (one.age === other.age ? compare(one.name, other.name) : one.age - other.age),
});

/** The screen. */
export function Overview() {
  const { query } = place();
  const [text, setText] = useState(query.get("q") ?? "");
  const [kind, setKind] = useState(query.get("state") ?? "");
  const [order, setOrder] = useState(query.get("order") ?? "need");
  const [, setTick] = useState(0);
  const begun = useRef(false);
  const loaded = useLoaded((signal) => loadPeople(signal, begun), []);
  const live = useLiveValues(loaded.reload, begun);
  const alarms = useOpenAlarms();
  const count = loaded.value?.persons.length ?? 0;
  const trends = useLoaded(async (signal) => (count ? loadTrends(count, signal) : null), [count > 0]);
  useRepeated(loaded.reload, live.open ? POLL.live : Math.min(POLL.most, Math.max(POLL.least, count * POLL.each)));
  useRepeated(trends.reload, TRENDS);
  useRepeated(() => setTick(Date.now()), 5);
  useLayoutEffect(() => note({ q: text, state: kind, order: order === "need" ? "" : order }), [text, kind, order]);

  const all = loaded.value ? linesOf(loaded.value, live.values, alarms.open ?? []) : [];
  const counts = Object.fromEntries(KINDS.map((it) => [it, all.filter((line) => line.kind === it).length]));
  const alarmed = all.filter((line) => line.alarms.length), [worst] = alarmed.flatMap((line) => line.alarms).sort(byNeed);
  const wanted = text.trim().toLocaleLowerCase();
  const shown = all.filter((it) => (!kind || (kind === "alarm" ? it.alarms.length > 0 : it.kind === kind)) && (!wanted || `${it.name} ${it.email}`.toLocaleLowerCase().includes(wanted))).sort(ORDERS[order] ?? ORDERS.need);
  useAnnouncedAlerts(all);
  if (loaded.value === null) return html`<${Heading} title=${t("overview.title")} />${loaded.error ? html`<${Failure} error=${loaded.error} retry=${loaded.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  return html`<${Heading} title=${t("overview.title")}><small>${live.open ? html`<${State} kind="good">${t("overview.live")}<//>` : t("overview.updated", { time: date(loaded.value.read, { timeStyle: "medium" }), zone: zone() })} <button type="button" aria-disabled=${loaded.busy} onClick=${() => { loaded.reload(); trends.reload(); }}>${t("overview.refresh")}</button></small><//>
    ${loaded.error && html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`}
    ${alarms.error && html`<${Failure} error=${alarms.error} retry=${readAgain} />`}
    <div class="filters">
      <${Field} label=${t("overview.search")} type="search" value=${text} onValue=${setText} />
      <div class="counts" role="group" aria-label=${t("overview.filter")}>
        <button type="button" aria-pressed=${kind === ""} onClick=${() => setKind("")}>${t("overview.all")} <span class="number">${number(all.length)}</span></button>
        ${(worst || kind === "alarm") && html`<button type="button" aria-pressed=${kind === "alarm"} onClick=${() => setKind(kind === "alarm" ? "" : "alarm")}><${State} kind=${worst?.severity ?? "info"}>${t("overview.alarmed")}<//> <span class="number">${number(alarmed.length)}</span></button>`}
        ${KINDS.filter((it) => counts[it] || it === kind).map((it) => html`<button key=${it} type="button" aria-pressed=${kind === it} onClick=${() => setKind(kind === it ? "" : it)}><${State} kind=${it}>${t(`state.${it}`)}<//> <span class="number">${number(counts[it])}</span></button>`)}
      </div>
    </div>
    ${trends.error && html`<${Failure} error=${trends.error} retry=${trends.reload} />`}
    ${shown.length ? html`<${List} lines=${shown} trends=${trends.value} order=${order} setOrder=${setOrder} />`
      : html`<p class="card">${t(all.length ? "overview.nobody_found" : "overview.nobody")}</p>`}
    <p><small>${t("overview.explained")}</small></p>`;
}

/** Tells screen readers who has come into the state "alert". @param {Line[]} lines */
function useAnnouncedAlerts(lines) {
  const before = useRef(/** @type {Set<number> | null} */ (null));
  const now = lines.filter((it) => it.kind === "alert");
  useEffect(() => {
    const fresh = before.current ? now.filter((it) => !before.current?.has(it.id)) : [];
    if (lines.length) before.current = new Set(now.map((it) => it.id));
    if (fresh.length) announce(t("overview.new_alert", { name: fresh.map((it) => it.name).join(", ") }));
  }, [now.map((it) => it.id).join()]);
}

/** Which rows of so many are in sight, and some around them; all while printing. @param {number} count */
function useWindow(count) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const [state, setState] = useState({ from: 0, to: 40, height: 52 });
  useLayoutEffect(() => {
    let asked = 0;
    const measure = () => {
      asked = 0;
      if (!element.current) return;
      const height = matchMedia("screen and (max-width: 760px)").matches ? 76 : 52;
      const top = element.current.getBoundingClientRect().top;
      const from = Math.max(0, Math.floor(-top / height) - 8), to = Math.min(count, Math.ceil((innerHeight - top) / height) + 8);
      setState((old) => (old.from === from && old.to === to && old.height === height ? old : { from, to, height }));
    };
    const later = () => { asked ||= requestAnimationFrame(measure); };
    const everything = () => setState((old) => ({ ...old, from: 0, to: count }));
    measure();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    addEventListener("beforeprint", everything);
    addEventListener("afterprint", later);
    return () => {
      cancelAnimationFrame(asked);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
      removeEventListener("beforeprint", everything);
      removeEventListener("afterprint", later);
    };
  }, [count]);
  return { element, ...state };
}

/** @param {{ lines: Line[], trends: any, order: string, setOrder: (order: string) => void }} props */
function List({ lines, trends, order, setOrder }) {
  const { element, from, to, height } = useWindow(lines.length);
  const head = (/** @type {string} */ key, /** @type {string} */ style = "") => html`<span role="columnheader" class=${style} aria-sort=${order === key ? (key === "value" ? "descending" : "ascending") : "none"}>
    <button type="button" onClick=${() => setOrder(key)}>${t(`overview.by_${key}`)}${order === key ? " ↓" : ""}</button></span>`;
  return html`<div class=${`card people${trends ? "" : " busy"}`} role="table" aria-label=${t("overview.title")} aria-rowcount=${lines.length + 1}>
    <div role="rowgroup"><div class="line head" role="row" aria-rowindex="1">${head("need")}${head("name")}${head("value", "value")}${head("age")}<span role="columnheader" class="trend">${t("overview.trend", { hours: HOURS })}</span></div></div>
    <div class="rows" role="rowgroup" ref=${element} style=${{ height: `${lines.length * height}px` }}>
      ${lines.slice(from, to).map((line, index) => html`<${Row} key=${line.id} line=${line} index=${from + index} height=${height} trends=${trends} />`)}
    </div></div>`;
}

/** @param {{ line: Line, index: number, height: number, trends: any }} props */
function Row({ line, index, height, trends }) {
  const points = trends?.lines.get(line.id);
  const spark = useMemo(() => (trends ? html`<${Spark} points=${points ?? []} start=${trends.start} stop=${trends.stop} step=${trends.step} />` : null), [trends]);
  return html`<div class="line" role="row" aria-rowindex=${index + 2} style=${{ transform: `translateY(${index * height}px)` }}>
    <span role="cell" class="shown">${line.alarms.length > 0 && html`<${Alarmed} alarms=${line.alarms} name=${line.name} />`}<${State} kind=${line.kind}>${t(`state.${line.kind}`)}<//></span>
    <span role="cell" class="name"><a href=${`#/people/${line.id}`}>${line.name}</a>${line.name !== line.email && html`<small>${line.email}</small>`}</span>
    <span role="cell" class="value number">${line.value === null ? "–" : html`<b>${number(line.value)}</b> <small>${t("unit.bpm")}</small>`}</span>
    <span role="cell" class="age" title=${line.time ? date(line.time) : ""}>${line.time ? ago(line.age) : t("never")}</span>
    <span role="cell" class="trend">${spark}</span></div>`;
}

/** The most serious open alarm of a person, and how many more there are. @param {{ alarms: Alarm[], name: string }} props */
function Alarmed({ alarms, name }) {
  const [first] = alarms, words = t(`severity.${first.severity}`) + (alarms.length > 1 ? ` +${number(alarms.length - 1)}` : "");
  const label = t("overview.alarm_of", { severity: words, rule: first.rule_name, name });
  return html`<a class="alarmed" href=${alarms.length > 1 ? `#/alarms?person=${first.user_id}` : `#/alarms/${first.id}`} aria-label=${label} title=${first.rule_name}>
    <${State} kind=${first.severity}>${words}<//></a>`;
}

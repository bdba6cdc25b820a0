// People by need: whose last value is out of range, whose data are old.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../core/dom.js";
import { Failure, Field, Heading, State, announce, useLoaded, useRepeated } from "../core/ui.js";
import { call } from "../core/api.js";
import { FIELD, MEASUREMENT, bucket, condition, latest, newest, people } from "../core/data.js";
import { ago, compare, date, number, t, zone } from "../core/i18n.js";
import { note, place } from "../core/router.js";
import { Spark } from "./spark.js";

const HOURS = 6;
const MOST_VALUES = 45_000; // of 50,000 that one answer may have
// Each read of a person's value is an event of the audit trail, so that many people are read less often.
const POLL = { least: 30, each: 0.3, most: 300 }, TRENDS = 600; // seconds
const KINDS = /** @type {const} */ (["alert", "silent", "late", "good", "none"]);
/** "alert" first, then the oldest data, then those who never sent any. */
const RANK = { alert: 0, silent: 1, late: 1, good: 1, none: 2 };

/** @typedef {{ id: number, name: string, email: string, kind: typeof KINDS[number], age: number, value: number | null, time: string | null }} Line */

/** @param {AbortSignal} signal */
async function loadPeople(signal) {
  const [persons, points] = await Promise.all([people(signal), latest({ measurement: MEASUREMENT, signal })]);
  return { persons: persons.filter((it) => it.active), points: newest(points), read: Date.now() };
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

/** @param {any} loaded @returns {Line[]} */
function linesOf({ persons, points, read }) {
  const since = (Date.now() - read) / 1000;
  return persons.map((/** @type {any} */ it) => {
    const point = points.get(it.id), age = point === undefined ? Infinity : point.age_seconds + since;
    const value = point?.fields[FIELD];
    return { id: it.id, name: it.full_name ?? it.email, email: it.email, kind: condition(point, age), age, value: typeof value === "number" ? value : null, time: point?.time ?? null };
  });
}

const ORDERS = /** @type {Record<string, (one: Line, other: Line) => number>} */ ({
  need: (one, other) => RANK[one.kind] - RANK[other.kind] || (other.age === one.age ? 0 : other.age - one.age) || compare(one.name, other.name),
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
  const loaded = useLoaded(loadPeople, []);
  const count = loaded.value?.persons.length ?? 0;
  const trends = useLoaded(async (signal) => (count ? loadTrends(count, signal) : null), [count > 0]);
  useRepeated(loaded.reload, Math.min(POLL.most, Math.max(POLL.least, count * POLL.each)));
  useRepeated(trends.reload, TRENDS);
  useRepeated(() => setTick(Date.now()), 5);
  useEffect(() => note({ q: text, state: kind, order: order === "need" ? "" : order }), [text, kind, order]);

  const all = loaded.value ? linesOf(loaded.value) : [];
  const counts = Object.fromEntries(KINDS.map((it) => [it, all.filter((line) => line.kind === it).length]));
  const wanted = text.trim().toLocaleLowerCase();
  const shown = all.filter((it) => (!kind || it.kind === kind) && (!wanted || `${it.name} ${it.email}`.toLocaleLowerCase().includes(wanted))).sort(ORDERS[order] ?? ORDERS.need);
  useAnnouncedAlerts(all);
  if (loaded.value === null) return html`<${Heading} title=${t("overview.title")} />${loaded.error ? html`<${Failure} error=${loaded.error} retry=${loaded.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  return html`<${Heading} title=${t("overview.title")}><small>${t("overview.updated", { time: date(loaded.value.read, { timeStyle: "medium" }), zone: zone() })} <button type="button" aria-disabled=${loaded.busy} onClick=${() => { loaded.reload(); trends.reload(); }}>${t("overview.refresh")}</button></small><//>
    ${loaded.error && html`<${Failure} error=${loaded.error} retry=${loaded.reload} />`}
    <div class="filters">
      <${Field} label=${t("overview.search")} type="search" value=${text} onValue=${setText} />
      <div class="counts" role="group" aria-label=${t("overview.filter")}>
        <button type="button" aria-pressed=${kind === ""} onClick=${() => setKind("")}>${t("overview.all")} <span class="number">${number(all.length)}</span></button>
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
      const height = matchMedia("(max-width: 760px)").matches ? 76 : 52;
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
    <span role="cell" class="shown"><${State} kind=${line.kind}>${t(`state.${line.kind}`)}<//></span>
    <span role="cell" class="name"><a href=${`#/people/${line.id}`}>${line.name}</a>${line.name !== line.email && html`<small>${line.email}</small>`}</span>
    <span role="cell" class="value number">${line.value === null ? "–" : html`<b>${number(line.value)}</b> <small>${t("unit.bpm")}</small>`}</span>
    <span role="cell" class="age" title=${line.time ? date(line.time) : ""}>${line.time ? ago(line.age) : t("never")}</span>
    <span role="cell" class="trend">${spark}</span></div>`;
}

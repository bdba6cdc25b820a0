// One person: the last value, a chart from seconds to years, the same as a table, a day, and where the data come from.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../core/dom.js";
import { Failure, Heading, State, measured, useLoaded, useRepeated } from "../core/ui.js";
import { call } from "../core/api.js";
import { FIELD, MEASUREMENT, condition, latest, person, saveText } from "../core/data.js";
import { ago, date, has, number, t, unitWords, zone } from "../core/i18n.js";
import { useLiveValues, withNewest, withValues } from "../core/live_values.js";
import { note, place } from "../core/router.js";
import { session } from "../core/session.js";
import { LONGEST, SHORTEST, load } from "../core/windows.js";
import { MarkedAlarms, useAlarmsOf } from "./alarm_marks.js";
import { Chart } from "./chart.js";
import { Day } from "./day.js";
import { Export } from "./export.js";
import { Resting } from "./trend.js";

/** @typedef {import("../core/windows.js").Drawn} Drawn */

const DAY = 86_400_000, FUTURE = 5 * 60_000;
const RANGES = /** @type {[string, number][]} */ ([["1h", DAY / 24], ["6h", DAY / 4], ["24h", DAY], ["7d", 7 * DAY], ["30d", 30 * DAY], ["1y", 365 * DAY]]);
const ROWS = 200;

/** The caller's own screen, for members with the role user. */
export function Mine() {
  return html`<${Person} path=${[String(session.person?.id)]} />`;
}

/** @param {{ path: string[] }} props */
export function Person({ path }) {
  const id = Number(path[0]);
  const found = useLoaded(async (signal) => {
    const [who, points, catalogue] = await Promise.all([person(id, signal), latest({ user: id, signal }), call("timeseries.list_measurements", { signal })]);
    return { who, points, catalogue: catalogue.items, read: Date.now() };
  }, [id]);
  const live = useLiveValues(id, found.reload);
  useRepeated(found.reload, live.open ? 300 : 30);
  const title = found.value?.who ? found.value.who.full_name ?? found.value.who.email : t("person.title");
  const back = session.person?.role !== "user" && html`<p class="tools"><a href="#/overview">← ${t("overview.title")}</a></p>`;
  if (!found.value) return html`${back}<${Heading} title=${title} />${found.error ? html`<${Failure} error=${found.error} retry=${found.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  if (!found.value.who) return html`${back}<${Heading} title=${t("person.unknown")} /><p>${t("person.unknown_text")}</p>`;
  return html`${back}<${Heading} title=${title}><button type="button" onClick=${() => print()}>${t("print")}</button><//>
    ${found.error && html`<${Failure} error=${found.error} retry=${found.reload} />`}
    <${Now} points=${withNewest(found.value.points, found.value.read, live.values)} read=${found.value.read} />
    <${Trend} id=${id} name=${title} points=${found.value.points} catalogue=${found.value.catalogue} came=${live.values} />
    <div class="cards wide"><${Day} id=${id} /><${Sources} id=${id} points=${found.value.points} /><${Resting} id=${id} /><${Export} id=${id} measurements=${[...new Set(found.value.points.map((it) => it.measurement))]} /></div>`;
}

/** @param {{ points: any[], read: number }} props */
function Now({ points, read }) {
  const [, setTick] = useState(0);
  useRepeated(() => setTick(Date.now()), 5);
  const point = points.filter((it) => it.measurement === MEASUREMENT).sort((one, other) => one.age_seconds - other.age_seconds)[0];
  const age = point ? point.age_seconds + (Date.now() - read) / 1000 : Infinity, kind = condition(point, age);
  const value = point?.fields[FIELD];
  return html`<div class="facts"><span class="number">${typeof value === "number" ? html`<b>${number(value)}</b> ${t("unit.bpm")}` : html`<b>–</b>`}</span>
    <${State} kind=${kind}>${t(`state.${kind}`)}<//>
    <span class="quiet">${point ? html`${ago(age)} · <time datetime=${point.time}>${date(point.time)}</time>` : t("never")}</span></div>`;
}

/** Start and stop from the address: ?from=&to= in milliseconds, or ?range= until now. */
function viewOf() {
  const { query } = place();
  const from = Number(query.get("from")), to = Number(query.get("to"));
  if (from > 0 && to - from >= SHORTEST) return { range: "", start: from, stop: to };
  const [range, length] = RANGES.find(([name]) => name === query.get("range")) ?? RANGES[2];
  const now = Date.now();
  return { range, start: now - length, stop: now };
}

/** Keeps a view between ten seconds and twelve years, and not beyond now. @param {number} start @param {number} stop */
function bounded(start, stop) {
  const length = Math.min(LONGEST, Math.max(SHORTEST, stop - start)), last = Math.min(stop, Date.now() + FUTURE);
  const middle = (start + stop) / 2;
  const end = stop - start < SHORTEST ? Math.min(middle + length / 2, last) : last;
  return { range: "", start: Math.round(end - length), stop: Math.round(end) };
}

/** @param {{ id: number, name: string, points: any[], catalogue: any[], came: any[] }} props `came` by the stream */
function Trend({ id, name, points, catalogue, came }) {
  const names = [...new Set(points.map((it) => it.measurement))].sort((one, other) => Number(other === MEASUREMENT) - Number(one === MEASUREMENT) || one.localeCompare(other));
  const [measurement, setMeasurement] = useState(names[0] ?? MEASUREMENT);
  const [view, setView] = useState(viewOf);
  const [drawn, setDrawn] = useState(/** @type {Drawn | null} */ (null));
  const [text, setText] = useState("");
  const box = useRef(/** @type {any} */ (null));
  const entry = catalogue.find((it) => it.name === measurement);
  const fields = points.find((it) => it.measurement === measurement)?.fields ?? {};
  const field = entry?.fields.find((/** @type {string} */ it) => it in fields) ?? Object.keys(fields).find((it) => typeof fields[it] === "number") ?? FIELD;
  const loaded = useLoaded((signal) => load({ user: id, measurement, field, start: view.start, stop: view.stop, width: box.current?.clientWidth ?? 800, signal }, (it) => { if (!signal.aborted) setDrawn(it); }), [id, measurement, field, view.start, view.stop]);
  useLayoutEffect(() => note(view.range ? { range: view.range } : { from: String(view.start), to: String(view.stop) }), [view]);
  useRepeated(() => { if (view.range) setView(viewOf()); }, 60);
  const choose = (/** @type {string} */ range) => { note({ range }); setView(viewOf()); };
  const move = (/** @type {number} */ start, /** @type {number} */ stop) => setView(bounded(start, stop));
  const alarms = useAlarmsOf(id, measurement, view.start, view.stop);
  const live = measurement === MEASUREMENT && view.range ? withValues(drawn, came) : drawn;
  const passed = live === drawn || !live ? 0 : Math.max(0, live.time[live.time.length - 1] * 1000 - view.stop);
  const length = view.stop - view.start, unit = unitWords(entry?.unit);
  const span = t("chart.span", { from: date(view.start), to: date(view.stop), zone: zone() });
  return html`<section class="card" ref=${box} aria-label=${t("chart.title")}>
    <div class="tools">
      <div class="group" role="group" aria-label=${t("chart.range")}>${RANGES.map(([it]) => html`<button key=${it} type="button" aria-pressed=${view.range === it} onClick=${() => choose(it)}>${t(`range.${it}`)}</button>`)}</div>
      <div class="group" role="group" aria-label=${t("chart.move")}>
        <button type="button" aria-label=${t("chart.earlier")} onClick=${() => move(view.start - length / 2, view.stop - length / 2)}>←</button>
        <button type="button" aria-label=${t("chart.later")} onClick=${() => move(view.start + length / 2, view.stop + length / 2)}>→</button>
        <button type="button" aria-label=${t("chart.in")} onClick=${() => move(view.start + length / 4, view.stop - length / 4)}>+</button>
        <button type="button" aria-label=${t("chart.out")} onClick=${() => move(view.start - length / 2, view.stop + length / 2)}>−</button>
      </div>
      ${names.length > 1 && html`<label>${t("measurement")} <select value=${measurement} onChange=${(/** @type {any} */ event) => { setDrawn(null); setMeasurement(event.target.value); }}>${names.map((it) => html`<option key=${it} value=${it}>${measurementName(it)}</option>`)}</select></label>`}
    </div>
    <p class="above"><span class="quiet">${span}</span><span class="number" aria-hidden="true">${text}</span></p>
    <${Failure} error=${loaded.error} retry=${loaded.reload} />
    <${Chart} drawn=${live} start=${view.start + passed} stop=${view.stop + passed} unit=${unit} low=${entry?.minimum ?? null} high=${entry?.maximum ?? null} alarms=${alarms} busy=${loaded.busy} move=${move} say=${setText} label=${t("chart.label", { name, measurement: measurementName(measurement), span })} />
    <p class="legend"><span><i></i>${t(drawn && !drawn.raw ? "chart.mean" : "chart.points", { every: drawn?.every ?? "" })}${unit && `, ${unit}`}</span>
      ${drawn && !drawn.raw && html`<span><i class="band"></i>${t("chart.band")}</span>`}
      ${entry?.maximum != null && html`<span><${State} kind="alert">${t("chart.out_of_range", { low: number(entry.minimum ?? 0), high: number(entry.maximum), unit })}<//></span>`}
      <span class="tools">${t("chart.keys")}</span></p>
    <${MarkedAlarms} alarms=${alarms} />
    <${Table} drawn=${drawn} name=${measurement} unit=${unit} low=${entry?.minimum ?? null} high=${entry?.maximum ?? null} />
  </section>`;
}

/** @param {string} name */
export const measurementName = (name) => (has(`measurement.${name}`) ? t(`measurement.${name}`) : name);

/** The chart's values as a file of CSV. @param {Drawn} drawn @param {string} name of the measurement */
function download(drawn, name) {
  const rows = drawn.time.flatMap((time, index) => (drawn.mean[index] === null ? [] : [[new Date(time * 1000).toISOString(), drawn.mean[index], ...(drawn.raw ? [] : [drawn.low[index], drawn.high[index], drawn.counted[index]])].map((it) => it ?? "").join()]));
  const head = drawn.raw ? "time,value" : "time,mean,lowest,highest,count";
  saveText(`${name}-${new Date(drawn.start).toISOString().slice(0, 10)}.csv`, [head, ...rows, ""].join("\r\n"), "text/csv");
}

/** The chart's values as a table, in pages. @param {{ drawn: Drawn | null, name: string, unit: string, low: number | null, high: number | null }} props */
function Table({ drawn, name, unit, low, high }) {
  const [page, setPage] = useState(0);
  useEffect(() => setPage(0), [drawn?.start, drawn?.stop]);
  const rows = drawn ? drawn.time.map((time, index) => ({ time, index })).filter(({ index }) => drawn.mean[index] !== null).reverse() : [];
  const pages = Math.ceil(rows.length / ROWS);
  const wrong = (/** @type {number} */ index) => drawn && ((high !== null && (drawn.high[index] ?? drawn.mean[index] ?? 0) > high) || (low !== null && (drawn.low[index] ?? drawn.mean[index] ?? low) < low));
  return html`<details><summary>${t("table.show", { count: rows.length })}</summary>
    ${drawn && rows.length > 0 && html`<p class="actions"><button type="button" onClick=${() => download(drawn, name)}>${t("table.download")}</button></p>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t("table.title")}><table>
      <thead><tr><th>${t("table.time")}</th><th class="number">${t(drawn?.raw ? "table.value" : "table.mean")} (${unit})</th>${!drawn?.raw && html`<th class="number">${t("table.low")}</th><th class="number">${t("table.high")}</th><th class="number">${t("table.points")}</th>`}<th>${t("table.remark")}</th></tr></thead>
      <tbody>${rows.slice(page * ROWS, (page + 1) * ROWS).map(({ time, index }) => drawn && html`<tr key=${time}><td>${date(time * 1000, { dateStyle: "short", timeStyle: "medium" })}</td>
        <td class="number">${measured(drawn.mean[index], "", 1)}</td>${!drawn.raw && html`<td class="number">${measured(drawn.low[index], "", 1)}</td><td class="number">${measured(drawn.high[index], "", 1)}</td><td class="number">${measured(drawn.counted[index], "")}</td>`}
        <td>${wrong(index) && html`<${State} kind="alert">${t("state.alert")}<//>`}</td></tr>`)}</tbody></table></div>
    ${pages > 1 && html`<p class="actions"><button type="button" disabled=${page === 0} onClick=${() => setPage(page - 1)}>${t("page.newer")}</button><span>${t("page.of", { page: page + 1, pages })}</span><button type="button" disabled=${page + 1 >= pages} onClick=${() => setPage(page + 1)}>${t("page.older")}</button></p>`}
  </details>`;
}

/** The series of the person: what, from which device, how old; and the way to their files. @param {{ id: number, points: any[] }} props */
function Sources({ id, points }) {
  const rows = [...points].sort((one, other) => one.age_seconds - other.age_seconds);
  const own = session.person?.role === "user";
  return html`<section class="card"><header><h2>${t("sources.title")}</h2><a class="button" href=${own ? "#/files" : `#/files?owner=${id}`}>${t(own ? "nav.files" : "sources.files")}</a></header>
    ${rows.length === 0 ? html`<p class="quiet">${t("sources.none")}</p>` : html`<div class="scroll"><table class="stack"><thead><tr><th>${t("measurement")}</th><th>${t("sources.from")}</th><th>${t("sources.last")}</th></tr></thead>
    <tbody>${rows.slice(0, 50).map((it) => html`<tr key=${it.measurement + JSON.stringify(it.tags)}><td>${measurementName(it.measurement)}</td>
      <td class="text" data-label=${t("sources.from")}>${Object.entries(it.tags).filter(([name]) => name !== "user_id").map(([name, value]) => `${has(`tag.${name}`) ? t(`tag.${name}`) : name} ${value}`).join(", ") || t("sources.unnamed")}</td>
      <td data-label=${t("sources.last")} title=${date(it.time)}>${ago(it.age_seconds)}</td></tr>`)}</tbody></table></div>`}
    ${rows.length > 50 && html`<p><small>${t("sources.more", { count: rows.length - 50 })}</small></p>`}</section>`;
}

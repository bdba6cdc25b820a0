// Who changed and saw what, and whether the trail is as it was recorded.
import { html, useState } from "../core/dom.js";
import { Failure, Field, Form, Heading, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { people, saveText } from "../core/data.js";
import { date, number, t } from "../core/i18n.js";
import { eventWords } from "./events.js";

/** @typedef {import("../core/types.js").AuditEventList["items"][number]} Event */

const NOTHING = { kind: "", outcome: "", actor: "", resource: "", seen: "", day: "", last: "" };
/** Which events say that somebody saw values or files. */
const SEEN = ["timeseries.query", "timeseries.latest", "timeseries.summary", "timeseries.request_export", "stream.open", "media.read", "media.download"];
const PAGE = 500, MOST = 50_000; // events of a file

/** Midnight at the beginning of a day here, some days later; undefined without a day. @param {string} day @param {number} [later] */
function midnight(day, later = 0) {
  const at = new Date(`${day}T00:00:00`);
  return day ? new Date(at.getFullYear(), at.getMonth(), at.getDate() + later).toISOString() : undefined;
}

/** The filters as the route takes them. @param {typeof NOTHING} filter */
function query(filter) {
  return {
    kind: /** @type {any} */ (filter.kind || undefined), outcome: /** @type {any} */ (filter.outcome || undefined), actor: filter.actor.trim() || undefined, resource: filter.resource.trim() || undefined,
    action: filter.seen ? `${filter.seen}.disclosed` : undefined, since: midnight(filter.day), until: midnight(filter.last, 1),
  };
}

/** The screen. */
export function Audit() {
  const [typed, setTyped] = useState(NOTHING), [filter, setFilter] = useState(NOTHING);
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("audit.list", { query: { ...query(filter), limit: 50, cursor }, signal }), [filter, cursor]);
  const names = useLoaded(async (signal) => new Map((await people(signal)).map((it) => [`user:${it.id}`, it.full_name ?? it.email])), []).value;
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => setTyped({ ...typed, [name]: value });
  const apply = async () => { setCursors([undefined]); setFilter({ ...typed }); };
  const next = found.value?.next_cursor;
  return html`<${Heading} title=${t("audit.title")} /><div class="cards wide"><${Chain} /><${Save} filter=${filter} /></div>
    <section class="card"><${Form} send=${apply} label=${t("audit.filter")} more=${html`<button type="button" onClick=${() => { setTyped(NOTHING); setFilter(NOTHING); setCursors([undefined]); }}>${t("audit.everything")}</button>`}>
      <div class="cards fields"><${Field} label=${t("audit.kind")} value=${typed.kind} onValue=${set("kind")}><option value="">${t("any")}</option>${["change", "access", "reported"].map((it) => html`<option key=${it} value=${it}>${t(`audit.kind.${it}`)}</option>`)}<//>
      <${Field} label=${t("audit.outcome")} value=${typed.outcome} onValue=${set("outcome")}><option value="">${t("any")}</option>${["success", "denied", "failure"].map((it) => html`<option key=${it} value=${it}>${t(`audit.outcome.${it}`)}</option>`)}<//>
      <${Field} label=${t("audit.actor")} hint=${t("audit.actor_hint")} type="text" maxlength="320" value=${typed.actor} onValue=${set("actor")} />
      <${Field} label=${t("audit.resource")} hint=${t("audit.resource_hint")} type="text" maxlength="512" value=${typed.resource} onValue=${set("resource")} />
      <${Field} label=${t("audit.seen")} hint=${t("audit.seen_hint")} value=${typed.seen} onValue=${set("seen")}><option value="">${t("any")}</option>${SEEN.map((it) => html`<option key=${it} value=${it}>${t(`audit.seen.${it}`)}</option>`)}<//>
      <${Field} label=${t("export.from")} type="date" value=${typed.day} onValue=${set("day")} /><${Field} label=${t("export.to")} type="date" min=${typed.day} value=${typed.last} onValue=${set("last")} /></div><//></section>
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("table.time")}</th><th>${t("seen.who")}</th><th>${t("seen.what")}</th><th>${t("audit.on")}</th><th>${t("audit.outcome")}</th></tr></thead><tbody>${found.value?.items.map((it) => html`<${Row} key=${it.id} event=${it} names=${names} />`)}</tbody></table></div>
    ${found.value && !found.value.items.length && html`<p>${t("audit.none")}</p>`}
    <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p></section>`;
}

/** A name for user:12, where there is one. @param {string | null} text @param {Map<string, string> | null} names */
const named = (text, names) => (text && names?.has(text) ? html`${names.get(text)} <small>${text}</small>` : text);

/** @param {{ event: Event, names: Map<string, string> | null }} props */
function Row({ event, names }) {
  const outcome = t(`audit.outcome.${event.outcome}`);
  return html`<tr><td title=${`${event.sequence}`}>${date(event.time, { dateStyle: "short", timeStyle: "medium" })}</td><td class="text" data-label=${t("seen.who")}>${named(event.actor, names)}</td><td class="text" data-label=${t("seen.what")}>${eventWords(event.action)}<br /><small>${t(`audit.kind.${event.kind}`)} · <code>${event.action}</code></small></td>
    <td class="text" data-label=${t("audit.on")}>${named(event.resource, names)}</td><td data-label=${t("audit.outcome")}>${event.outcome === "success" ? outcome : html`<${State} kind=${event.outcome === "denied" ? "alert" : "late"}>${outcome}<//>`}${event.reason && html`<br /><small>${event.reason}</small>`}</td></tr>`;
}

/** Asks the server to verify the trail, and says what the answer means. */
function Chain() {
  const [found, setFound] = useState(/** @type {import("../core/types.js").AuditVerification | null} */ (null));
  const verify = async () => setFound(await call("audit.verify"));
  return html`<section class="card"><h2>${t("chain.title")}</h2><p class="quiet">${t("chain.text")}</p>
    ${found && html`<p role="status">${found.valid ? html`<${State} kind="good">${t("chain.valid", { count: found.checked })}<//>` : html`<${State} kind="alert">${t("chain.broken", { first: found.first_bad_sequence ?? "–" })}<//> ${found.reason}`}</p>`}
    <${Form} send=${verify} label=${t("chain.verify")} /></section>`;
}

const COLUMNS = /** @type {const} */ (["sequence", "time", "kind", "actor", "action", "service", "resource", "outcome", "reason", "request_id"]);

/** A value of CSV. What a spreadsheet would take for a formula begins with an apostrophe. @param {unknown} value */
function cell(value) {
  const text = String(value ?? ""), safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The events that match the filters, as a file. @param {{ filter: typeof NOTHING }} props */
function Save({ filter }) {
  const [count, setCount] = useState(0), [cut, setCut] = useState(false);
  const save = async () => {
    const lines = [COLUMNS.join()];
    setCut(false);
    /** @type {string | undefined} */
    let cursor;
    do {
      const page = await call("audit.list", { query: { ...query(filter), limit: PAGE, cursor } });
      for (const event of page.items) lines.push(COLUMNS.map((it) => cell(event[it])).join());
      cursor = page.next_cursor ?? undefined;
      setCount(lines.length - 1);
    } while (cursor !== undefined && lines.length <= MOST);
    setCut(cursor !== undefined);
    saveText(`audit-${new Date().toISOString().slice(0, 10)}.csv`, [...lines, ""].join("\r\n"), "text/csv");
  };
  return html`<section class="card"><h2>${t("audit.save")}</h2><p class="quiet">${t("audit.save_text")}</p><${Form} send=${save} label=${t("audit.save_submit")}>
    ${count > 0 && html`<p role="status">${t("audit.saved", { count })}${cut && ` ${t("audit.cut", { most: number(MOST) })}`}</p>`}<//></section>`;
}

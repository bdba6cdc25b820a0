// Who changed and saw what, and whether the trail is as it was recorded.
import { html, useState } from "../core/dom.js";
import { Failure, Field, Form, Heading, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { people } from "../core/data.js";
import { date, t } from "../core/i18n.js";
import { eventWords } from "./events.js";

/** @typedef {import("../core/types.js").AuditEventList["items"][number]} Event */

const NOTHING = { kind: "", outcome: "", actor: "", resource: "", day: "" };

/** The filters as the route takes them. @param {typeof NOTHING} filter */
function query(filter) {
  const day = filter.day ? new Date(`${filter.day}T00:00:00`) : null;
  const end = day ? new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1) : null;
  return { kind: /** @type {any} */ (filter.kind || undefined), outcome: /** @type {any} */ (filter.outcome || undefined), actor: filter.actor.trim() || undefined, resource: filter.resource.trim() || undefined, since: day?.toISOString(), until: end?.toISOString() };
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
  return html`<${Heading} title=${t("audit.title")} /><${Chain} />
    <section class="card"><${Form} send=${apply} label=${t("audit.filter")} more=${html`<button type="button" onClick=${() => { setTyped(NOTHING); setFilter(NOTHING); setCursors([undefined]); }}>${t("audit.everything")}</button>`}>
      <div class="cards fields"><${Field} label=${t("audit.kind")} value=${typed.kind} onValue=${set("kind")}><option value="">${t("any")}</option>${["change", "access", "reported"].map((it) => html`<option key=${it} value=${it}>${t(`audit.kind.${it}`)}</option>`)}<//>
      <${Field} label=${t("audit.outcome")} value=${typed.outcome} onValue=${set("outcome")}><option value="">${t("any")}</option>${["success", "denied", "failure"].map((it) => html`<option key=${it} value=${it}>${t(`audit.outcome.${it}`)}</option>`)}<//>
      <${Field} label=${t("audit.actor")} hint=${t("audit.actor_hint")} type="text" maxlength="320" value=${typed.actor} onValue=${set("actor")} />
      <${Field} label=${t("audit.resource")} hint=${t("audit.resource_hint")} type="text" maxlength="512" value=${typed.resource} onValue=${set("resource")} />
      <${Field} label=${t("audit.day")} type="date" value=${typed.day} onValue=${set("day")} /></div><//></section>
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("table.time")}</th><th>${t("seen.who")}</th><th>${t("seen.what")}</th><th>${t("audit.on")}</th><th>${t("audit.outcome")}</th></tr></thead><tbody>${found.value?.items.map((it) => html`<${Row} key=${it.id} event=${it} names=${names} />`)}</tbody></table></div>
    ${found.value && !found.value.items.length && html`<p>${t("audit.none")}</p>`}
    <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p></section>`;
}

/** A name for user:12, where there is one. @param {string | null} text @param {Map<string, string> | null} names */
const named = (text, names) => (text && names?.has(text) ? html`${names.get(text)} <small>${text}</small>` : text);

/** @param {{ event: Event, names: Map<string, string> | null }} props */
function Row({ event, names }) {
  const kind = event.outcome === "success" ? "good" : event.outcome === "denied" ? "alert" : "late";
  return html`<tr><td title=${`${event.sequence}`}>${date(event.time, { dateStyle: "short", timeStyle: "medium" })}</td><td class="text" data-label=${t("seen.who")}>${named(event.actor, names)}</td><td class="text" data-label=${t("seen.what")}>${eventWords(event.action)}<br /><small>${t(`audit.kind.${event.kind}`)} · <code>${event.action}</code></small></td>
    <td class="text" data-label=${t("audit.on")}>${named(event.resource, names)}</td><td><${State} kind=${kind}>${t(`audit.outcome.${event.outcome}`)}<//>${event.reason && html`<br /><small>${event.reason}</small>`}</td></tr>`;
}

/** Asks the server to verify the trail, and says what the answer means. */
function Chain() {
  const [found, setFound] = useState(/** @type {import("../core/types.js").AuditVerification | null} */ (null));
  const verify = async () => setFound(await call("audit.verify"));
  return html`<section class="card"><h2>${t("chain.title")}</h2><p class="quiet">${t("chain.text")}</p>
    ${found && html`<p role="status">${found.valid ? html`<${State} kind="good">${t("chain.valid", { count: found.checked })}<//>` : html`<${State} kind="alert">${t("chain.broken", { first: found.first_bad_sequence ?? "–" })}<//> ${found.reason}`}</p>`}
    <${Form} send=${verify} label=${t("chain.verify")} /></section>`;
}

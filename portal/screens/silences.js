// Silences: alarms of which nobody gets messages for a time; and the messages about one alarm.
import { html, useState } from "../core/dom.js";
import { Dialog, Failure, Field, Form, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { date, has, t } from "../core/i18n.js";
import { actorName, nameOf } from "./alarm_words.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** @typedef {import("../core/data.js").User} User */
/** @typedef {import("../core/types.js").AlarmNotificationList["items"][number]} Message */

const HOUR_MS = 3_600_000;
const LENGTHS = /** @type {[string, number][]} */ ([["1h", 1], ["8h", 8], ["24h", 24], ["7d", 168], ["30d", 720]]);
const SCOPES = /** @type {const} */ (["both", "person", "rule"]);

/** Makes a silence for the person of an alarm, its rule or both. @param {{ alarm: Alarm, name: string, close: () => void, made: () => void }} props */
export function Silencing({ alarm, name, close, made }) {
  const [scope, setScope] = useState(/** @type {string} */ ("both"));
  const [length, setLength] = useState("8h");
  const [reason, setReason] = useState("");
  const send = async () => {
    const hours = LENGTHS.find(([it]) => it === length)?.[1] ?? 1;
    await call("alarm.create_silence", { body: {
      user_id: scope === "rule" ? undefined : alarm.user_id, rule_id: scope === "person" ? undefined : alarm.rule_id,
      reason: reason.trim(), ends_at: new Date(Date.now() + hours * HOUR_MS - 60_000).toISOString(), // a clock may be ahead: 30 days are the most
    } });
    made();
  };
  return html`<${Dialog} title=${t("silence.title")} close=${close}><p>${t("silence.text")}</p>
    <${Form} send=${send} label=${t("silence.submit")} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>
      <${Field} label=${t("silence.scope")} value=${scope} onValue=${setScope}>${SCOPES.map((it) => html`<option key=${it} value=${it}>${t(`silence.scope.${it}`, { name, rule: alarm.rule_name })}</option>`)}<//>
      <${Field} label=${t("silence.length")} value=${length} onValue=${setLength}>${LENGTHS.map(([it]) => html`<option key=${it} value=${it}>${t(`silence.length.${it}`)}</option>`)}<//>
      <${Field} label=${t("alarm.reason")} rows="2" required maxlength="1000" value=${reason} onValue=${setReason} /><//><//>`;
}

/** The silences that have not ended. @param {{ people: User[], rules: { id: string, name: string }[] }} props */
export function Silences({ people, rules }) {
  const found = useLoaded((signal) => everyPage((cursor) => call("alarm.list_silences", { query: { limit: 100, cursor }, signal })), []);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const end = async (/** @type {string} */ id) => {
    setError(null);
    try {
      await call("alarm.end_silence", { params: { silence_id: id } });
      announce(t("silence.ended"));
      found.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const failed = error ?? found.error;
  if (!failed && !found.value?.length) return null;
  const whom = (/** @type {{ user_id?: number }} */ it) => (it.user_id === undefined ? t("rule.everybody") : nameOf(it.user_id, people));
  const which = (/** @type {{ rule_id?: string }} */ it) => (it.rule_id === undefined ? t("silence.every_rule") : rules.find((rule) => rule.id === it.rule_id)?.name ?? t("rule.title"));
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("silence.list")}</h2><${Failure} error=${failed} retry=${found.reload} />
    ${found.value && found.value.length > 0 && html`<div class="scroll"><table class="stack"><thead><tr><th>${t("alarms.person")}</th><th>${t("alarms.rule")}</th><th>${t("silence.until")}</th><th>${t("alarm.reason")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
    <tbody>${found.value.map((it) => html`<tr key=${it.id}><td class="text">${whom(it)}</td><td class="text">${which(it)}</td><td data-label=${t("silence.until")}>${date(it.ends_at)}</td>
      <td class="text" data-label=${t("alarm.reason")}>${it.reason}<br /><small>${actorName(it.created_by, people)}</small></td>
      <td><button type="button" aria-label=${t("silence.end_of", { name: whom(it), rule: which(it) })} onClick=${() => end(it.id)}>${t("silence.end")}</button></td></tr>`)}</tbody></table></div>`}</section>`;
}

/** Shapes of what became of a message. */
const KINDS = /** @type {Record<string, "good" | "alert" | "silent" | "late">} */ ({ sent: "good", failed: "alert", silenced: "silent" });

/** The messages about an alarm: by which channel, when, and what became of them. @param {{ id: string }} props */
export function Messages({ id }) {
  const found = useLoaded((signal) => everyPage((cursor) => call("alarm.list_notifications", { params: { alarm_id: id }, query: { limit: 100, cursor }, signal }), 500), [id]);
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("messages.title")}</h2><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value && (found.value.length === 0 ? html`<p class="quiet">${t("messages.none")}</p>` : html`<div class="scroll"><table class="stack"><thead><tr><th>${t("messages.channel")}</th><th>${t("table.time")}</th><th>${t("alarms.state")}</th></tr></thead>
    <tbody>${found.value.map((it) => html`<tr key=${it.channel_id + it.step + it.repeat}><td>${it.service} <small>${t("messages.step", { step: it.step + 1 })}</small></td><td data-label=${t("table.time")}>${date(it.at)}</td>
      <td data-label=${t("alarms.state")}><${State} kind=${KINDS[it.status] ?? "late"}>${statusWords(it.status)}<//>${it.attempts > 0 && html` <small>${t("messages.attempts", { count: it.attempts })}</small>`}${it.error && html`<br /><small>${it.error}</small>`}</td></tr>`)}</tbody></table></div>`)}</section>`;
}

/** @param {string} status */
const statusWords = (status) => (has(`messages.status.${status}`) ? t(`messages.status.${status}`) : status);

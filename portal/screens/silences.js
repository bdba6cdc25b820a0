// Silences: alarms are recorded, and nobody gets messages about them.
import { html, useState } from "../core/dom.js";
import { Dialog, Failure, Field, Form, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { date, t, zone } from "../core/i18n.js";
import { actorName, nameOf } from "./alarm_words.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** @typedef {import("../core/types.js").AlarmSilence} Silence */
/** @typedef {import("../core/data.js").User} User */

const WHICH = /** @type {const} */ (["person_rule", "person", "rule"]);
const HOUR_MS = 3_600_000, LONGEST_MS = 30 * 24 * HOUR_MS;

/** Whether a silence is for an alarm. @param {Silence} silence @param {Alarm} alarm */
const isFor = (silence, alarm) => (silence.user_id ?? alarm.user_id) === alarm.user_id && (silence.rule_id ?? alarm.rule_id) === alarm.rule_id;

/** A time as an input of type datetime-local has it. @param {number} time milliseconds */
const local = (time) => new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/**
 * The silences that have not ended, or those of them that are for one alarm. A change of `round` reads them again.
 * @param {{ people: User[], rules: { id: string, name: string }[], alarm?: Alarm, round?: number }} props rules whose names are known
 */
export function Silences({ people, rules, alarm, round }) {
  const found = useLoaded((signal) => everyPage((cursor) => call("alarm.list_silences", { query: { limit: 500, cursor }, signal })), [round]);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const end = async (/** @type {Silence} */ it) => {
    setError(null);
    try {
      await call("alarm.end_silence", { params: { silence_id: it.id } });
      announce(t("silence.ended"));
    } catch (failure) {
      setError(failure);
    }
    found.reload();
  };
  const shown = (found.value ?? []).filter((it) => !alarm || isFor(it, alarm));
  if (!shown.length && !found.error && !error) return null;
  return html`<section class=${alarm ? "inner" : "card"} aria-label=${t("silence.title")} aria-busy=${found.busy}>${alarm ? html`<h3>${t("silence.title")}</h3>` : html`<h2>${t("silence.title")}</h2>`}
    <${Failure} error=${error} /><${Failure} error=${found.error} retry=${found.reload} />
    <ul class="imports">${shown.map((it) => {
      const what = words(it, people, rules), begins = Date.parse(it.starts_at) > Date.now();
      return html`<li key=${it.id}><strong>${what}</strong><span>${t(begins ? "silence.by_later" : "silence.by", { name: actorName(it.created_by, people), from: date(it.starts_at), until: date(it.ends_at) })}</span>
        <blockquote>${it.reason}</blockquote><p><button type="button" aria-label=${t("silence.end_of", { what })} onClick=${() => end(it)}>${t("silence.end")}</button></p></li>`;
    })}</ul></section>`;
}

/** Which alarms a silence is for. @param {Silence} it @param {User[]} people @param {{ id: string, name: string }[]} rules */
function words({ user_id, rule_id }, people, rules) {
  const name = user_id === undefined ? "" : nameOf(user_id, people);
  const rule = rule_id === undefined ? "" : rules.find((it) => it.id === rule_id)?.name ?? t("silence.deleted_rule");
  return t(name && rule ? "silence.person_rule" : name ? "silence.person" : rule ? "silence.rule" : "silence.all", { name, rule });
}

/** Asks which alarms, why and until when. @param {{ alarm: Alarm, name: string, close: () => void, done: () => void }} props name of the person */
export function SilenceDialog({ alarm, name, close, done }) {
  const [which, setWhich] = useState(/** @type {string} */ ("person_rule")), [reason, setReason] = useState(""), [until, setUntil] = useState(() => local(Date.now() + HOUR_MS));
  const send = async () => {
    const what = { user_id: which === "rule" ? undefined : alarm.user_id, rule_id: which === "person" ? undefined : alarm.rule_id };
    await call("alarm.create_silence", { body: { ...what, reason: reason.trim(), ends_at: new Date(until).toISOString() } });
    close();
    announce(t("silence.done"));
    done();
  };
  return html`<${Dialog} title=${t("silence.do")} close=${close}><p>${t("silence.text")}</p>
    <${Form} send=${send} label=${t("silence.do")} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>
      <${Field} label=${t("silence.which")} value=${which} onValue=${setWhich}>${WHICH.map((it) => html`<option key=${it} value=${it}>${t(`silence.${it}`, { name, rule: alarm.rule_name })}</option>`)}<//>
      <${Field} label=${t("alarm.reason")} rows="2" required maxlength="1000" value=${reason} onValue=${setReason} />
      <${Field} label=${t("silence.until")} hint=${t("silence.hint", { zone: zone() })} type="datetime-local" required max=${local(Date.now() + LONGEST_MS)} value=${until} onValue=${setUntil} /><//><//>`;
}

// The messages about an alarm: to whom, how they stand, and what failed.
import { html } from "../core/dom.js";
import { Failure, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { date, number, t } from "../core/i18n.js";
import { isStaff } from "./alarm_words.js";
import { STATES, channelName, everyChannel, reasonWords } from "./notify_words.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
const MOST = 1000;

/** @param {{ alarm: Alarm }} props */
export function Messages({ alarm }) {
  const found = useLoaded(async (signal) => {
    const [messages, channels] = await Promise.all([
      everyPage((cursor) => call("alarm.list_notifications", { params: { alarm_id: alarm.id }, query: { limit: 500, cursor }, signal }), MOST),
      isStaff() ? everyChannel(signal) : [],
    ]);
    return { messages, channels };
  }, [alarm.id]);
  const messages = found.value?.messages ?? [], channels = found.value?.channels ?? [];
  return html`<section class="card" aria-label=${t("messages.title")} aria-busy=${found.busy}><header><h2>${t("messages.title")}</h2><button type="button" onClick=${found.reload}>${t("messages.load")}</button></header>
    <${Failure} error=${found.error} retry=${found.reload} />
    ${found.value && messages.length === 0 && html`<p>${t(alarm.retrospective ? "messages.none_late" : "messages.none")}</p>`}
    ${messages.length > 0 && html`<div class="scroll"><table class="stack"><thead><tr><th>${t("messages.when")}</th><th>${t("notify.steps")}</th><th>${t("messages.channel")}</th><th>${t("alarms.state")}</th><th>${t("messages.attempts")}</th><th>${t("messages.reason")}</th></tr></thead>
      <tbody>${messages.map((it) => html`<tr key=${`${it.step} ${it.repeat} ${it.channel_id}`}><td>${date(it.at, { dateStyle: "short", timeStyle: "medium" })}</td>
        <td>${it.repeat ? t("messages.step_repeat", { number: it.step + 1, repeat: it.repeat }) : t("messages.step", { number: it.step + 1 })}</td>
        <td class="text" data-label=${t("messages.channel")}>${isStaff() ? channelName(it.channel_id, channels) : t(it.service === "email" ? "email" : "notify.service")}</td>
        <td class="text" data-label=${t("alarms.state")}><${State} kind=${STATES[it.status]}>${t(`messages.status.${it.status}`)}<//></td>
        <td data-label=${t("messages.attempts")}>${number(it.attempts)}</td><td class="text" data-label=${t("messages.reason")}>${it.error ? reasonWords(it.error) : ""}</td></tr>`)}</tbody></table></div>`}</section>`;
}

// Who is notified of alarms: channels and notification policies.
import { html } from "../core/dom.js";
import { Failure, Heading, State, useLoaded } from "../core/ui.js";
import { duration, t } from "../core/i18n.js";
import { namedPeople } from "./alarm_words.js";
import { Channels } from "./channels.js";
import { everyChannel, everyPolicy, isAdmin, stepWords } from "./notify_words.js";
import { One } from "./policy.js";

/** @typedef {import("./notify_words.js").Channel} Channel */
/** @typedef {import("./notify_words.js").Policy} Policy */

/** Channels and policies, a new policy, or the policy whose id is in the path. @param {{ path: string[] }} props */
export function Notifications({ path }) {
  return path[0] ? html`<${One} id=${path[0] === "new" ? null : path[0]} key=${path[0]} />` : html`<${Both} />`;
}

function Both() {
  const found = useLoaded(async (signal) => {
    const [channels, policies, people] = await Promise.all([everyChannel(signal), everyPolicy(signal), namedPeople(signal)]);
    return { channels, policies, people };
  }, []);
  return html`<p class="tools"><a href="#/alarms">← ${t("alarms.title")}</a></p><${Heading} title=${t("notify.title")} />
    <p class="notice">${t("medical")} ${t("notify.medical")}</p><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value === null ? !found.error && html`<p class="loading" role="status">${t("loading")}</p>`
      : html`<${Warning} ...${found.value} /><${Policies} ...${found.value} busy=${found.busy} /><${Channels} ...${found.value} busy=${found.busy} reload=${found.reload} />`}`;
}

/** Says which alarms nobody gets messages of. @param {{ policies: Policy[] }} props */
function Warning({ policies }) {
  if (policies.some((it) => it.default)) return null;
  return html`<p class="notice"><${State} kind="late">${t(policies.length ? "notify.no_default" : "notify.nobody")}<//></p>`;
}

/** @param {{ channels: Channel[], policies: Policy[], busy: boolean }} props */
function Policies({ channels, policies, busy }) {
  return html`<section class="card" aria-label=${t("notify.policies")} aria-busy=${busy}><header><h2>${t("notify.policies")}</h2>${isAdmin() && html`<a class="button main" href="#/notifications/new">${t("notify.new_policy")}</a>`}</header>
    <p class="quiet">${t("notify.policies_text")}</p>
    ${policies.length === 0 ? html`<p>${t("notify.no_policies")}</p>` : html`<div class="scroll"><table class="stack"><thead><tr><th>${t("name")}</th><th>${t("notify.steps")}</th><th>${t("notify.repeat")}</th><th>${t("notify.content")}</th></tr></thead>
      <tbody>${policies.map((it) => html`<tr key=${it.id}><td class="text"><a href=${`#/notifications/${it.id}`}>${it.name}</a>${it.default && html`<br /><${State} kind="good">${t("notify.default")}<//>`}</td>
        <td class="text"><ol class="plain">${stepWords(it, channels).map((words, index) => html`<li key=${index}>${words}</li>`)}</ol></td>
        <td data-label=${t("notify.repeat")}>${it.repeat_seconds ? duration(it.repeat_seconds) : t("notify.never")}${it.quiet_hours?.ranges.length ? html`<br /><small>${t("notify.has_quiet")}</small>` : null}</td>
        <td data-label=${t("notify.content")}>${t(it.details ? "notify.with_details" : "notify.without_details")}</td></tr>`)}</tbody></table></div>`}</section>`;
}

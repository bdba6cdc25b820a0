// One notification policy: its form, for a new one or one that there is.
import { html, useState } from "../core/dom.js";
import { Confirm, Failure, Field, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { t, zone } from "../core/i18n.js";
import { go } from "../core/router.js";
import { namedPeople } from "./alarm_words.js";
import { everyChannel, isAdmin, targetOf } from "./notify_words.js";
import { Times } from "./times.js";

/** @typedef {import("./notify_words.js").Channel} Channel */
/** @typedef {import("./notify_words.js").Policy} Policy */
/** @typedef {import("../core/data.js").User} User */
/** @typedef {{ minutes: string, channels: string[] }} Step */
/** What was typed: minutes and seconds as texts. @typedef {{ name: string, steps: Step[], wait: string, repeat: string, zone: string, ranges: import("./rule_draft.js").Range[], details: boolean, default: boolean }} Draft */

const MOST_STEPS = 10;
/** @param {number} seconds */
const minutes = (seconds) => String(Number((seconds / 60).toFixed(4)));
/** @param {string} text of minutes */
const seconds = (text) => Math.round(Number(text) * 60);

/** @param {Policy | null} policy null for a new one @returns {Draft} */
function draftOf(policy) {
  if (!policy) return { name: "", steps: [{ minutes: "0", channels: [] }], wait: "30", repeat: "240", zone: zone(), ranges: [], details: false, default: false };
  return {
    name: policy.name, steps: policy.steps.map((it) => ({ minutes: minutes(it.after_seconds), channels: it.channels })), wait: String(policy.group_wait_seconds), repeat: minutes(policy.repeat_seconds),
    zone: policy.quiet_hours?.zone ?? zone(), ranges: /** @type {any} */ (policy.quiet_hours?.ranges ?? []), details: policy.details, default: policy.default,
  };
}

/** @param {Draft} draft @returns {any} */
const requestOf = (draft) => ({
  name: draft.name.trim(), steps: draft.steps.map((it) => ({ after_seconds: seconds(it.minutes), channels: it.channels })), group_wait_seconds: Number(draft.wait), repeat_seconds: seconds(draft.repeat),
  quiet_hours: { zone: draft.zone, ranges: draft.ranges }, details: draft.details, default: draft.default,
});

/** @param {{ id: string | null }} props null for a new policy */
export function One({ id }) {
  const found = useLoaded(async (signal) => {
    const [policy, channels, people] = await Promise.all([id ? call("alarm.read_policy", { params: { policy_id: id }, signal }) : null, everyChannel(signal), namedPeople(signal)]);
    return { policy, channels, people };
  }, [id]);
  const title = found.value?.policy?.name ?? t(id ? "notify.policy" : "notify.new_policy");
  return html`<p class="tools"><a href="#/notifications">← ${t("notify.title")}</a></p><${Heading} title=${title} />
    <p class="notice">${t("medical")} ${t("notify.medical")}</p><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value ? html`<${Edited} ...${found.value} reload=${found.reload} key=${found.value.policy?.changed_at ?? ""} />` : !found.error && html`<p class="loading" role="status">${t("loading")}</p>`}`;
}

/** @param {{ policy: Policy | null, channels: Channel[], people: User[], reload: () => void }} props */
function Edited({ policy, channels, people, reload }) {
  const [draft, setDraft] = useState(() => draftOf(policy)), [deleting, setDeleting] = useState(false), [empty, setEmpty] = useState(0);
  const set = (/** @type {Partial<Draft>} */ next) => setDraft((old) => ({ ...old, ...next }));
  const send = async () => {
    const without = draft.steps.findIndex((it) => it.channels.length === 0) + 1;
    setEmpty(without);
    if (without) return;
    if (policy) {
      await call("alarm.update_policy", { params: { policy_id: policy.id }, body: requestOf(draft) });
      announce(t("saved"));
      reload();
    } else {
      await call("alarm.create_policy", { body: requestOf(draft) });
      announce(t("notify.policy_made"));
      go("notifications");
    }
  };
  const remove = async () => {
    await call("alarm.delete_policy", { params: { policy_id: String(policy?.id) } });
    announce(t("notify.policy_deleted"));
    go("notifications");
  };
  const fields = html`<${Fields} draft=${draft} set=${set} channels=${channels} people=${people} />
    ${empty > 0 && html`<div class="failure" role="alert"><${State} kind="alert"><strong>${t("notify.empty_step", { number: empty })}</strong><//></div>`}`;
  return html`<section class="card measure">${isAdmin() ? html`<${Form} send=${send} label=${t(policy ? "save" : "notify.make_policy")} more=${policy && html`<button type="button" class="danger" onClick=${() => setDeleting(true)}>${t("notify.delete_policy")}</button>`}>${fields}<//>`
    : html`<form onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}><fieldset disabled>${fields}</fieldset></form>`}</section>
    ${deleting && html`<${Confirm} title=${t("notify.delete_policy")} text=${t("notify.delete_policy_sure", { name: policy?.name ?? "" })} label=${t("notify.delete_policy")} send=${remove} close=${() => setDeleting(false)} />`}`;
}

/** @param {{ draft: Draft, set: (next: Partial<Draft>) => void, channels: Channel[], people: User[] }} props */
function Fields({ draft, set, channels, people }) {
  const text = (/** @type {"name" | "wait" | "repeat"} */ key) => ({ value: draft[key], onValue: (/** @type {string} */ value) => set({ [key]: value }) });
  const check = (/** @type {"details" | "default"} */ key, /** @type {string} */ label, /** @type {string} */ hint) => html`<div><label class="check"><input type="checkbox" aria-describedby=${`policy-${key}`} checked=${draft[key]} onChange=${(/** @type {any} */ event) => set({ [key]: event.target.checked })} />${label}</label><p><small id=${`policy-${key}`}>${hint}</small></p></div>`;
  const later = () => set({ steps: [...draft.steps, { minutes: String(Number(draft.steps[draft.steps.length - 1]?.minutes ?? 0) + 10), channels: [] }] });
  return html`<${Field} label=${t("name")} type="text" required maxlength="200" ...${text("name")} />
    <h2>${t("notify.steps")}</h2><p class="quiet">${t("notify.steps_text")}</p>
    ${draft.steps.map((step, index) => html`<${OneStep} key=${index} number=${index + 1} step=${step} channels=${channels} people=${people} alone=${draft.steps.length === 1}
      change=${(/** @type {Partial<Step>} */ next) => set({ steps: draft.steps.map((it, at) => (at === index ? { ...it, ...next } : it)) })} remove=${() => set({ steps: draft.steps.filter((_, at) => at !== index) })} />`)}
    ${draft.steps.length < MOST_STEPS && html`<p><button type="button" onClick=${later}>${t("notify.add_step")}</button></p>`}
    <div class="cards fields"><${Field} label=${t("notify.wait")} hint=${t("notify.wait_hint")} type="number" required min="0" max="3600" step="1" ...${text("wait")} />
      <${Field} label=${t("notify.repeat_minutes")} hint=${t("notify.repeat_hint")} type="number" required min="0" max="10080" step="any" ...${text("repeat")} /></div>
    <${Times} title=${t("notify.quiet")} hint=${t("notify.quiet_hint")} zone=${draft.zone} ranges=${draft.ranges} set=${set} />
    ${check("details", t("notify.details"), t("notify.details_hint"))}${check("default", t("notify.default_text"), t("notify.default_hint"))}`;
}

/** @param {{ number: number, step: Step, channels: Channel[], people: User[], alone: boolean, change: (next: Partial<Step>) => void, remove: () => void }} props */
function OneStep({ number, step, channels, people, alone, change, remove }) {
  const usable = channels.filter((it) => it.verified || step.channels.includes(it.id));
  const choose = (/** @type {string} */ id, /** @type {boolean} */ on) => change({ channels: on ? [...step.channels, id] : step.channels.filter((it) => it !== id) });
  return html`<fieldset class="parts"><legend>${t("notify.step", { number })}</legend>
    <${Field} label=${t("notify.after")} type="number" required min="0" max="10080" step="any" value=${step.minutes} onValue=${(/** @type {string} */ typed) => change({ minutes: typed })} />
    ${usable.length === 0 ? html`<p><small>${t("notify.no_usable")}</small></p>` : html`<fieldset><legend>${t("notify.to")}</legend><div class="boxes">${usable.map((it) => html`<label class="check" key=${it.id}><input type="checkbox" checked=${step.channels.includes(it.id)} onChange=${(/** @type {any} */ event) => choose(it.id, event.target.checked)} /><span>${it.name} <small>${targetOf(it, people)}</small></span></label>`)}</div></fieldset>`}
    ${!alone && html`<p><button type="button" aria-label=${t("notify.remove_step", { number })} onClick=${remove}>${t("rule.remove")}</button></p>`}</fieldset>`;
}

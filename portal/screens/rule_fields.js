// The inputs of a rule.
import { html, useState } from "../core/dom.js";
import { Field } from "../core/ui.js";
import { CHOICES } from "../core/contract.js";
import { compare, has, t, unitWords } from "../core/i18n.js";
import { measurementName, nameOf } from "./alarm_words.js";
import { NO_DATA } from "./rule_draft.js";
import { Times } from "./times.js";

/** @typedef {import("./rule_draft.js").Draft} Draft */
/** @typedef {import("./notify_words.js").Policy} Policy */
/** @typedef {import("../core/data.js").User} User */

/** @param {{ draft: Draft, set: (next: Partial<Draft>) => void, made: boolean, people: User[], policies: Policy[], catalogue: any[] }} props */
export function RuleFields({ draft, set, made, people, policies, catalogue }) {
  const entry = catalogue.find((it) => it.name === draft.measurement), unit = entry?.unit ? ` (${unitWords(entry.unit)})` : "";
  const text = (/** @type {keyof Draft} */ key) => ({ value: draft[key], onValue: (/** @type {string} */ value) => set({ [key]: value }) });
  const choose = (/** @type {"condition" | "activity" | "severity"} */ key) => html`${CHOICES.AlarmRuleRequest[key].map((it) => html`<option key=${it} value=${it}>${choiceWords(key, it)}</option>`)}`;
  const usual = policies.find((it) => it.default);
  const measure = (/** @type {string} */ name) => set({ measurement: name, field: catalogue.find((it) => it.name === name)?.fields[0] ?? draft.field });
  return html`<${Field} label=${t("name")} type="text" required maxlength="200" ...${text("name")} />
    <div class="cards fields">
      <${Field} label=${t("measurement")} disabled=${made} value=${draft.measurement} onValue=${measure}>${[...new Set([draft.measurement, ...catalogue.map((it) => it.name)])].map((it) => html`<option key=${it} value=${it}>${measurementName(it)}</option>`)}<//>
      ${(entry?.fields.length ?? 0) > 1 && html`<${Field} label=${t("rule.field")} disabled=${made} ...${text("field")}>${entry.fields.map((/** @type {string} */ it) => html`<option key=${it} value=${it}>${it}</option>`)}<//>`}
      <${Field} label=${t("rule.condition")} disabled=${made} ...${text("condition")}>${choose("condition")}<//>
      ${draft.condition === NO_DATA ? html`<${Field} label=${t("rule.no_data_minutes")} type="number" required min="1" max="1440" step="any" ...${text("noData")} />`
        : html`<${Field} label=${t("rule.threshold") + unit} type="number" required step="any" ...${text("threshold")} />`}
      <${Field} label=${t("alarms.severity")} ...${text("severity")}>${choose("severity")}<//>
    </div>
    ${draft.condition !== NO_DATA && html`<div class="cards fields">
      <${Field} label=${t("rule.minutes")} hint=${t("rule.minutes_hint")} type="number" required min="0" max="1440" step="any" ...${text("minutes")} />
      <${Field} label=${t("rule.activity")} ...${text("activity")}>${choose("activity")}<//></div>
    <details><summary>${t("rule.details")}</summary><div class="cards fields">
      <${Field} label=${t("rule.clear") + unit} hint=${t("rule.clear_hint")} type="number" step="any" ...${text("clear")} />
      <${Field} label=${t("rule.clear_minutes")} type="number" required min="0" max="1440" step="any" ...${text("clearMinutes")} />
      <${Field} label=${t("rule.gap")} hint=${t("rule.gap_hint")} type="number" required min="1" max="86400" step="1" ...${text("gap")} />
      <${Field} label=${t("rule.tolerance")} hint=${t("rule.tolerance_hint")} type="number" required min="0" max="50" step="0.1" ...${text("tolerance")} /></div></details>`}
    <${People} draft=${draft} set=${set} people=${people} />
    <${Overrides} draft=${draft} set=${set} people=${people} unit=${unit} />
    <${Times} title=${t("rule.times")} hint=${t("rule.times_hint")} zone=${draft.zone} ranges=${draft.ranges} set=${set} />
    <${Field} label=${t("rule.policy")} hint=${t("rule.policy_hint")} ...${text("policy")}><option value="">${usual ? t("rule.policy_default", { name: usual.name }) : t("rule.policy_none")}</option>${policies.map((it) => html`<option key=${it.id} value=${it.id}>${it.name}</option>`)}<//>
    <label class="check"><input type="checkbox" checked=${draft.enabled} onChange=${(/** @type {any} */ event) => set({ enabled: event.target.checked })} />${t("rule.enabled_text")}</label>`;
}

/** The words of a choice, or the choice itself: a newer API may have more. @param {string} key @param {string} value */
function choiceWords(key, value) {
  if (key === "severity") return has(`severity.${value}`) ? t(`severity.${value}`) : value;
  if (key === "condition") return has(`rule.condition.${value}`) ? t(`rule.condition.${value}`) : value;
  return has(`rule.activity.${value}`) ? t(`rule.activity.${value}`) : value;
}

/** Chooses somebody who is not in `without`. @param {{ label: string, people: User[], without: number[], add: (id: number) => void }} props */
function Add({ label, people, without, add }) {
  const [round, setRound] = useState(0);
  const rest = people.filter((it) => !without.includes(it.id)).sort((one, other) => compare(nameOf(one.id, [one]), nameOf(other.id, [other])));
  return html`<${Field} key=${round} label=${label} value="" onValue=${(/** @type {string} */ id) => { if (id) { add(Number(id)); setRound(round + 1); } }}><option value="">${t("rule.choose")}</option>${rest.map((it) => html`<option key=${it.id} value=${it.id}>${nameOf(it.id, [it])}</option>`)}<//>`;
}

/** @param {{ draft: Draft, set: (next: Partial<Draft>) => void, people: User[] }} props */
function People({ draft, set, people }) {
  const radio = (/** @type {boolean} */ chosen, /** @type {string} */ label) => html`<label class="check"><input type="radio" name="people" checked=${draft.chosen === chosen} onChange=${() => set({ chosen })} />${label}</label>`;
  return html`<fieldset class="parts"><legend>${t("rule.people")}</legend><p class="actions">${radio(false, t("rule.everybody"))}${radio(true, t("rule.some"))}</p>
    ${draft.chosen && html`<ul class="chips">${draft.people.map((it) => html`<li key=${it}>${nameOf(it, people)} <button type="button" class="plain" aria-label=${t("rule.without", { name: nameOf(it, people) })} onClick=${() => set({ people: draft.people.filter((id) => id !== it) })}>×</button></li>`)}</ul>
      ${draft.people.length === 0 && html`<p><small>${t("rule.some_hint")}</small></p>`}
      <${Add} label=${t("rule.add_person")} people=${people} without=${draft.people} add=${(/** @type {number} */ id) => set({ people: [...draft.people, id] })} />`}</fieldset>`;
}

/** @param {{ draft: Draft, set: (next: Partial<Draft>) => void, people: User[], unit: string }} props */
function Overrides({ draft, set, people, unit }) {
  const change = (/** @type {number} */ user, /** @type {any} */ next) => set({ overrides: draft.overrides.map((it) => (it.user === user ? { ...it, ...next } : it)) });
  return html`<details open=${draft.overrides.length > 0}><summary>${t("rule.overrides")}</summary><p><small>${t("rule.overrides_hint")}</small></p>
    ${draft.overrides.map((it) => html`<fieldset class="parts" key=${it.user}><legend>${nameOf(it.user, people)}</legend><div class="cards fields">
      ${draft.condition === NO_DATA ? html`<${Field} label=${t("rule.no_data_minutes")} type="number" min="1" max="1440" step="any" disabled=${it.off} value=${it.noData} onValue=${(/** @type {string} */ noData) => change(it.user, { noData })} />`
        : html`<${Field} label=${t("rule.threshold") + unit} type="number" step="any" disabled=${it.off} value=${it.threshold} onValue=${(/** @type {string} */ threshold) => change(it.user, { threshold })} />
      <${Field} label=${t("rule.clear") + unit} type="number" step="any" disabled=${it.off} value=${it.clear} onValue=${(/** @type {string} */ clear) => change(it.user, { clear })} />`}
      <p class="actions"><label class="check"><input type="checkbox" checked=${it.off} onChange=${(/** @type {any} */ event) => change(it.user, { off: event.target.checked })} />${t("rule.off_for")}</label>
      <button type="button" onClick=${() => set({ overrides: draft.overrides.filter((own) => own.user !== it.user) })}>${t("rule.remove")}</button></p></div></fieldset>`)}
    <${Add} label=${t("rule.add_override")} people=${people} without=${draft.overrides.map((it) => it.user)} add=${(/** @type {number} */ user) => set({ overrides: [...draft.overrides, { user, threshold: "", clear: "", noData: "", off: false }] })} /></details>`;
}

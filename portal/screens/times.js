// Local times of the week, as rules and notification policies have them.
import { html } from "../core/dom.js";
import { Field } from "../core/ui.js";
import { t } from "../core/i18n.js";
import { DAYS } from "./rule_draft.js";

/** @typedef {import("./rule_draft.js").Range} Range */

/** @param {{ title: string, hint: string, zone: string, ranges: Range[], set: (next: { zone?: string, ranges?: Range[] }) => void }} props */
export function Times({ title, hint, zone, ranges, set }) {
  const change = (/** @type {number} */ index, /** @type {any} */ next) => set({ ranges: ranges.map((it, at) => (at === index ? { ...it, ...next } : it)) });
  const zones = [...new Set([zone, ...Intl.supportedValuesOf("timeZone")])];
  return html`<details open=${ranges.length > 0}><summary>${title}</summary><p><small>${hint}</small></p>
    ${ranges.length > 0 && html`<${Field} label=${t("organization.zone")} value=${zone} onValue=${(/** @type {string} */ chosen) => set({ zone: chosen })}>${zones.map((it) => html`<option key=${it} value=${it}>${it}</option>`)}<//>`}
    ${ranges.map((range, index) => html`<fieldset class="parts" key=${index}><legend>${t("rule.range", { number: index + 1 })}</legend>
      <p class="actions">${DAYS.map((day) => html`<label class="check" key=${day}><input type="checkbox" checked=${range.days.includes(day)} onChange=${(/** @type {any} */ event) => change(index, { days: DAYS.filter((it) => (it === day ? event.target.checked : range.days.includes(it))) })} />${t(`day.${day}`)}</label>`)}</p>
      <div class="cards fields"><${Field} label=${t("rule.from")} type="text" required pattern="([01][0-9]|2[0-3]):[0-5][0-9]" placeholder="22:00" value=${range.start} onValue=${(/** @type {string} */ start) => change(index, { start })} />
      <${Field} label=${t("rule.until")} type="text" required pattern="([01][0-9]|2[0-3]):[0-5][0-9]|24:00" placeholder="07:00" value=${range.stop} onValue=${(/** @type {string} */ stop) => change(index, { stop })} />
      <p class="actions"><button type="button" onClick=${() => set({ ranges: ranges.filter((_, at) => at !== index) })}>${t("rule.remove")}</button></p></div></fieldset>`)}
    ${ranges.length < 21 && html`<p><button type="button" onClick=${() => set({ ranges: [...ranges, { days: [...DAYS], start: "22:00", stop: "07:00" }] })}>${t("rule.add_range")}</button></p>`}</details>`;
}

// What a rule would have done with the stored values of a person, drawn before the rule is saved.
import { html, useRef, useState } from "../core/dom.js";
import { Failure, Field, Form, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { compare, date, duration, number, t, unitWords, zone } from "../core/i18n.js";
import { LONGEST, SHORTEST, load } from "../core/windows.js";
import { Chart } from "./chart.js";
import { measurementName, nameOf } from "./alarm_words.js";
import { NO_DATA, requestOf } from "./rule_draft.js";

/** @typedef {import("./rule_draft.js").Draft} Draft */
/** @typedef {import("../core/data.js").User} User */
/** @typedef {{ rule: any, draft: string, user: number, start: number, stop: number, answer: import("../core/types.js").AlarmRehearsal }} Tried */

const DAY_MS = 86_400_000;
const RANGES = /** @type {[string, number][]} */ ([["24h", DAY_MS], ["7d", 7 * DAY_MS], ["30d", 30 * DAY_MS]]);
const LISTED = 20;

/** @param {{ draft: Draft, people: User[], catalogue: any[], take: (threshold: string) => void }} props `take` sets the threshold */
export function Rehearsal({ draft, people, catalogue, take }) {
  const sorted = [...people].sort((one, other) => compare(nameOf(one.id, [one]), nameOf(other.id, [other])));
  const [user, setUser] = useState(String((draft.chosen ? draft.people[0] : undefined) ?? sorted[0]?.id ?? ""));
  const [range, setRange] = useState("7d");
  const [tried, setTried] = useState(/** @type {Tried | null} */ (null));
  const send = async () => {
    const stop = Date.now(), start = stop - (RANGES.find(([it]) => it === range) ?? RANGES[1])[1], rule = requestOf(draft);
    const answer = await call("alarm.rehearse_rule", { body: { rule, user_id: Number(user), range_start: new Date(start).toISOString(), range_stop: new Date(stop).toISOString() } });
    setTried({ rule, draft: JSON.stringify(draft), user: Number(user), start, stop, answer });
  };
  const unit = unitWords(catalogue.find((it) => it.name === draft.measurement)?.unit);
  const ready = draft.condition === NO_DATA || draft.threshold !== "";
  return html`<section class="card rehearsal"><h2>${t("rehearsal.title")}</h2><p class="quiet">${t("rehearsal.text")}</p>
    ${ready ? html`<${Form} send=${send} label=${t("rehearsal.submit")}><div class="cards fields">
      <${Field} label=${t("alarms.person")} required value=${user} onValue=${setUser}>${sorted.map((it) => html`<option key=${it.id} value=${it.id}>${nameOf(it.id, [it])}</option>`)}<//>
      <${Field} label=${t("chart.range")} value=${range} onValue=${setRange}>${RANGES.map(([it]) => html`<option key=${it} value=${it}>${t(`range.${it}`)}</option>`)}<//></div><//>` : html`<p>${t("rehearsal.threshold_first")}</p>`}
    ${tried && html`<${Result} key=${`${tried.user}/${tried.stop}`} tried=${tried} stale=${tried.draft !== JSON.stringify(draft)} name=${nameOf(tried.user, people)} unit=${unit} take=${take} />`}</section>`;
}

/** @param {{ tried: Tried, stale: boolean, name: string, unit: string, take: (threshold: string) => void }} props */
function Result({ tried, stale, name, unit, take }) {
  const { rule, user, answer } = tried;
  const [view, setView] = useState({ start: tried.start, stop: tried.stop });
  const [drawn, setDrawn] = useState(/** @type {import("../core/windows.js").Drawn | null} */ (null));
  const [said, setSaid] = useState("");
  const box = useRef(/** @type {any} */ (null));
  const loaded = useLoaded((signal) => load({ user, measurement: rule.measurement, field: rule.field, ...view, width: box.current?.clientWidth ?? 600, signal }, (it) => { if (!signal.aborted) setDrawn(it); }), [view.start, view.stop]);
  const move = (/** @type {number} */ from, /** @type {number} */ to) => { if (to - from >= SHORTEST && to - from <= LONGEST) setView({ start: Math.round(from), stop: Math.round(to) }); };
  const marked = answer.items.map((it) => ({ ...it, end: it.end ?? new Date(tried.stop).toISOString(), severity: rule.severity }));
  const own = rule.overrides.find((/** @type {any} */ it) => it.user_id === user)?.threshold ?? rule.threshold;
  const span = t("chart.span", { from: date(view.start), to: date(view.stop), zone: zone() });
  const proposed = answer.proposed_threshold;
  return html`<div class="result" ref=${box}>
    <p role="status"><strong>${t("rehearsal.alarms", { count: answer.alarms })}</strong> <span class="quiet">${t("rehearsal.samples", { count: answer.samples, name })}</span></p>
    ${stale && html`<p><${State} kind="late">${t("rehearsal.stale")}<//></p>`}
    ${proposed !== undefined && rule.condition !== NO_DATA && html`<p class="actions"><span>${t("rehearsal.proposed", { value: `${number(proposed, 1)} ${unit}` })}</span> <button type="button" onClick=${() => take(String(Math.round(proposed * 10) / 10))}>${t("rehearsal.take")}</button></p>`}
    <p class="quiet">${span}</p><${Failure} error=${loaded.error} retry=${loaded.reload} />
    <${Chart} drawn=${drawn} start=${view.start} stop=${view.stop} unit=${unit} low=${null} high=${null} alarms=${marked} limit=${own ?? null} busy=${loaded.busy} move=${move} say=${setSaid} label=${t("chart.label", { name, measurement: measurementName(rule.measurement), span })} />
    <p class="reading number" aria-hidden="true">${said}</p>
    <p class="legend"><span><i></i>${t(drawn && !drawn.raw ? "chart.mean" : "chart.points", { every: drawn?.every ?? "" })}</span><span><i class=${`span ${rule.severity}`}></i>${t("rehearsal.would")}</span>${own !== undefined && html`<span><i class="limit"></i>${t("alarm.threshold")}</span>`}</p>
    ${answer.items.length > 0 && html`<div class="scroll"><table><thead><tr><th>${t("alarms.start")}</th><th>${t("alarm.lasts")}</th></tr></thead><tbody>${answer.items.slice(0, LISTED).map((it) => html`<tr key=${it.start}><td>${date(it.start)}</td><td>${it.end ? duration((Date.parse(it.end) - Date.parse(it.start)) / 1000) : t("rehearsal.open")}</td></tr>`)}</tbody></table></div>
      ${answer.items.length > LISTED && html`<p><small>${t("rehearsal.more", { count: answer.alarms - LISTED })}</small></p>`}`}</div>`;
}

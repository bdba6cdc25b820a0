// One alarm: what happened, the values behind it, its history, and what people can do.
import { html, useRef, useState } from "../core/dom.js";
import { Dialog, Failure, Field, Form, Heading, State, announce, measured, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { interval, readAgain } from "../core/alarms.js";
import { date, duration, t, unitWords, zone } from "../core/i18n.js";
import { LONGEST, SHORTEST, load } from "../core/windows.js";
import { Chart } from "./chart.js";
import { actorName, conditionWords, isStaff, measurementName, nameOf, namedPeople } from "./alarm_words.js";
import { Messages } from "./alarm_messages.js";
import { SilenceDialog, Silences } from "./silences.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** @typedef {import("../core/types.js").AlarmRule} AlarmRule */
/** @typedef {import("../core/data.js").User} User */

const CONTEXT_MS = 30 * 60_000, SHARE = 0.25; // what the chart shows before and after
const AHEAD_MS = 60_000; // but no more of the future
const ROWS = 1000;
const PHRASES = /** @type {const} */ (["raised", "retrospective", "changed", "cleared", "merged", "withdrawn", "escalated", "acknowledged", "noted", "closed"]);

/** The screen. @param {{ id: string }} props */
export function One({ id }) {
  const found = useLoaded(async (signal) => {
    const [alarm, people, catalogue] = await Promise.all([call("alarm.read", { params: { alarm_id: id }, signal }), namedPeople(signal), call("timeseries.list_measurements", { signal })]);
    const rule = isStaff() ? await call("alarm.read_rule", { params: { rule_id: alarm.rule_id }, signal }).catch(() => null) : null; // it may have been deleted
    return { alarm, people, rule, unit: unitWords(catalogue.items.find((it) => it.name === alarm.measurement)?.unit) };
  }, [id]);
  const back = html`<p class="tools"><a href="#/alarms">← ${t("alarms.title")}</a></p>`;
  if (!found.value) return html`${back}<${Heading} title=${t("alarm.title")} />${found.error ? html`<${Failure} error=${found.error} retry=${found.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  const { alarm, people, rule, unit } = found.value;
  const changed = (/** @type {string} */ said) => { announce(said); found.reload(); readAgain(); };
  return html`${back}<${Heading} title=${alarm.rule_name}><${State} kind=${alarm.severity}>${t(`severity.${alarm.severity}`)}<//><//>
    <${Failure} error=${found.error} retry=${found.reload} />
    ${alarm.withdrawn && html`<p class="notice">${t(alarm.merged_into ? "alarm.merged_text" : "alarm.withdrawn_text")} ${alarm.merged_into && html`<a href=${`#/alarms/${alarm.merged_into}`}>${t("alarm.merged_link")}</a>`}</p>`}
    <div class="cards wide"><${Facts} alarm=${alarm} people=${people} rule=${rule} unit=${unit} />
      ${isStaff() ? html`<${Actions} alarm=${alarm} people=${people} changed=${changed} />` : html`<section class="card"><h2>${t("alarm.do")}</h2><p>${t("alarm.own_text")}</p></section>`}</div>
    <${Values} alarm=${alarm} name=${nameOf(alarm.user_id, people)} unit=${unit} threshold=${thresholdOf(alarm, rule)} />
    <${Messages} alarm=${alarm} /><${History} alarm=${alarm} people=${people} />`;
}

/** The threshold that raised it: of the person, else of that version; undefined where it is not known. @param {Alarm} alarm @param {AlarmRule | null} rule */
function thresholdOf(alarm, rule) {
  const own = rule?.version === alarm.rule_version ? rule.overrides.find((it) => it.user_id === alarm.user_id)?.threshold : undefined;
  return own ?? rule?.versions?.find((it) => it.version === alarm.rule_version)?.threshold;
}

/** @param {{ alarm: Alarm, people: User[], rule: AlarmRule | null, unit: string }} props */
function Facts({ alarm, people, rule, unit }) {
  const [start, stop] = interval(alarm), threshold = thresholdOf(alarm, rule);
  const { silent, last_sample: last } = /** @type {any} */ (alarm); // of a rule about missing values
  const by = (/** @type {string | undefined} */ who, /** @type {string | undefined} */ when) => `${who ? actorName(who, people) : ""}${when ? `, ${date(when)}` : ""}`;
  return html`<section class="card"><h2>${t("alarm.facts")}</h2><dl class="pairs">
    <dt>${t("alarms.person")}</dt><dd><a href=${`#/people/${alarm.user_id}?from=${start - CONTEXT_MS}&to=${stop + CONTEXT_MS}`}>${nameOf(alarm.user_id, people)}</a></dd>
    <dt>${t("alarm.condition")}</dt><dd>${conditionWords(alarm.measurement, alarm.condition, threshold, unit)}</dd>
    ${silent && html`<dt>${t("alarm.silent")}</dt><dd>${t(`alarm.silent.${silent}`)}${last ? ` (${t("alarm.last_sample", { time: date(last) })})` : ""}</dd>`}
    <dt>${t("alarms.state")}</dt><dd>${t(alarm.active ? "alarm.active" : "alarm.over")}${alarm.retrospective ? ` · ${t("alarm.retrospective")}` : ""}</dd>
    <dt>${t("alarms.start")}</dt><dd>${date(start)} (${zone()})</dd>
    ${alarm.end !== undefined && html`<dt>${t("alarm.end")}</dt><dd>${date(stop)}</dd>`}
    <dt>${t("alarm.lasts")}</dt><dd>${duration((stop - start) / 1000)}</dd>
    <dt>${t("alarm.acknowledged_by")}</dt><dd>${alarm.acknowledged ? by(alarm.acknowledged_by, alarm.acknowledged_at) : t("alarm.nobody")}</dd>
    ${alarm.closed && html`<dt>${t("alarm.closed_by")}</dt><dd>${by(alarm.closed_by, alarm.closed_at)}</dd>`}
    <dt>${t("alarms.rule")}</dt><dd>${isStaff() && rule ? html`<a href=${`#/rules/${alarm.rule_id}`}>${alarm.rule_name}</a>` : alarm.rule_name}, ${t("rule.version", { number: alarm.rule_version })}</dd></dl>
    <p><small>${t("medical")}</small></p></section>`;
}

/** @param {{ alarm: Alarm, people: User[], changed: (said: string) => void }} props */
function Actions({ alarm, people, changed }) {
  const [text, setText] = useState(""), [round, setRound] = useState(0);
  const [dialog, setDialog] = useState(/** @type {"note" | "close" | "silence" | null} */ (null));
  const params = { alarm_id: alarm.id };
  const acknowledge = async () => {
    await call("alarm.acknowledge", { params, body: text.trim() ? { note: text.trim() } : {} });
    setText("");
    changed(t("alarm.acknowledged"));
  };
  const more = html`<button type="button" onClick=${() => setDialog("note")}>${t("alarm.note")}</button>
    <button type="button" onClick=${() => setDialog("silence")}>${t("silence.do")}</button>
    ${!alarm.closed && html`<button type="button" onClick=${() => setDialog("close")}>${t("alarm.close")}</button>`}`;
  if (alarm.withdrawn) return html`<section class="card"><h2>${t("alarm.do")}</h2><p class="quiet">${t("alarm.nothing_to_do")}</p></section>`;
  return html`<section class="card"><h2>${t("alarm.do")}</h2>
    ${alarm.acknowledged ? html`<p class="actions">${more}</p>` : html`<${Form} send=${acknowledge} label=${t("alarm.acknowledge")} more=${more}>
      <${Field} label=${t("alarm.note_text")} hint=${t("alarm.acknowledge_hint")} rows="2" maxlength="1000" value=${text} onValue=${setText} /><//>`}
    <${Silences} people=${people} rules=${[{ id: alarm.rule_id, name: alarm.rule_name }]} alarm=${alarm} round=${round} />
    ${dialog === "silence" && html`<${SilenceDialog} alarm=${alarm} name=${nameOf(alarm.user_id, people)} close=${() => setDialog(null)} done=${() => setRound(round + 1)} />`}
    ${(dialog === "note" || dialog === "close") && html`<${Written} kind=${dialog} id=${alarm.id} close=${() => setDialog(null)} changed=${changed} />`}</section>`;
}

/** A note, or the reason for which an alarm is closed. @param {{ kind: "note" | "close", id: string, close: () => void, changed: (said: string) => void }} props */
function Written({ kind, id, close, changed }) {
  const [text, setText] = useState("");
  const send = async () => {
    const params = { alarm_id: id };
    if (kind === "note") await call("alarm.note", { params, body: { note: text.trim() } });
    else await call("alarm.close", { params, body: { reason: text.trim() } });
    close();
    changed(kind === "note" ? t("alarm.noted") : t("alarm.closed_done"));
  };
  const title = kind === "note" ? t("alarm.note") : t("alarm.close");
  return html`<${Dialog} title=${title} close=${close}>${kind === "close" && html`<p>${t("alarm.close_text")}</p>`}
    <${Form} send=${send} label=${title} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>
      <${Field} label=${kind === "note" ? t("alarm.note_text") : t("alarm.reason")} rows="3" required maxlength="1000" value=${text} onValue=${setText} /><//><//>`;
}

/** The values around the alarm as a chart, and those behind it as a table. @param {{ alarm: Alarm, name: string, unit: string, threshold: number | undefined }} props */
function Values({ alarm, name, unit, threshold }) {
  const [start, stop] = interval(alarm), room = Math.max(CONTEXT_MS, (stop - start) * SHARE);
  const whole = { start: start - room, stop: Math.min(stop + room, Date.now() + AHEAD_MS) };
  const [view, setView] = useState(whole);
  const [drawn, setDrawn] = useState(/** @type {import("../core/windows.js").Drawn | null} */ (null));
  const [said, setSaid] = useState("");
  const box = useRef(/** @type {any} */ (null));
  const wanted = { user: alarm.user_id, measurement: alarm.measurement, field: alarm.field, ...view };
  const loaded = useLoaded((signal) => load({ ...wanted, width: box.current?.clientWidth ?? 800, signal }, (it) => { if (!signal.aborted) setDrawn(it); }), [alarm.id, view.start, view.stop]);
  const move = (/** @type {number} */ from, /** @type {number} */ to) => { if (to - from >= SHORTEST && to - from <= LONGEST) setView({ start: Math.round(from), stop: Math.round(to) }); };
  const span = t("chart.span", { from: date(view.start), to: date(view.stop), zone: zone() });
  const rows = alarm.values ?? [];
  return html`<section class="card" ref=${box} aria-label=${t("alarm.values")}><header><h2>${t("alarm.values")}</h2><button type="button" onClick=${() => setView(whole)}>${t("alarm.whole")}</button></header>
    <p class="above"><span class="quiet">${span}</span><span class="number" aria-hidden="true">${said}</span></p><${Failure} error=${loaded.error} retry=${loaded.reload} />
    <${Chart} drawn=${drawn} start=${view.start} stop=${view.stop} unit=${unit} low=${null} high=${null} alarms=${[alarm]} limit=${threshold ?? null} busy=${loaded.busy} move=${move} say=${setSaid} label=${t("chart.label", { name, measurement: measurementName(alarm.measurement), span })} />
    <p class="legend"><span><i></i>${t(drawn && !drawn.raw ? "chart.mean" : "chart.points", { every: drawn?.every ?? "" })}${unit && `, ${unit}`}</span><span><i class=${`span ${alarm.severity}`}></i>${t("alarm.span")}</span>${threshold !== undefined && html`<span><i class="limit"></i>${t("alarm.threshold")}</span>`}</p>
    <details><summary>${t("alarm.show_values", { count: rows.length })}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("table.title")}><table><thead><tr><th>${t("table.time")}</th><th class="number">${t("table.value")} (${unit})</th></tr></thead>
      <tbody>${rows.slice(0, ROWS).map((it) => html`<tr key=${it.time}><td>${date(it.time, { dateStyle: "short", timeStyle: "medium" })}</td><td class="number">${measured(it.value, "", 1)}</td></tr>`)}</tbody></table></div>
      ${rows.length >= ROWS && html`<p><small>${t("alarm.first_values", { count: ROWS })}</small></p>`}</details></section>`;
}

/** @param {{ alarm: Alarm, people: User[] }} props */
function History({ alarm, people }) {
  const items = [...(alarm.history ?? [])].reverse();
  return html`<section class="card"><h2>${t("alarm.history")}</h2><ol class="history" reversed>${items.map((it) => html`<li key=${it.at + it.kind}>
    <time datetime=${it.at}>${date(it.at, { dateStyle: "medium", timeStyle: "medium" })}</time>
    <div>${PHRASES.includes(it.kind) ? t(`alarm.history.${it.kind}`) : it.kind}${it.actor ? ` · ${actorName(it.actor, people)}` : ""}${it.note && html`<blockquote>${it.note}</blockquote>`}</div></li>`)}</ol></section>`;
}

// Alarms: what is open, and one alarm with its values, its history and what people can do.
import { html, useEffect, useLayoutEffect, useState } from "../core/dom.js";
import { Failure, Field, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { SEVERITIES, byNeed, interval, openAlarms, readAgain, useOpenAlarms, watched } from "../core/alarms.js";
import { compare, date, duration, number, t, zone } from "../core/i18n.js";
import { note, place } from "../core/router.js";
import { session } from "../core/session.js";
import { One } from "./alarm.js";
import { isStaff, nameOf, namedPeople } from "./alarm_words.js";
import { Silences } from "./silences.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** @typedef {import("../core/data.js").User} User */

const VIEWS = /** @type {const} */ (["open", "unacknowledged", "active", "all"]);
const PAGE = 50;

/** The list, or with an id in the path one alarm. @param {{ path: string[] }} props */
export function Alarms({ path }) {
  return path[0] ? html`<${One} id=${path[0]} />` : html`<${Inbox} />`;
}

/** @typedef {{ view: string, severity: string, person: string, rule: string }} Chosen */

/** @param {Chosen} chosen @param {string | undefined} cursor @param {AbortSignal} signal @returns {Promise<{ items: Alarm[], next_cursor: string | null }>} */
async function load({ view, severity, person, rule }, cursor, signal) {
  const filter = /** @type {any} */ ({ severity, user_id: person, rule_id: rule });
  if (view === "open") return { items: await openAlarms(filter, signal), next_cursor: null };
  const wanted = /** @type {any} */ ({ unacknowledged: { acknowledged: false }, active: { active: true }, all: { withdrawn: true } })[view];
  return call("alarm.list", { query: { ...filter, ...wanted, limit: PAGE, cursor }, signal });
}

function Inbox() {
  const { query } = place();
  const [chosen, setChosen] = useState(/** @type {Chosen} */ ({ view: query.get("view") ?? "open", severity: query.get("severity") ?? "", person: query.get("person") ?? "", rule: query.get("rule") ?? "" }));
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const cursor = cursors[cursors.length - 1];
  const named = useLoaded(async (signal) => ({ people: await namedPeople(signal), rules: isStaff() ? (await call("alarm.list_rules", { query: { limit: 500 }, signal })).items : [] }), []);
  const found = useLoaded((signal) => load(chosen, cursor, signal), [chosen, cursor]);
  const known = useOpenAlarms();
  const [error, setError] = useState(/** @type {unknown} */ (null));
  useEffect(() => { if (found.value) found.reload(); }, [known.open?.map((it) => `${it.id}${it.acknowledged}${it.active}`).join()]);
  useLayoutEffect(() => note({ ...chosen, view: chosen.view === "open" ? "" : chosen.view }), [chosen]);
  const choose = (/** @type {Partial<Chosen>} */ next) => { setCursors([undefined]); setChosen({ ...chosen, ...next }); };
  const acknowledge = async (/** @type {Alarm} */ it) => {
    setError(null);
    try {
      await call("alarm.acknowledge", { params: { alarm_id: it.id }, body: {} });
      announce(t("alarm.acknowledged"));
      found.reload();
      readAgain();
    } catch (failure) {
      setError(failure);
    }
  };
  const people = [...(named.value?.people ?? [])].sort((one, other) => compare(nameOf(one.id, [one]), nameOf(other.id, [other])));
  const next = found.value?.next_cursor, unfiltered = chosen.view === "open" && !chosen.severity && !chosen.person && !chosen.rule;
  return html`<${Heading} title=${t("alarms.title")}>${isStaff() && html`<span class="actions"><a class="button" href="#/rules">${t("rules.title")}</a><a class="button" href="#/notifications">${t("notify.title")}</a></span>`}<//>
    <p class="quiet">${t("medical")}</p>
    ${isStaff() && named.value && html`<${Silences} people=${named.value.people} rules=${named.value.rules} />`}
    <div class="filters alarms">
      <div class="counts" role="group" aria-label=${t("alarms.view")}>${VIEWS.map((it) => html`<button key=${it} type="button" aria-pressed=${chosen.view === it} onClick=${() => choose({ view: it })}>${t(`alarms.view.${it}`)}</button>`)}</div>
      <${Field} label=${t("alarms.severity")} value=${chosen.severity} onValue=${(/** @type {string} */ severity) => choose({ severity })}><option value="">${t("any")}</option>${SEVERITIES.map((it) => html`<option key=${it} value=${it}>${t(`severity.${it}`)}</option>`)}<//>
      ${isStaff() && html`<${Field} label=${t("alarms.person")} value=${chosen.person} onValue=${(/** @type {string} */ person) => choose({ person })}><option value="">${t("any")}</option>${people.map((it) => html`<option key=${it.id} value=${it.id}>${nameOf(it.id, [it])}</option>`)}<//>
      <${Field} label=${t("alarms.rule")} value=${chosen.rule} onValue=${(/** @type {string} */ rule) => choose({ rule })}><option value="">${t("any")}</option>${named.value?.rules.map((it) => html`<option key=${it.id} value=${it.id}>${it.name}</option>`)}<//>`}
    </div>
    <${Failure} error=${error} /><${Failure} error=${named.error} retry=${named.reload} /><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value === null ? !found.error && html`<p class="loading" role="status">${t("loading")}</p>`
      : found.value.items.length === 0 ? html`<p class="card">${unfiltered ? t("alarms.none_open") : t("alarms.none")}</p>`
      : html`<${List} alarms=${found.value.items} people=${named.value?.people ?? []} busy=${found.busy} acknowledge=${acknowledge} />`}
    <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p>
    <p><small>${t("alarms.explained")}</small></p>`;
}

/** @param {{ alarms: Alarm[], people: User[], busy: boolean, acknowledge: (alarm: Alarm) => void }} props */
function List({ alarms, people, busy, acknowledge }) {
  return html`<section class="card" aria-label=${t("alarms.title")} aria-busy=${busy}><div class="scroll"><table class="stack inbox">
    <thead><tr><th>${t("alarms.severity")}</th><th>${t("alarms.what")}</th><th>${t("alarms.since", { zone: zone() })}</th><th>${t("alarms.state")}</th>${isStaff() && html`<th><span class="hidden">${t("actions")}</span></th>`}</tr></thead>
    <tbody>${alarms.map((it) => {
      const [start, stop] = interval(it), name = nameOf(it.user_id, people);
      return html`<tr key=${it.id}>
        <td><${State} kind=${it.severity}>${t(`severity.${it.severity}`)}<//></td>
        <td class="text"><a href=${`#/alarms/${it.id}`}>${it.rule_name}</a><br /><small>${name}</small></td>
        <td data-label=${t("alarms.start")}>${date(start)} <small>${duration((stop - start) / 1000)}</small></td>
        <td data-label=${t("alarms.state")}>${stateWords(it)}</td>
        ${isStaff() && html`<td>${!it.acknowledged && !it.withdrawn && html`<button type="button" aria-label=${t("alarm.acknowledge_of", { rule: it.rule_name, name })} onClick=${() => acknowledge(it)}>${t("alarm.acknowledge")}</button>`}</td>`}</tr>`;
    })}</tbody></table></div></section>`;
}

/** Whether it is active, acknowledged, closed. @param {Alarm} alarm */
function stateWords(alarm) {
  if (alarm.withdrawn) return t(alarm.merged_into ? "alarm.merged" : "alarm.withdrawn");
  const known = [t(alarm.active ? "alarm.active" : "alarm.over")];
  if (alarm.closed) known.push(t("alarm.closed"));
  else known.push(t(alarm.acknowledged ? "alarm.acknowledged_short" : "alarm.unacknowledged"));
  if (alarm.retrospective) known.push(t("alarm.retrospective"));
  return known.join(" · ");
}

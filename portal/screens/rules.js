// Rules: which there are, and one rule with its form, a rehearsal on real values, and its versions.
import { html, useState } from "../core/dom.js";
import { Confirm, Failure, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { date, duration, number, t, unitWords } from "../core/i18n.js";
import { go } from "../core/router.js";
import { session } from "../core/session.js";
import { conditionWords, actorName, namedPeople } from "./alarm_words.js";
import { changesOf, draftOf, requestOf } from "./rule_draft.js";
import { everyPolicy } from "./notify_words.js";
import { RuleFields } from "./rule_fields.js";
import { Rehearsal } from "./rehearsal.js";

/** @typedef {import("../core/types.js").AlarmRule} AlarmRule */
/** @typedef {import("../core/types.js").MeasurementList["items"][number]} Measurement */
/** @typedef {import("../core/data.js").User} User */

const isAdmin = () => session.person?.role === "admin";

/** The list, a new rule, or the rule whose id is in the path. @param {{ path: string[] }} props */
export function Rules({ path }) {
  return path[0] ? html`<${One} id=${path[0] === "new" ? null : path[0]} />` : html`<${List} />`;
}

/** @param {AbortSignal} signal @returns {Promise<AlarmRule[]>} */
const everyRule = (signal) => everyPage((cursor) => call("alarm.list_rules", { query: { limit: 500, cursor }, signal }));

/** For how long values must violate a rule, or be missing. @param {any} rule or one of its versions */
function lengthWords(rule) {
  const seconds = rule.for_seconds ?? rule.no_data_after_seconds ?? 0;
  return seconds === 0 ? t("rule.at_once") : t("rule.for_words", { time: duration(seconds) });
}

function List() {
  const found = useLoaded(async (signal) => {
    const [rules, policies, catalogue] = await Promise.all([everyRule(signal), everyPolicy(signal), call("timeseries.list_measurements", { signal })]);
    return { rules, policies, units: new Map(catalogue.items.map((it) => [it.name, it.unit])) };
  }, []);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const act = async (/** @type {() => Promise<unknown>} */ action, /** @type {string} */ said) => {
    setError(null);
    try {
      await action();
      announce(said);
      found.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const turn = (/** @type {AlarmRule} */ it) => act(() => call("alarm.update_rule", { params: { rule_id: it.id }, body: { enabled: !it.enabled } }), t(it.enabled ? "rules.turned_off" : "rules.turned_on", { name: it.name }));
  const defaults = () => act(() => call("alarm.add_default_rules"), t("rules.defaults_added"));
  const notified = (/** @type {AlarmRule} */ rule) => found.value?.policies.find((it) => (rule.policy_id ? it.id === rule.policy_id : it.default))?.name ?? t("rule.policy_nobody");
  const unit = (/** @type {AlarmRule} */ it) => unitWords(found.value?.units.get(it.measurement));
  return html`<p class="tools"><a href="#/alarms">← ${t("alarms.title")}</a></p>
    <${Heading} title=${t("rules.title")}>${isAdmin() && html`<span class="actions"><button type="button" onClick=${defaults}>${t("rules.defaults")}</button><a class="button main" href="#/rules/new">${t("rules.new")}</a></span>`}<//>
    <p class="notice">${t("medical")} ${t("rules.medical")}</p>
    <${Failure} error=${error} /><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value === null ? !found.error && html`<p class="loading" role="status">${t("loading")}</p>` : found.value.rules.length === 0 ? html`<p class="card">${t("rules.none")}</p>`
      : html`<section class="card" aria-label=${t("rules.title")} aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("name")}</th><th>${t("rule.when")}</th><th>${t("alarms.severity")}</th><th>${t("rule.people")}</th><th>${t("rule.policy")}</th><th>${t("rule.enabled")}</th></tr></thead>
      <tbody>${found.value.rules.map((it) => html`<tr key=${it.id}><td class="text"><a href=${`#/rules/${it.id}`}>${it.name}</a></td>
        <td class="text">${conditionWords(it.measurement, it.condition, it.threshold, unit(it))} <small>${lengthWords(it)}${it.activity === "resting" ? ` · ${t("rule.activity.resting")}` : ""}</small></td>
        <td data-label=${t("alarms.severity")}><${State} kind=${it.severity}>${t(`severity.${it.severity}`)}<//></td>
        <td data-label=${t("rule.people")}>${it.people.length ? t("rule.people_count", { count: it.people.length }) : t("rule.everybody")}</td>
        <td class="text" data-label=${t("rule.policy")}>${notified(it)}</td>
        <td>${isAdmin() ? html`<button type="button" role="switch" aria-checked=${it.enabled} aria-label=${t("rules.switch_of", { name: it.name })} onClick=${() => turn(it)}>${t(it.enabled ? "rule.on" : "rule.off")}</button>` : t(it.enabled ? "rule.on" : "rule.off")}</td></tr>`)}</tbody></table></div></section>`}`;
}

/** @param {{ id: string | null }} props null for a new rule */
function One({ id }) {
  const found = useLoaded(async (signal) => {
    const [rule, people, policies, catalogue] = await Promise.all([id ? call("alarm.read_rule", { params: { rule_id: id }, signal }) : null, namedPeople(signal), everyPolicy(signal), call("timeseries.list_measurements", { signal })]);
    return { rule, people: people.filter((it) => it.active), policies, catalogue: catalogue.items };
  }, [id]);
  const back = html`<p class="tools"><a href="#/rules">← ${t("rules.title")}</a></p>`;
  const title = found.value?.rule?.name ?? t(id ? "rule.title" : "rules.new");
  if (!found.value) return html`${back}<${Heading} title=${title} />${found.error ? html`<${Failure} error=${found.error} retry=${found.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  return html`${back}<${Heading} title=${title} /><p class="notice">${t("medical")} ${t("rules.medical")}</p>
    <${Failure} error=${found.error} retry=${found.reload} />
    <${Edited} rule=${found.value.rule} people=${found.value.people} policies=${found.value.policies} catalogue=${found.value.catalogue} reload=${found.reload} key=${found.value.rule?.version ?? 0} />`;
}

/** @param {{ rule: AlarmRule | null, people: User[], policies: import("./notify_words.js").Policy[], catalogue: Measurement[], reload: () => void }} props */
function Edited({ rule, people, policies, catalogue, reload }) {
  const [draft, setDraft] = useState(() => draftOf(rule));
  const [deleting, setDeleting] = useState(false);
  const set = (/** @type {Partial<typeof draft>} */ next) => setDraft((old) => ({ ...old, ...next }));
  const send = async () => {
    if (rule) {
      await call("alarm.update_rule", { params: { rule_id: rule.id }, body: changesOf(draft) });
      announce(t("saved"));
      reload();
    } else {
      const made = await call("alarm.create_rule", { body: requestOf(draft) });
      announce(t("rules.made"));
      go(`rules/${made.id}`);
    }
  };
  const remove = async () => {
    await call("alarm.delete_rule", { params: { rule_id: String(rule?.id) } });
    announce(t("rules.deleted"));
    go("rules");
  };
  const fields = html`<${RuleFields} draft=${draft} set=${set} made=${rule !== null} people=${people} policies=${policies} catalogue=${catalogue} />`;
  return html`<div class="cards rule">
    <section class="card"><h2>${t("rule.settings")}</h2>
      ${isAdmin() ? html`<${Form} send=${send} label=${t(rule ? "save" : "rules.make")} more=${rule && html`<button type="button" class="danger" onClick=${() => setDeleting(true)}>${t("rules.delete")}</button>`}>${fields}<//>`
        : html`<form onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}><fieldset disabled>${fields}</fieldset></form>`}
      ${rule?.source && html`<p><small>${t("rule.source")}: ${rule.source}</small></p>`}</section>
    <${Rehearsal} draft=${draft} people=${people} catalogue=${catalogue} take=${(/** @type {string} */ threshold) => set({ threshold, clear: threshold })} />
    ${rule && html`<${Versions} rule=${rule} people=${people} />`}</div>
    ${deleting && html`<${Confirm} title=${t("rules.delete")} text=${t("rules.delete_sure", { name: rule?.name ?? "" })} label=${t("rules.delete")} send=${remove} close=${() => setDeleting(false)} />`}`;
}

/** @param {{ rule: AlarmRule, people: User[] }} props */
function Versions({ rule, people }) {
  const versions = rule.versions ?? [];
  return html`<section class="card whole"><h2>${t("rule.versions")}</h2><p class="quiet">${t("rule.versions_text")}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("rule.versions")}><table class="stack"><thead><tr><th>${t("rule.number")}</th><th>${t("rule.since")}</th><th>${t("rule.by")}</th><th>${t("name")}</th><th>${t("rule.threshold")}</th><th>${t("rule.for")}</th><th>${t("alarms.severity")}</th><th>${t("rule.enabled")}</th></tr></thead>
    <tbody>${versions.map((it) => html`<tr key=${it.version}><td>${t("rule.version", { number: it.version })}</td><td data-label=${t("rule.since")}>${date(it.valid_from)}</td><td data-label=${t("rule.by")} class="text">${actorName(it.changed_by, people)}</td><td class="text">${it.name}</td>
      <td data-label=${t("rule.threshold")}>${it.threshold === undefined ? "–" : number(it.threshold, 2)}</td><td data-label=${t("rule.for")}>${lengthWords(it)}</td><td data-label=${t("alarms.severity")}>${t(`severity.${it.severity}`)}</td><td data-label=${t("rule.enabled")}>${t(it.enabled ? "rule.on" : "rule.off")}</td></tr>`)}</tbody></table></div></section>`;
}

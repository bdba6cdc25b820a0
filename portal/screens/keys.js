// API keys of devices and programs: make, change, give a new secret, take over, end.
import { html, useState } from "../core/dom.js";
import { Confirm, Dialog, Failure, Field, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage, people } from "../core/data.js";
import { ago, date, duration, has, t } from "../core/i18n.js";
import { session } from "../core/session.js";

/** @typedef {import("../core/types.js").ApiKey} ApiKey */
/** @typedef {import("../core/types.js").ScopeList} ScopeList */

const OVERLAPS = [0, 3600, 86_400, 604_800]; // seconds

/** The entries of a text with one on each line, or separated by commas. @param {string} text */
const entries = (text) => text.split(/[\s,]+/).filter(Boolean);
/** The end of a day, as a time of the contract. @param {string} day */
const endOf = (day) => new Date(`${day}T23:59:59`).toISOString();
/** The day of a time, as an input of type date has it. @param {string} time */
const dayOf = (time) => { const at = new Date(time); return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`; };

/** The screen. */
export function Keys() {
  const role = session.person?.role, staff = role !== "user";
  const [making, setMaking] = useState(false);
  const [changed, setChanged] = useState(/** @type {ApiKey | null} */ (null)), [rotated, setRotated] = useState(/** @type {ApiKey | null} */ (null));
  const [ended, setEnded] = useState(/** @type {ApiKey | null} */ (null)), [made, setMade] = useState(/** @type {ApiKey | null} */ (null));
  const found = useLoaded((signal) => everyPage((cursor) => call("auth.list_api_keys", { query: { limit: 500, cursor }, signal })), []);
  const names = useLoaded(async (signal) => new Map(role === "admin" ? (await people(signal)).map((it) => [it.id, it.full_name ?? it.email]) : []), []).value;
  const scopes = useLoaded((signal) => call("auth.scopes", { signal }), []);
  const done = (/** @type {ApiKey | null} */ key) => { setMaking(false); setRotated(null); setChanged(null); setEnded(null); setMade(key); found.reload(); };
  const adopt = async (/** @type {ApiKey} */ key) => { await call("auth.update_api_key", { params: { key_id: key.id }, body: { adopt: true } }); announce(t("keys.adopted")); found.reload(); };
  const end = async () => { await call("auth.delete_api_key", { params: { key_id: /** @type {ApiKey} */ (ended).id } }); announce(t("keys.ended")); done(null); };
  const orphans = (found.value ?? []).filter((it) => it.adopt_before && role === "admin");
  return html`<${Heading} title=${t("keys.title")}><button type="button" class="main" onClick=${() => setMaking(true)}>${t("keys.make")}</button><//>
    <p class="quiet">${t(staff ? "keys.text" : "keys.text_user")}</p>
    <${Failure} error=${found.error} retry=${found.reload} />
    ${orphans.map((it) => html`<section class="notice" key=${it.id}><p>${t("keys.orphan", { name: it.name, until: date(it.adopt_before ?? "") })}</p><${Form} send=${() => adopt(it)} label=${t("keys.adopt")} /></section>`)}
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("keys.name")}</th><th>${t("keys.kind")}</th><th>${t("keys.may")}</th><th>${t("keys.used")}</th><th>${t("members.state")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${found.value?.map((it) => html`<${Row} key=${it.id} it=${it} owner=${names?.get(it.created_by)} change=${setChanged} rotate=${setRotated} end=${setEnded} />`)}</tbody></table></div>
      ${found.value && !found.value.length && html`<p>${t("keys.none")}</p>`}</section>
    ${making && html`<${Edit} scopes=${scopes} close=${() => setMaking(false)} done=${done} />`}
    ${changed && html`<${Edit} known=${changed} scopes=${scopes} close=${() => setChanged(null)} done=${done} />`}
    ${rotated && html`<${Rotate} it=${rotated} close=${() => setRotated(null)} done=${done} />`}
    ${ended && html`<${Confirm} title=${t("keys.end_title", { name: ended.name })} text=${t("keys.end_sure")} label=${t("keys.end")} send=${end} close=${() => setEnded(null)} />`}
    ${made && html`<${Secret} it=${made} close=${() => setMade(null)} />`}`;
}

/** What a scope opens, in words; a single route by its id. @param {string} name */
const scopeWords = (name) => (has(`scope.${name}`) ? t(`scope.${name}`) : name);

/** @param {{ it: ApiKey, owner?: string, change: (it: ApiKey) => void, rotate: (it: ApiKey) => void, end: (it: ApiKey) => void }} props */
function Row({ it, owner, change, rotate, end }) {
  const own = it.created_by === session.person?.id, mayChange = own || it.kind === "integration";
  const limits = [...it.buckets, ...it.networks];
  return html`<tr><td class="text"><strong>${it.name}</strong><br /><small><code>${it.hint}…</code>${owner && ` · ${owner}`}</small></td><td data-label=${t("keys.kind")}>${t(`keys.kind.${it.kind}`)}</td>
    <td class="text" data-label=${t("keys.may")}>${it.kind === "device" ? t("keys.device_may") : it.scopes.map(scopeWords).join(" · ")}${limits.length > 0 && html`<br /><small>${t("keys.only", { where: limits.join(", ") })}</small>`}</td>
    <td data-label=${t("keys.used")}>${it.last_used_at ? html`<span title=${date(it.last_used_at)}>${ago((Date.now() - Date.parse(it.last_used_at)) / 1000)}</span>${it.last_used_address && html`<br /><small>${it.last_used_address}</small>`}` : t("never")}</td>
    <td><${Validity} it=${it} /></td>
    <td><span class="actions">${mayChange && html`<button type="button" aria-label=${t("members.change_of", { name: it.name })} onClick=${() => change(it)}>${t("members.change")}</button><button type="button" aria-label=${t("keys.rotate_of", { name: it.name })} onClick=${() => rotate(it)}>${t("keys.rotate")}</button>`}
      <button type="button" class="danger" aria-label=${t("keys.end_of", { name: it.name })} onClick=${() => end(it)}>${t("keys.end")}</button></span></td></tr>`;
}

/** @param {{ it: ApiKey }} props */
function Validity({ it }) {
  if (Date.parse(it.expires_at) < Date.now()) return html`<${State} kind="silent">${t("keys.expired")}<//>`;
  if (it.adopt_before) return html`<${State} kind="late">${t("keys.ownerless")}<//>`;
  const both = it.former_valid_until && Date.parse(it.former_valid_until) > Date.now();
  return html`<${State} kind="good">${t("keys.until", { until: date(it.expires_at, { dateStyle: "medium" }) })}<//>${both && html`<br /><small>${t("keys.both", { until: date(it.former_valid_until ?? "") })}</small>`}`;
}

/** Makes a key, or changes a known one. @param {{ known?: ApiKey, scopes: { value: ScopeList | null, error: unknown, reload: () => void }, close: () => void, done: (made: ApiKey | null) => void }} props */
function Edit({ known, scopes, close, done }) {
  const user = session.person?.role === "user";
  const [kind, setKind] = useState(/** @type {string} */ (known?.kind ?? (user ? "device" : "integration"))), [name, setName] = useState(known?.name ?? "");
  const [chosen, setChosen] = useState(/** @type {string[]} */ (known?.scopes ?? []));
  const [buckets, setBuckets] = useState((known?.buckets ?? []).join("\n")), [networks, setNetworks] = useState((known?.networks ?? []).join("\n"));
  const [day, setDay] = useState(known ? dayOf(known.expires_at) : "");
  const send = async () => {
    const scoped = kind === "integration" ? { scopes: chosen } : {};
    const moved = day && !(known && day === dayOf(known.expires_at)) ? { expires_at: endOf(day) } : {};
    const body = { name: name.trim(), ...scoped, buckets: entries(buckets), networks: entries(networks), ...moved };
    if (!known) return done(await call("auth.create_api_key", { body: { kind: /** @type {any} */ (kind), ...body } }));
    await call("auth.update_api_key", { params: { key_id: known.id }, body });
    announce(t("saved"));
    done(null);
  };
  const toggle = (/** @type {string} */ scope) => setChosen(chosen.includes(scope) ? chosen.filter((it) => it !== scope) : [...chosen, scope]);
  const boxes = (/** @type {ScopeList["items"]} */ items) => html`<div class="boxes">${items.map((it) => html`<label class="check" key=${it.name}><input type="checkbox" checked=${chosen.includes(it.name)} onChange=${() => toggle(it.name)} /> ${scopeWords(it.name)}</label>`)}</div>`;
  const all = scopes.value?.items ?? [], single = all.filter((it) => it.name.includes("."));
  return html`<${Dialog} title=${known ? known.name : t("keys.make")} close=${close}><${Form} send=${send} label=${t(known ? "save" : "keys.make")}>
    ${!known && !user && html`<${Field} label=${t("keys.kind")} hint=${t(`keys.kind.${kind}.text`)} value=${kind} onValue=${setKind}>${["integration", "device"].map((it) => html`<option key=${it} value=${it}>${t(`keys.kind.${it}`)}</option>`)}<//>`}
    <${Field} label=${t("keys.name")} hint=${t("keys.name_hint")} type="text" required maxlength="100" value=${name} onValue=${setName} />
    ${kind === "integration" && html`<fieldset><legend>${t("keys.may")}</legend><${Failure} error=${scopes.error} retry=${scopes.reload} />${boxes(all.filter((it) => !it.name.includes(".")))}
      <details open=${single.some((it) => chosen.includes(it.name))}><summary>${t("keys.single")}</summary>${boxes(single)}</details></fieldset>`}
    <${Field} label=${t("keys.expires")} hint=${t(known ? "keys.expires_known" : "keys.expires_hint")} type="date" min=${dayOf(new Date().toISOString())} value=${day} onValue=${setDay} />
    <details open=${Boolean(known?.buckets.length || known?.networks.length)}><summary>${t("keys.restrict")}</summary><div class="inner">
      <${Field} label=${t("keys.buckets")} hint=${t("keys.buckets_hint")} rows="2" value=${buckets} onValue=${setBuckets} />
      <${Field} label=${t("keys.networks")} hint=${t("keys.networks_hint")} rows="2" value=${networks} onValue=${setNetworks} /></div></details>
  <//><//>`;
}

/** @param {{ it: ApiKey, close: () => void, done: (made: ApiKey) => void }} props */
function Rotate({ it, close, done }) {
  const [overlap, setOverlap] = useState("86400");
  const send = async () => done(await call("auth.rotate_api_key", { params: { key_id: it.id }, body: { overlap_seconds: Number(overlap) } }));
  return html`<${Dialog} title=${t("keys.rotate_of", { name: it.name })} close=${close}><p>${t("keys.rotate_text")}</p><${Form} send=${send} label=${t("keys.rotate")}>
    <${Field} label=${t("keys.overlap")} value=${overlap} onValue=${setOverlap}>${OVERLAPS.map((seconds) => html`<option key=${seconds} value=${String(seconds)}>${seconds ? duration(seconds) : t("keys.at_once")}</option>`)}<//><//><//>`;
}

/** The secret, which the server shows only once. @param {{ it: ApiKey, close: () => void }} props */
function Secret({ it, close }) {
  const copy = async () => { await navigator.clipboard.writeText(it.key ?? ""); announce(t("keys.copied")); };
  return html`<${Dialog} title=${t("keys.made", { name: it.name })} close=${close}><p>${t("keys.once")}</p><p><code class="secret">${it.key}</code></p>
    <p class="actions"><button type="button" class="main" onClick=${copy}>${t("keys.copy")}</button></p><//>`;
}

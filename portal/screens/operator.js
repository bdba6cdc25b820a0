// The operator's screen: organizations with their mode, plan and limits; accounts; services, jobs and dead letters; backups.
// The token is typed, and is kept in this variable only: a reload forgets it.
import { html, useState } from "../core/dom.js";
import { Dialog, Failure, Field, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { date, has, number, t } from "../core/i18n.js";
import { Accounts } from "./accounts.js";
import { Backups } from "./backups.js";
import { Invite, ROLES } from "./invite.js";
import { Work } from "./work.js";

/** @typedef {import("../core/types.js").Organization} Organization */
/** @typedef {import("../core/types.js").LimitList["items"][number]} Limit */

const MODES = /** @type {const} */ ({ active: "good", read_only: "late", suspended: "alert", demo: "none" });
/** Each part of the screen by the name in its address. */
const PARTS = /** @type {const} */ ({ organizations: Organizations, accounts: Accounts, work: Work, backups: Backups });
let held = "";

/** The screen. @param {{ path: string[] }} props */
export function Operator({ path }) {
  const [token, setToken] = useState(held), [typed, setTyped] = useState("");
  const enter = async () => {
    await call("gateway.services", { token: typed.trim() });
    held = typed.trim();
    setTyped("");
    setToken(held);
  };
  const leave = () => { held = ""; setToken(""); };
  if (!token) {
    return html`<${Heading} title=${t("operator.title")} /><section class="card"><p class="quiet">${t("operator.text")}</p><${Form} send=${enter} label=${t("operator.enter")}>
      <${Field} label=${t("operator.token")} hint=${t("operator.token_hint")} type="password" required autocomplete="off" spellcheck="false" value=${typed} onValue=${setTyped} /><//></section>`;
  }
  const here = /** @type {keyof typeof PARTS} */ (path[0] in PARTS ? path[0] : "organizations");
  return html`<${Heading} title=${t("operator.title")}><button type="button" onClick=${leave}>${t("operator.leave")}</button><//>
    <nav class="tabs" aria-label=${t("operator.tabs")}><ul>${Object.keys(PARTS).map((it) => html`<li key=${it}><a href=${`#/operator/${it}`} aria-current=${it === here ? "page" : undefined}>${t(`operator.${it}`)}</a></li>`)}</ul></nav>
    <${PARTS[here]} token=${token} key=${here} />`;
}

/** @param {{ token: string }} props */
function Organizations({ token }) {
  const [text, setText] = useState(""), [sought, setSought] = useState(""), [chosen, setChosen] = useState(/** @type {Organization | null} */ (null));
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("organization.list", { token, signal, query: { limit: 50, cursor, q: sought || undefined } }), [cursor, sought]);
  const next = found.value?.next_cursor;
  const seek = (/** @type {Event} */ event) => { event.preventDefault(); setCursors([undefined]); setSought(text.trim()); };
  return html`<form class="filters" role="search" onSubmit=${seek}><${Field} label=${t("organization.name")} type="search" maxlength="200" value=${text} onValue=${setText} /><button>${t("search")}</button></form>
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th class="number">${t("operator.number")}</th><th>${t("organization.name")}</th><th>${t("mode.title")}</th><th>${t("plan.title")}</th><th>${t("operator.since")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${found.value?.items.map((it) => html`<tr key=${it.id}><td class="number" data-label=${t("operator.number")}>${it.id}</td><td class="text">${it.name}</td><td><${State} kind=${MODES[it.mode ?? "active"]}>${t(`mode.${it.mode ?? "active"}`)}<//></td>
        <td data-label=${t("plan.title")}>${it.plan ? html`${it.plan.name}${it.plan.until && html`<br /><small>${date(it.plan.until)}</small>`}` : "–"}</td><td data-label=${t("operator.since")}>${date(it.created_at, { dateStyle: "medium" })}</td><td><button type="button" aria-label=${t("members.change_of", { name: it.name })} onClick=${() => setChosen(it)}>${t("members.change")}</button></td></tr>`)}</tbody></table></div>
      ${found.value && !found.value.items.length && html`<p>${t("operator.nothing_found")}</p>`}
      <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.back")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.next")}</button>`}</p></section>
    ${chosen && html`<${Change} it=${chosen} token=${token} close=${() => { setChosen(null); found.reload(); }} />`}`;
}

/** @param {{ it: Organization, token: string, close: () => void }} props */
function Change({ it, token, close }) {
  const [mode, setMode] = useState(/** @type {string} */ (it.mode ?? "active"));
  const [plan, setPlan] = useState(it.plan?.name ?? ""), [until, setUntil] = useState(it.plan?.until?.slice(0, 10) ?? "");
  const limits = useLoaded((signal) => call("organization.read_limits_of", { token, signal, params: { org_id: it.id } }), [it.id]);
  const [name, setName] = useState(""), [value, setValue] = useState(""), [inviting, setInviting] = useState(false);
  const params = { org_id: it.id };
  const setting = limits.value?.items.find((one) => one.name === name);
  const saveMode = async () => { await call("organization.update_mode", { token, params, body: { mode: /** @type {any} */ (mode) } }); announce(t("saved")); };
  const savePlan = async () => {
    await call("organization.update_plan", { token, params, body: plan.trim() ? { plan: plan.trim(), ...(until ? { until: `${until}T00:00:00Z` } : {}) } : { plan: null } });
    announce(t("saved"));
    limits.reload();
  };
  const saveLimit = async () => {
    await call("organization.update_limits", { token, params, body: { limits: [{ name, value: value.trim() ? Number(value) : null }] } });
    announce(t("saved"));
    limits.reload();
  };
  if (inviting) {
    return html`<${Invite} title=${t("operator.invite", { name: it.name })} roles=${[...ROLES].reverse()} close=${() => setInviting(false)}
      invite=${(/** @type {any} */ body) => call("auth.invite_into", { token, params, body })} />`;
  }
  return html`<${Dialog} title=${it.name} close=${close}>
    <${Form} send=${saveMode} label=${t("operator.save_mode")}><${Field} label=${t("mode.title")} hint=${t(`mode.${mode}.text`)} value=${mode} onValue=${setMode}>${Object.keys(MODES).map((one) => html`<option key=${one} value=${one}>${t(`mode.${one}`)}</option>`)}<//><//>
    <${Form} send=${savePlan} label=${t("operator.save_plan")}><${Field} label=${t("plan.title")} hint=${t("operator.plan_hint")} type="text" maxlength="64" value=${plan} onValue=${setPlan} /><${Field} label=${t("plan.until")} type="date" value=${until} onValue=${setUntil} /><//>
    <h3>${t("limits.title")}</h3><${Failure} error=${limits.error} retry=${limits.reload} />
    ${limits.value && html`<${Form} send=${saveLimit} label=${t("operator.save_limit")}>
      <${Field} label=${t("limits.limit")} value=${name} required onValue=${(/** @type {string} */ one) => { setName(one); setValue(String(limits.value?.items.find((other) => other.name === one)?.value ?? "")); }}><option value="">${t("operator.choose")}</option>${limits.value.items.map((one) => html`<option key=${one.name} value=${one.name}>${has(`limit.${one.name}`) ? t(`limit.${one.name}`) : one.name}</option>`)}<//>
      ${setting && html`<p><small>${t("operator.limit_text", { value: setting.value, default: setting.default })}${setting.used !== undefined && ` ${t("limits.used")}: ${number(setting.used)}`}</small></p>`}
      <${Field} label=${t("operator.value")} hint=${t("operator.limit_hint")} type="number" min="0" step="1" value=${value} onValue=${setValue} /><//>`}
    <p class="actions"><button type="button" onClick=${() => setInviting(true)}>${t("operator.invite_somebody")}</button></p><//>`;
}

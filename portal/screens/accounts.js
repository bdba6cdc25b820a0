// Accounts of any organization, as the operator sees them: find, lock, unlock, sessions. Nobody is listed unasked.
import { html, useState } from "../core/dom.js";
import { Confirm, Dialog, Failure, Field, Form, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { date, number, t } from "../core/i18n.js";
import { SessionDialog } from "./sessions.js";

/** @typedef {import("../core/types.js").AccountState} Account */

const PAGE = 50;
const name = (/** @type {Account} */ it) => it.full_name ?? it.email;

/** @param {{ token: string }} props */
export function Accounts({ token }) {
  const [text, setText] = useState(""), [sought, setSought] = useState("");
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => (sought ? call("auth.accounts", { token, signal, query: { q: sought, limit: PAGE, cursor } }) : Promise.resolve(null)), [sought, cursor]);
  const next = found.value?.next_cursor, items = found.value?.items;
  const seek = (/** @type {Event} */ event) => { event.preventDefault(); setCursors([undefined]); setSought(text.trim()); };
  return html`<form class="filters" role="search" onSubmit=${seek}><${Field} label=${t("members.search")} type="search" required maxlength="200" value=${text} onValue=${setText} /><button>${t("search")}</button></form>
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card" aria-busy=${found.busy}>${!items ? html`<p class="quiet">${t("accounts.text")}</p>` : !items.length ? html`<p>${t("members.none")}</p>`
      : html`<div class="scroll"><table class="stack"><thead><tr><th>${t("name")}</th><th>${t("email")}</th><th class="number">${t("organization.title")}</th><th>${t("role")}</th><th>${t("members.state")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${items.map((it) => html`<tr key=${it.id}><td class="text">${name(it)}</td><td class="text">${it.email}</td><td class="number" data-label=${t("organization.title")}>${it.org_id}</td><td data-label=${t("role")}>${t(`role.${it.role}`)}</td><td><${Standing} it=${it} /></td>
        <td><button type="button" aria-label=${t("accounts.open_of", { name: name(it), id: it.org_id })} onClick=${() => setChosen(it.id)}>${t("accounts.open")}</button></td></tr>`)}</tbody></table></div>`}
      <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.back")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.next")}</button>`}</p></section>
    ${chosen !== null && html`<${One} id=${chosen} token=${token} close=${() => { setChosen(null); found.reload(); }} />`}`;
}

/** @param {{ it: Account }} props */
function Standing({ it }) {
  if (!it.active) return html`<${State} kind="silent">${t("members.locked")}<//>`;
  return it.login_locked_until ? html`<${State} kind="late">${t("accounts.paused", { until: date(it.login_locked_until) })}<//>` : html`<${State} kind="good">${t("members.active")}<//>`;
}

/** @param {{ id: number, token: string, close: () => void }} props */
function One({ id, token, close }) {
  const params = { user_id: id };
  const found = useLoaded((signal) => call("auth.account", { token, signal, params }), [id]);
  const [part, setPart] = useState(/** @type {"" | "lock" | "sessions"} */ ("")), it = found.value;
  const back = () => { setPart(""); found.reload(); };
  const lock = async () => { await call("auth.lock_account", { token, params }); back(); };
  const unlock = async () => { await call("auth.unlock_account", { token, params }); back(); };
  if (it && part === "lock") return html`<${Confirm} title=${t("accounts.lock")} text=${t("accounts.lock_sure", { name: name(it), id: it.org_id })} label=${t("accounts.lock")} send=${lock} close=${back} />`;
  if (it && part === "sessions") {
    return html`<${SessionDialog} title=${t("sessions.of", { name: name(it) })} text=${t("sessions.of_text")} close=${back} end=${null}
      load=${(/** @type {AbortSignal} */ signal) => call("auth.sessions_of", { token, signal, params })} endAll=${() => call("auth.end_sessions_of", { token, params })} />`;
  }
  return html`<${Dialog} title=${it ? name(it) : t("accounts.account")} close=${close}><${Failure} error=${found.error} retry=${found.reload} />
    <div aria-busy=${found.busy}>${it && html`<p role="status"><${Standing} it=${it} /></p>
    <dl class="pairs"><dt>${t("operator.number")}</dt><dd>${it.id}</dd><dt>${t("email")}</dt><dd>${it.email}</dd><dt>${t("organization.title")}</dt><dd>${it.org_id}</dd><dt>${t("role")}</dt><dd>${t(`role.${it.role}`)}</dd>
      <dt>${t("operator.since")}</dt><dd>${date(it.created_at)}</dd><dt>${t("sessions.title")}</dt><dd>${number(it.open_sessions)}</dd><dt>${t("sessions.last")}</dt><dd>${it.last_used_at ? date(it.last_used_at) : "–"}</dd></dl>
    <p class="actions"><button type="button" onClick=${() => setPart("sessions")}>${t("sessions.title")}</button>${it.active && html`<button type="button" class="danger" onClick=${() => setPart("lock")}>${t("accounts.lock")}</button>`}</p>
    ${(!it.active || it.login_locked_until) && html`<${Form} send=${unlock} label=${t("accounts.unlock")} />`}`}</div><//>`;
}

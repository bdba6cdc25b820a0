// The members of the organization: invite, roles, lock, sessions, a code for a forgotten password, delete.
import { html, useState } from "../core/dom.js";
import { Confirm, Dialog, Failure, Field, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { date, t } from "../core/i18n.js";
import { session } from "../core/session.js";
import { useJob } from "./account.js";
import { Invite, ROLES } from "./invite.js";
import { MemberSessions } from "./sessions.js";

/** @typedef {import("../core/types.js").User} User */

const PAGE = 50;

/** The screen. */
export function Members() {
  const [text, setText] = useState(""), [sought, setSought] = useState("");
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const [inviting, setInviting] = useState(false);
  const [chosen, setChosen] = useState(/** @type {User | null} */ (null));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("user.list", { query: { limit: PAGE, cursor, q: sought || undefined }, signal }), [cursor, sought]);
  const invitations = useLoaded((signal) => everyPage((next) => call("auth.invitations", { query: { limit: 500, cursor: next }, signal })), []);
  const next = found.value?.next_cursor;
  const seek = (/** @type {Event} */ event) => { event.preventDefault(); setCursors([undefined]); setSought(text.trim()); };
  return html`<${Heading} title=${t("members.title")}><button type="button" class="main" onClick=${() => setInviting(true)}>${t("members.invite")}</button><//>
    <form class="filters" role="search" onSubmit=${seek}><${Field} label=${t("members.search")} type="search" maxlength="200" value=${text} onValue=${setText} /><button>${t("search")}</button></form>
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("name")}</th><th>${t("email")}</th><th>${t("role")}</th><th>${t("members.state")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${found.value?.items.map((it) => html`<${Row} key=${it.id} member=${it} choose=${setChosen} />`)}</tbody></table></div>
      ${found.value && !found.value.items.length && html`<p>${t("members.none")}</p>`}
      <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.back")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.next")}</button>`}</p></section>
    <${Invitations} found=${invitations} />
    ${inviting && html`<${Invite} title=${t("members.invite")} roles=${session.person?.role === "admin" ? ROLES : ROLES.slice(0, 1)}
      invite=${(/** @type {any} */ body) => call("auth.invite", { body })} close=${() => { setInviting(false); invitations.reload(); }} />`}
    ${chosen && html`<${Member} member=${chosen} close=${() => { setChosen(null); found.reload(); }} />`}`;
}

/** @param {{ member: User, choose: (member: User) => void }} props */
function Row({ member, choose }) {
  const name = member.full_name ?? member.email;
  return html`<tr><td class="text"><a href=${`#/people/${member.id}`}>${name}</a></td><td class="text">${member.email}</td><td data-label=${t("role")}>${t(`role.${member.role}`)}</td>
    <td>${member.active ? html`<${State} kind="good">${t("members.active")}<//>` : html`<${State} kind="silent">${t("members.locked")}<//>`}</td>
    <td>${session.person?.role === "admin" && html`<button type="button" aria-label=${t("members.change_of", { name })} onClick=${() => choose(member)}>${t("members.change")}</button>`}</td></tr>`;
}

/** @param {{ found: any }} props */
function Invitations({ found }) {
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const withdraw = async (/** @type {string} */ id) => {
    setError(null);
    try {
      await call("auth.withdraw_invitation", { params: { invitation_id: id } });
      announce(t("invitations.withdrawn"));
      found.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("invitations.title")}</h2><${Failure} error=${error ?? found.error} retry=${found.reload} />
    ${found.value && !found.value.length && html`<p class="quiet">${t("invitations.none")}</p>`}
    ${found.value?.length > 0 && html`<div class="scroll"><table class="stack"><thead><tr><th>${t("email")}</th><th>${t("role")}</th><th>${t("invitations.until")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${found.value.map((/** @type {any} */ it) => html`<tr key=${it.id}><td class="text">${it.email}</td><td data-label=${t("role")}>${t(`role.${it.role}`)}</td><td data-label=${t("invitations.until")}>${date(it.expires_at)}</td><td><button type="button" aria-label=${t("invitations.withdraw_of", { email: it.email })} onClick=${() => withdraw(it.id)}>${t("invitations.withdraw")}</button></td></tr>`)}</tbody></table></div>`}</section>`;
}

/** @param {{ member: User, close: () => void }} props */
function Member({ member, close }) {
  const [role, setRole] = useState(/** @type {string} */ (member.role)), [active, setActive] = useState(member.active ? "yes" : "no");
  const [code, setCode] = useState(/** @type {import("../core/types.js").ResetCode | null} */ (null));
  const [job, setJob] = useState(/** @type {string | null} */ (null)), [deleting, setDeleting] = useState(false), [sessions, setSessions] = useState(false);
  const name = member.full_name ?? member.email;
  const save = async () => {
    await call("user.administer", { params: { user_id: member.id }, body: { role: /** @type {any} */ (role), active: active === "yes" } });
    announce(t("saved"));
    close();
  };
  const unlock = async () => { await call("auth.lock_end", { params: { user_id: member.id } }); announce(t("member.unlocked")); };
  const help = async () => setCode(await call("auth.password_code", { body: { user_id: member.id } }));
  const remove = async () => { setJob((await call("user.delete", { params: { user_id: member.id } })).id); setDeleting(false); };
  if (job) return html`<${Deletion} job=${job} name=${name} close=${close} />`;
  if (sessions) return html`<${MemberSessions} id=${member.id} name=${name} close=${() => setSessions(false)} />`;
  if (deleting) return html`<${Confirm} title=${t("member.delete")} text=${t("member.delete_sure", { name })} label=${t("member.delete_submit")} send=${remove} close=${() => setDeleting(false)} />`;
  return html`<${Dialog} title=${name} close=${close}>
    <${Form} send=${save} label=${t("save")}>
      <${Field} label=${t("role")} hint=${t(`role.${role}.text`)} value=${role} onValue=${setRole}>${ROLES.map((it) => html`<option key=${it} value=${it}>${t(`role.${it}`)}</option>`)}<//>
      <${Field} label=${t("members.state")} hint=${t("member.lock_text")} value=${active} onValue=${setActive}><option value="yes">${t("members.active")}</option><option value="no">${t("members.locked")}</option><//>
    <//>
    <h3>${t("member.help")}</h3>
    ${code ? html`<p>${t("member.code_text", { until: date(code.expires_at) })} <code>${code.code}</code></p>` : html`<${Form} send=${help} label=${t("member.code")} />`}
    <${Form} send=${unlock} label=${t("member.unlock")} />
    ${member.id !== session.person?.id && html`<p class="actions"><button type="button" onClick=${() => setSessions(true)}>${t("sessions.title")}</button><button type="button" class="danger" onClick=${() => setDeleting(true)}>${t("member.delete")}</button></p>`}
  <//>`;
}

/** @param {{ job: string, name: string, close: () => void }} props */
function Deletion({ job, name, close }) {
  const found = useJob("user.read_deletion", job), status = found.value?.status;
  return html`<${Dialog} title=${t("member.delete")} close=${close}><p role="status">${status === "done" ? t("member.deleted", { name }) : status === "failed" ? t("member.delete_failed") : t("member.deleting", { name })}</p>
    ${status !== "done" && html`<progress max="100" value=${found.value?.progress ?? 0} aria-label=${t("member.delete")}></progress>`}<${Failure} error=${found.error} retry=${found.reload} /><//>`;
}

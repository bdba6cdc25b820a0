// My account: profile and language, password, sessions, my data, who saw them.
import { html, useState } from "../core/dom.js";
import { Confirm, Failure, Field, Form, Heading, Password, announce, useLoaded, useRepeated } from "../core/ui.js";
import { call } from "../core/api.js";
import { date, speak, t } from "../core/i18n.js";
import { go } from "../core/router.js";
import { endBy, endEverywhere, reread, session } from "../core/session.js";
import { eventWords } from "./events.js";
import { Memberships } from "./memberships.js";
import { SessionTable } from "./sessions.js";

/** The screen. */
export function Account() {
  return html`<${Heading} title=${t("account.title")} />
    <div class="cards wide"><${Profile} /><${NewPassword} /><${Memberships} /><${Sessions} /><${Export} /><${Deletion} /></div><${Seen} />`;
}

function Profile() {
  const me = /** @type {import("../core/types.js").User} */ (session.person);
  const [name, setName] = useState(me.full_name ?? "");
  const [language, setLanguage] = useState(String(me.preferences.language ?? ""));
  const send = async () => {
    /** @type {Record<string, string | number | boolean>} */
    const preferences = { ...me.preferences };
    if (language) preferences.language = language;
    else delete preferences.language;
    await call("user.update_self", { body: { full_name: name.trim() || null, preferences } });
    if (language) await speak(language);
    await reread();
    announce(t("saved"));
  };
  return html`<section class="card"><h2>${t("account.profile")}</h2>
    <dl class="pairs"><dt>${t("email")}</dt><dd>${me.email}</dd><dt>${t("role")}</dt><dd>${t(`role.${me.role}`)}</dd></dl>
    <${Form} send=${send} label=${t("save")}>
      <${Field} label=${t("name")} type="text" autocomplete="name" maxlength="200" value=${name} onValue=${setName} />
      <${Field} label=${t("account.language")} value=${language} onValue=${setLanguage}><option value="">${t("account.language_browser")}</option><option value="en" lang="en">English</option><option value="es" lang="es">Español</option><//>
    <//></section>`;
}

function NewPassword() {
  const [old, setOld] = useState(""), [next, setNext] = useState("");
  const send = async () => {
    await call("auth.password", { body: { current_password: old, new_password: next } });
    setOld("");
    setNext("");
    announce(t("account.password_changed"));
  };
  return html`<section class="card"><h2>${t("account.password")}</h2><p class="quiet">${t("account.password_text")}</p>
    <${Form} send=${send} label=${t("account.password_submit")}>
      <input type="text" autocomplete="username" value=${session.person?.email} readonly hidden />
      <${Field} label=${t("password.current")} type="password" autocomplete="current-password" required minlength="8" maxlength="128" value=${old} onValue=${setOld} />
      <${Password} label=${t("password.new")} hint=${t("password.hint")} autocomplete="new-password" value=${next} onValue=${setNext} />
    <//></section>`;
}

function Sessions() {
  const found = useLoaded((signal) => call("auth.sessions", { signal }), []);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const end = async (/** @type {any} */ it) => {
    setError(null);
    try {
      await call("auth.session_end", { params: { session_id: it.id } });
      announce(t("sessions.ended"));
      found.reload();
    } catch (failure) {
      setError(failure);
    }
  };
  const everywhere = async () => {
    try {
      await endEverywhere();
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("sessions.title")}</h2><${Failure} error=${error ?? found.error} retry=${found.reload} />
    <${SessionTable} items=${found.value?.items} end=${end} />
    <p><button type="button" onClick=${everywhere}>${t("sessions.end_all")}</button></p></section>`;
}

/** Polls a job until it has ended. @param {"user.read_export" | "user.read_deletion" | "organization.read_deletion" | "timeseries.read_export"} route @param {string | null} job */
export function useJob(route, job) {
  const found = useLoaded((signal) => (job ? call(route, { params: { job_id: job }, signal, once: route === "organization.read_deletion" }) : Promise.resolve(null)), [job]);
  const open = job !== null && found.value?.status !== "done" && found.value?.status !== "failed";
  useRepeated(() => { if (open && !found.busy) found.reload(); }, 1);
  return found;
}

function Export() {
  const [job, setJob] = useState(/** @type {string | null} */ (null));
  const found = useJob("user.read_export", job);
  const ask = async () => setJob((await call("user.request_export")).id);
  return html`<section class="card"><h2>${t("account.data")}</h2><p class="quiet">${t("account.data_text")}</p>
    ${found.value?.status === "done" && found.value.result_url ? html`<p><a class="button main" href=${found.value.result_url} download>${t("account.download")}</a></p>`
      : job ? html`<p role="status">${t("account.preparing")} <progress max="100" value=${found.value?.progress ?? 0}></progress></p>`
      : html`<${Form} send=${ask} label=${t("account.export")} />`}
    ${found.value?.status === "failed" && html`<p class="failure" role="alert">${t("account.export_failed")}</p>`}<${Failure} error=${found.error} retry=${found.reload} /></section>`;
}

function Deletion() {
  const [deleting, setDeleting] = useState(false);
  const remove = async () => {
    await endBy(() => call("user.delete", { params: { user_id: Number(session.person?.id) } }));
    go("login");
  };
  return html`<section class="card"><h2>${t("account.delete")}</h2><p class="quiet">${t("account.delete_text")}</p><p><button type="button" class="danger" onClick=${() => setDeleting(true)}>${t("account.delete")}</button></p>
    ${deleting && html`<${Confirm} title=${t("account.delete")} text=${t("account.delete_sure")} label=${t("account.delete_submit")} send=${remove} close=${() => setDeleting(false)} />`}</section>`;
}

/** The events in which others read the caller's data. */
function Seen() {
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("audit.read_access_log", { query: { limit: 20, cursor }, signal }), [cursor]);
  const next = found.value?.next_cursor;
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("seen.title")}</h2><p class="quiet">${t("seen.text")}</p><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value && (found.value.items.length ? html`<div class="scroll"><table class="stack"><thead><tr><th>${t("table.time")}</th><th>${t("seen.who")}</th><th>${t("seen.what")}</th></tr></thead>
    <tbody>${found.value.items.map((it) => html`<tr key=${it.id}><td>${date(it.time)}</td><td class="text" data-label=${t("seen.who")}>${it.actor}</td><td class="text" data-label=${t("seen.what")}>${eventWords(it.action)}</td></tr>`)}</tbody></table></div>` : html`<p>${t("seen.nobody")}</p>`)}
    <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p></section>`;
}

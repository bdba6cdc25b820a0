// The organizations of a person: choose one after the login, and see all of them in the account.
import { html, useState } from "../core/dom.js";
import { Confirm, Failure, Form, Heading, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { t } from "../core/i18n.js";
import { go, place } from "../core/router.js";
import { endBy, switchTo } from "../core/session.js";

/** @typedef {import("../core/types.js").MembershipList["items"][number]} Membership */

/** After a login of somebody who belongs to several organizations. */
export function Choose() {
  const found = useLoaded((signal) => call("auth.memberships", { signal }), []);
  const then = place().query.get("then") ?? "";
  return html`<${Heading} title=${t("choose.title")} /><${Failure} error=${found.error} retry=${found.reload} />
    ${found.value ? html`<section class="card chosen"><p>${t("choose.text")}</p><${Organizations} items=${found.value.items} then=${then} /></section>` : !found.error && html`<p class="loading" role="status">${t("loading")}</p>`}`;
}

/** @param {{ items: Membership[], then: string }} props `then` is the path to go to */
function Organizations({ items, then }) {
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [busy, setBusy] = useState(false);
  const choose = async (/** @type {Membership} */ it) => {
    if (busy) return;
    if (it.current) return go(then);
    setError(null);
    setBusy(true);
    try {
      await switchTo(it.org_id, then);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Failure} error=${error} /><ul class="organizations">${items.map((it) => html`<li key=${it.org_id}>
    <button type="button" disabled=${!it.active} aria-disabled=${busy} onClick=${() => choose(it)}><b>${it.organization}</b> <small>${t(`role.${it.role}`)}${it.current ? ` · ${t("choose.current")}` : ""}${it.active ? "" : ` · ${t("members.locked")}`}</small></button></li>`)}</ul>`;
}

/** In the account: address, organizations, and the end of all of it. */
export function Memberships() {
  const found = useLoaded((signal) => call("auth.memberships", { signal }), []);
  const [deleting, setDeleting] = useState(false);
  const value = found.value;
  const code = async () => {
    await call("auth.email_code", { body: { email: String(value?.email) }, anonymous: true });
    announce(t("confirm.sent"));
    go("confirm");
  };
  const remove = async () => {
    await endBy(() => call("auth.delete_identity"));
    go("login");
  };
  return html`<section class="card" aria-busy=${found.busy}><h2>${t("memberships.title")}</h2><${Failure} error=${found.error} retry=${found.reload} />
    ${value && html`<p>${value.email}: ${t(value.email_confirmed ? "memberships.confirmed" : "memberships.unconfirmed")}</p>
      ${!value.email_confirmed && html`<${Form} send=${code} label=${t("confirm.send")} more=${html`<a class="button" href="#/confirm">${t("forgot.have_code")}</a>`} />`}
      <${Organizations} items=${value.items} then="" />
      <p class="actions"><a class="button" href="#/accept">${t("login.invited")}</a></p>
      ${value.items.length > 1 && html`<h3>${t("memberships.delete")}</h3><p class="quiet">${t("memberships.delete_text")}</p><p><button type="button" class="danger" onClick=${() => setDeleting(true)}>${t("memberships.delete")}</button></p>`}`}
    ${deleting && html`<${Confirm} title=${t("memberships.delete")} text=${t("memberships.delete_sure", { count: value?.items.length ?? 0 })} label=${t("account.delete_submit")} send=${remove} close=${() => setDeleting(false)} />`}</section>`;
}

// A dialog that invites somebody.
import { html, useState } from "../core/dom.js";
import { Dialog, Field, Form } from "../core/ui.js";
import { date, t } from "../core/i18n.js";

/** @typedef {"user" | "manager" | "admin"} Role */
/** @typedef {import("../core/types.js").Invitation} Invitation */

export const ROLES = /** @type {const} */ (["user", "manager", "admin"]);

/** @param {{ title: string, roles: readonly Role[], invite: (body: { email: string, role: Role }) => Promise<Invitation>, close: () => void }} props */
export function Invite({ title, roles, invite, close }) {
  const [email, setEmail] = useState(""), [role, setRole] = useState(/** @type {Role} */ (roles[0]));
  const [made, setMade] = useState(/** @type {Invitation | null} */ (null));
  const send = async () => setMade(await invite({ email: email.trim(), role }));
  const link = made && `${location.origin}/portal/#/accept?${new URLSearchParams({ code: made.code ?? "", email: made.email })}`;
  if (made) {
    return html`<${Dialog} title=${t("invite.done")} close=${close}><p>${t("invite.done_text", { email: made.email, until: date(made.expires_at) })}</p>
      <dl class="pairs"><dt>${t("code.invitation")}</dt><dd><code>${made.code}</code></dd><dt>${t("invite.link")}</dt><dd><code>${link}</code></dd></dl><//>`;
  }
  return html`<${Dialog} title=${title} close=${close}><${Form} send=${send} label=${t("invite.submit")}>
    <${Field} label=${t("email")} type="email" required value=${email} onValue=${setEmail} />
    <${Field} label=${t("role")} hint=${t(`role.${role}.text`)} value=${role} onValue=${setRole}>${roles.map((it) => html`<option key=${it} value=${it}>${t(`role.${it}`)}</option>`)}<//>
  <//><//>`;
}

// Before a login: log in, a forgotten password, an invitation.
import { html, useState } from "../core/dom.js";
import { Field, Form, Heading, Password } from "../core/ui.js";
import { call } from "../core/api.js";
import { logIn } from "../core/session.js";
import { go, place } from "../core/router.js";
import { t } from "../core/i18n.js";

/** E-mail and password. */
export function LogIn() {
  const [email, setEmail] = useState(place().query.get("email") ?? "");
  const [password, setPassword] = useState("");
  const send = async () => {
    await logIn(email.trim(), password);
    if (place().path[0] === "login") go("");
  };
  return html`<div class="card"><${Heading} title=${t("login.title")} />
    <${Form} send=${send} label=${t("login.submit")}>
      <${Field} label=${t("email")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} />
      <${Password} label=${t("password")} autocomplete="current-password" value=${password} onValue=${setPassword} />
    <//>
    <ul class="links"><li><a href="#/forgot">${t("login.forgot")}</a></li><li><a href="#/accept">${t("login.invited")}</a></li></ul></div>`;
}

/** Asks for a code by e-mail. */
export function Forgot() {
  const [email, setEmail] = useState("");
  const send = async () => {
    await call("auth.password_forgot", { body: { email: email.trim() }, anonymous: true });
    go("reset");
  };
  return html`<div class="card"><${Heading} title=${t("forgot.title")} /><p>${t("forgot.text")}</p>
    <${Form} send=${send} label=${t("forgot.submit")} more=${html`<a class="button" href="#/reset">${t("forgot.have_code")}</a>`}>
      <${Field} label=${t("email")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} />
    <//><p><a href="#/login">${t("login.back")}</a></p></div>`;
}

/** Sets a new password with the code. */
export function Reset() {
  const [code, setCode] = useState(place().query.get("code") ?? "");
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  const send = async () => {
    await call("auth.password_reset", { body: { code: code.trim(), new_password: password }, anonymous: true });
    setDone(true);
  };
  if (done) return html`<div class="card"><${Heading} title=${t("reset.done")} /><p>${t("reset.done_text")}</p><p><a class="button main" href="#/login">${t("login.title")}</a></p></div>`;
  return html`<div class="card"><${Heading} title=${t("reset.title")} /><p>${t("reset.text")}</p>
    <${Form} send=${send} label=${t("reset.submit")}>
      <${Field} label=${t("code")} type="text" autocomplete="one-time-code" required maxlength="256" value=${code} onValue=${setCode} />
      <${Password} label=${t("password.new")} hint=${t("password.hint")} autocomplete="new-password" value=${password} onValue=${setPassword} />
    <//><p><a href="#/login">${t("login.back")}</a></p></div>`;
}

/** Accepts an invitation: makes the account and logs in. */
export function Accept() {
  const { query } = place();
  const [code, setCode] = useState(query.get("code") ?? "");
  const [email, setEmail] = useState(query.get("email") ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const send = async () => {
    const body = { email: email.trim(), password, invitation: code.trim(), full_name: name.trim() || undefined };
    await call("auth.register", { body, anonymous: true });
    await logIn(email.trim(), password);
    go("");
  };
  return html`<div class="card"><${Heading} title=${t("accept.title")} /><p>${t("accept.text")}</p>
    <${Form} send=${send} label=${t("accept.submit")}>
      <${Field} label=${t("code.invitation")} type="text" required maxlength="256" spellcheck="false" value=${code} onValue=${setCode} />
      <${Field} label=${t("email")} hint=${t("accept.email_hint")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} />
      <${Field} label=${t("name")} type="text" autocomplete="name" maxlength="200" value=${name} onValue=${setName} />
      <${Password} label=${t("password.new")} hint=${t("password.hint")} autocomplete="new-password" value=${password} onValue=${setPassword} />
    <//><p><a href="#/login">${t("login.back")}</a></p></div>`;
}

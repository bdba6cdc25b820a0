// Before a login: log in, a forgotten password, an invitation, the confirmation of an address, the demo.
import { html, useEffect, useState } from "../core/dom.js";
import { Failure, Field, Form, Heading, Password, announce } from "../core/ui.js";
import { ApiError, call } from "../core/api.js";
import { logIn, logOut, session, switchTo, visitDemo } from "../core/session.js";
import { go, place } from "../core/router.js";
import { t } from "../core/i18n.js";

/** E-mail and password. */
export function LogIn() {
  const [email, setEmail] = useState(place().query.get("email") ?? "");
  const [password, setPassword] = useState("");
  const [unconfirmed, setUnconfirmed] = useState(false);
  const send = async () => {
    const { path, text } = place(), then = path[0] === "login" ? "" : text;
    try {
      const memberships = await logIn(email.trim(), password);
      if (memberships.filter((it) => it.active).length > 1) go(`choose?then=${encodeURIComponent(then)}`);
      else if (path[0] === "login") go("");
    } catch (error) {
      setUnconfirmed(error instanceof ApiError && error.code === "AUTH_073");
      throw error;
    }
  };
  return html`<div class="card"><${Heading} title=${t("login.title")} />
    <${Form} send=${send} label=${t("login.submit")}>
      <${Field} label=${t("email")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} />
      <${Password} label=${t("password")} autocomplete="current-password" value=${password} onValue=${setPassword} />
    <//>
    ${unconfirmed && html`<p class="notice"><a href=${`#/confirm?email=${encodeURIComponent(email.trim())}`}>${t("confirm.title")}</a></p>`}
    <ul class="links"><li><a href="#/forgot">${t("login.forgot")}</a></li><li><a href="#/accept">${t("login.invited")}</a></li><li><a href="#/confirm">${t("login.confirm")}</a></li></ul></div>`;
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

/** Accepts an invitation: makes the account, or joins with the one that there is. */
export function Accept() {
  const { query } = place();
  const [code, setCode] = useState(query.get("code") ?? "");
  const [email, setEmail] = useState(query.get("email") ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [known, setKnown] = useState(false);
  const here = session.state === "in" && !session.demo ? session.person : null;
  const create = async () => {
    const body = { email: email.trim(), password, invitation: code.trim(), full_name: name.trim() || undefined };
    try {
      await call("auth.register", { body, anonymous: true });
    } catch (error) {
      if (error instanceof ApiError && error.code === "AUTH_002") setKnown(true);
      throw error;
    }
    await logIn(email.trim(), password);
    go("");
  };
  const join = async () => {
    const common = { code: code.trim(), full_name: name.trim() || undefined };
    if (here) {
      const joined = await call("auth.accept_invitation", { body: common });
      return switchTo(Number(joined.org_id), "");
    }
    const joined = await call("auth.accept_invitation", { body: { ...common, email: email.trim(), password }, anonymous: true });
    await logIn(email.trim(), password, joined.org_id);
    go("");
  };
  const choice = (/** @type {boolean} */ value, /** @type {string} */ label) => html`<button type="button" aria-pressed=${known === value} onClick=${() => setKnown(value)}>${label}</button>`;
  const enters = known || here !== null;
  return html`<div class="card"><${Heading} title=${t("accept.title")} />
    ${here ? html`<p>${t("accept.text_here", { email: here.email })}</p><p><button type="button" class="plain" onClick=${() => logOut()}>${t("accept.another")}</button></p>`
      : html`<p>${t(known ? "accept.text_known" : "accept.text")}</p><div class="group" role="group" aria-label=${t("accept.title")}>${choice(false, t("accept.new"))}${choice(true, t("accept.known"))}</div>`}
    <${Form} send=${enters ? join : create} label=${t(enters ? "accept.join" : "accept.submit")}>
      <${Field} label=${t("code.invitation")} type="text" required maxlength="256" spellcheck="false" value=${code} onValue=${setCode} />
      ${!here && html`<${Field} label=${t("email")} hint=${t("accept.email_hint")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} />`}
      <${Field} label=${t("name")} hint=${enters ? t("accept.name_hint") : undefined} type="text" autocomplete="name" maxlength="200" value=${name} onValue=${setName} />
      ${!here && (known ? html`<${Password} key="present" label=${t("password")} autocomplete="current-password" value=${password} onValue=${setPassword} />`
        : html`<${Password} key="new" label=${t("password.new")} hint=${t("password.hint")} autocomplete="new-password" value=${password} onValue=${setPassword} />`)}
    <//><p>${here ? html`<a href="#/account">${t("account.title")}</a>` : html`<a href="#/login">${t("login.back")}</a>`}</p></div>`;
}

/** Confirms an address by the code that was sent to it, and has another one sent. */
export function Confirm() {
  const { query } = place();
  const [code, setCode] = useState(query.get("code") ?? "");
  const [email, setEmail] = useState(query.get("email") ?? session.person?.email ?? "");
  const [done, setDone] = useState(false);
  const send = async () => {
    await call("auth.confirm_email", { body: { code: code.trim() }, anonymous: true });
    setDone(true);
  };
  const another = async () => {
    await call("auth.email_code", { body: { email: email.trim() }, anonymous: true });
    announce(t("confirm.sent"));
  };
  const back = session.state === "in" ? html`<a href="#/account">${t("account.title")}</a>` : html`<a href="#/login">${t("login.back")}</a>`;
  if (done) return html`<div class="card"><${Heading} title=${t("confirm.done")} /><p>${t("confirm.done_text")}</p><p>${back}</p></div>`;
  return html`<div class="card"><${Heading} title=${t("confirm.title")} /><p>${t("confirm.text")}</p>
    <${Form} send=${send} label=${t("confirm.submit")}><${Field} label=${t("code")} type="text" autocomplete="one-time-code" spellcheck="false" required maxlength="256" value=${code} onValue=${setCode} /><//>
    <h2>${t("confirm.another")}</h2>
    <${Form} send=${another} label=${t("confirm.send")}><${Field} label=${t("email")} type="email" autocomplete="username" required value=${email} onValue=${setEmail} /><//>
    <p>${back}</p></div>`;
}

/** Begins a visit of the demo. */
export function Demo() {
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const begin = () => { setError(null); visitDemo().then(() => go(""), setError); };
  useEffect(begin, []);
  return html`<div class="card"><${Heading} title=${t("demo.title")} />
    ${error ? html`<${Failure} error=${error} retry=${begin} /><p><a href="#/login">${t("login.back")}</a></p>` : html`<p class="loading" role="status">${t("loading")}</p>`}</div>`;
}

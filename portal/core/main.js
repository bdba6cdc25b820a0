// The frame: who is here, which screen, which language.
import { html, draw, useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from "./dom.js";
import { Failure, Form, Field, Password, Dialog } from "./ui.js";
import { place, onPlace } from "./router.js";
import { session, start, watch, logIn, logOut, leave } from "./session.js";
import { speak, t, current, number } from "./i18n.js";
import { useAlarmWatch } from "./alarms.js";

/** @typedef {{ roles: string[], load: () => Promise<Record<string, any>>, part: string, nav?: string }} Screen */

const EVERYBODY = ["admin", "manager", "user"], STAFF = ["admin", "manager"];
/** Screens for those who are logged in, by the first word of the path. @type {Record<string, Screen>} */
const SCREENS = {
  overview: { roles: STAFF, nav: "nav.overview", load: () => import("../screens/overview.js"), part: "Overview" },
  people: { roles: EVERYBODY, load: () => import("../screens/person.js"), part: "Person" },
  mine: { roles: ["user"], nav: "nav.mine", load: () => import("../screens/person.js"), part: "Mine" },
  alarms: { roles: EVERYBODY, nav: "nav.alarms", load: () => import("../screens/alarms.js"), part: "Alarms" },
  rules: { roles: STAFF, load: () => import("../screens/rules.js"), part: "Rules" },
  notifications: { roles: STAFF, load: () => import("../screens/notifications.js"), part: "Notifications" },
  members: { roles: STAFF, nav: "nav.members", load: () => import("../screens/members.js"), part: "Members" },
  files: { roles: EVERYBODY, nav: "nav.files", load: () => import("../screens/files.js"), part: "Files" },
  imports: { roles: EVERYBODY, load: () => import("../screens/imports.js"), part: "Imports" },
  keys: { roles: EVERYBODY, nav: "nav.keys", load: () => import("../screens/keys.js"), part: "Keys" },
  organization: { roles: ["admin"], nav: "nav.organization", load: () => import("../screens/organization.js"), part: "Organization" },
  audit: { roles: ["admin"], nav: "nav.audit", load: () => import("../screens/audit.js"), part: "Audit" },
  choose: { roles: EVERYBODY, load: () => import("../screens/memberships.js"), part: "Choose" },
  account: { roles: EVERYBODY, nav: "nav.account", load: () => import("../screens/account.js"), part: "Account" },
};
/** For whoever has the operator's token, with and without a login. @type {Omit<Screen, "roles">} */
const OPERATOR = { load: () => import("../screens/operator.js"), part: "Operator" };
const DOORS = /** @type {Record<string, string>} */ ({ login: "LogIn", forgot: "Forgot", reset: "Reset", accept: "Accept", confirm: "Confirm", demo: "Demo" });
/** Of these, what somebody who is logged in uses too. */
const ALSO_INSIDE = ["accept", "confirm"];

/** Screens without an entry of their own in the navigation, and the entry that they belong to. @type {Record<string, string>} */
const UNDER = { people: "overview", rules: "alarms", notifications: "alarms", imports: "files", choose: "account" };

/** A part of a module, loaded when it is first shown. @param {{ screen: { load: () => Promise<any>, part: string }, props?: any }} props */
function Loaded({ screen, props = {} }) {
  const [broken, mend] = useErrorBoundary();
  const [module, setModule] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    let gone = false;
    screen.load().then((found) => gone || setModule({ found, screen }), (failure) => gone || setError(failure));
    return () => { gone = true; };
  }, [screen]);
  if (broken) return html`<${Failure} error=${broken} retry=${mend} />`;
  // A new version has been installed, and the files of this one are no longer there.
  if (error) return html`<p class="notice">${t("version.new")} <button onClick=${() => location.reload()}>${t("version.reload")}</button></p>`;
  if (module === null || module.screen !== screen) return html`<p class="loading" role="status">${t("loading")}</p>`;
  return html`<${module.found[screen.part]} ...${props} />`;
}

function Language() {
  const other = current() === "en" ? "es" : "en";
  return html`<button type="button" class="plain" lang=${other} onClick=${async () => { await speak(other); redraw(); }}>${other === "es" ? "Español" : "English"}</button>`;
}

/** @param {{ name: string }} props */
function Bar({ name }) {
  const role = session.person?.role ?? "", open = useAlarmWatch().open?.length ?? 0;
  const shown = Object.entries(SCREENS).filter(([, it]) => it.nav && it.roles.includes(role));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => { // on phones the entries are one row, which scrolls
    const here = /** @type {HTMLElement | null} */ (list.current?.querySelector("[aria-current]"));
    if (here && list.current) list.current.scrollLeft = here.offsetLeft - (list.current.clientWidth - here.offsetWidth) / 2;
  }, [name]);
  const out = async () => {
    try {
      await logOut();
    } catch {
      leave(); // the session ends by itself; this browser forgets it now
    }
    location.hash = "#/login";
  };
  return html`<header class="bar">
    <a class="brand" href="#/"><img src="/assets/favicon.svg" alt="" />HeartGuard</a>
    <nav aria-label=${t("nav")} ref=${list}><ul>${shown.map(([key, it]) => html`<li key=${key}><a href=${`#/${key}`} aria-current=${key === name ? "page" : undefined}>${t(/** @type {string} */ (it.nav))}${key === "alarms" && open > 0 && html` <span class="badge" title=${t("alarms.open_count", { count: open })}>${number(open)}</span>`}</a></li>`)}</ul></nav>
    <div class="who"><span>${session.person?.full_name ?? session.person?.email}</span><${Language} /><button type="button" onClick=${out}>${t("logout")}</button></div>
  </header>`;
}

/** Above the page when the session has ended: what was typed below stays. */
function Again() {
  const [password, setPassword] = useState("");
  const email = session.person?.email ?? "";
  const send = async () => { await logIn(email, password); };
  return html`<${Dialog} title=${t("expired.title")} close=${() => { leave(); location.hash = "#/login"; }}>
    <p>${t("expired.text")}</p>
    <${Form} send=${send} label=${t("login.submit")}>
      <${Field} label=${t("email")} type="email" autocomplete="username" value=${email} readonly onValue=${() => {}} />
      <${Password} label=${t("password")} autocomplete="current-password" value=${password} onValue=${setPassword} />
    <//>
  <//>`;
}

const LOGIN = Object.fromEntries(Object.entries(DOORS).map(([key, part]) => [key, { load: () => import("../screens/login.js"), part }]));

/** @param {{ error: unknown }} props */
function App({ error }) {
  const [, setRound] = useState(0);
  useLayoutEffect(() => {
    const again = () => setRound((round) => round + 1);
    redraw = again;
    const ends = [watch(again), onPlace(() => { again(); document.getElementById("main")?.scrollIntoView?.({ block: "start" }); scrollTo(0, 0); })];
    return () => ends.forEach((end) => end());
  }, []);
  const { path: [name = "", ...rest] } = place();
  if (error && session.state === "starting") return html`<main class="narrow" id="main"><h1>HeartGuard</h1><${Failure} error=${error} retry=${() => location.reload()} /></main>`;
  if (session.state === "starting") return html`<p class="loading" role="status">${t("loading")}</p>`;
  if (name === "operator") {
    return html`<header class="bar"><a class="brand" href="#/"><img src="/assets/favicon.svg" alt="" />HeartGuard</a><div class="who"><${Language} /></div></header>
      <main id="main" tabindex="-1"><${Loaded} screen=${OPERATOR} props=${{ path: rest }} key="operator" /></main><div id="said" role="status"></div>`;
  }
  if (session.state === "out" || ALSO_INSIDE.includes(name)) {
    return html`<main class="narrow" id="main"><a class="brand" href="/"><img src="/assets/favicon.svg" alt="" />HeartGuard</a><${Loaded} screen=${LOGIN[name] ?? LOGIN.login} key=${name} /><footer class="actions"><${Language} /><a href="/">${t("about")}</a></footer></main><div id="said" role="status"></div>`;
  }
  const role = session.person?.role ?? "user";
  const first = role === "user" ? "mine" : "overview";
  const chosen = name in SCREENS && SCREENS[name].roles.includes(role) ? name : first;
  return html`<a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Bar} name=${UNDER[chosen] ?? chosen} />
    ${session.demo && html`<p class="notice demo">${t("demo.text")} <button type="button" onClick=${() => { leave(); location.hash = "#/login"; }}>${t("demo.leave")}</button></p>`}
    <main id="main" tabindex="-1"><${Loaded} screen=${SCREENS[chosen]} props=${{ path: rest }} key=${`${chosen}/${rest[0] ?? ""}`} /></main>
    <div id="said" role="status"></div>
    ${session.state === "expired" && html`<${Again} />`}`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault(); // the # is the path here
  document.getElementById("main")?.focus();
}

/** Tables that are folded are printed, too. @type {HTMLDetailsElement[]} */
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")].filter((it) => it.querySelector("table")).map((it) => /** @type {HTMLDetailsElement} */ (it));
  for (const it of unfolded) it.open = true;
});
addEventListener("afterprint", () => { for (const it of unfolded) it.open = false; });

let redraw = () => {};
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
await speak();
root.textContent = "";
draw(html`<${App} error=${null} />`, root);
try {
  if (!isSecureContext) throw new Error(t("error.insecure")); // neither cookie nor locks work
  await start();
  const wanted = session.person?.preferences.language;
  if (typeof wanted === "string" && wanted !== current()) { await speak(wanted); redraw(); }
} catch (error) {
  draw(html`<${App} error=${error} />`, root);
}

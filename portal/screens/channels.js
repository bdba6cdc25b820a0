// The channels by which people get messages about alarms: make, verify, try, change, delete.
import { html, useState } from "../core/dom.js";
import { Confirm, Dialog, Failure, Field, Form, State, announce } from "../core/ui.js";
import { call } from "../core/api.js";
import { compare, t } from "../core/i18n.js";
import { nameOf } from "./alarm_words.js";
import { STATES, isAdmin, reasonWords, targetOf } from "./notify_words.js";

/** @typedef {import("./notify_words.js").Channel} Channel */
/** @typedef {import("../core/types.js").AlarmChannelTest} Test */
/** @typedef {import("../core/data.js").User} User */
/** Which dialog is open, and of which channel. @typedef {{ kind: "make" } | { kind: "verify" | "change" | "delete", channel: Channel }} Open */

/** The languages of messages, in their own words. */
const LANGUAGES = /** @type {const} */ ({ en: "English", es: "Español" });
const TARGETS = /** @type {const} */ (["member", "address", "service"]);

/** @param {{ channels: Channel[], people: User[], busy: boolean, reload: () => void }} props */
export function Channels({ channels, people, busy, reload }) {
  const [open, setOpen] = useState(/** @type {Open | null} */ (null));
  const close = () => setOpen(null);
  const done = (/** @type {string} */ said) => { close(); announce(said); reload(); };
  const made = (/** @type {Channel} */ channel) => { done(t("notify.channel_made")); if (!channel.verified) setOpen({ kind: "verify", channel }); };
  const remove = async (/** @type {Channel} */ channel) => { await call("alarm.delete_channel", { params: { channel_id: channel.id } }); done(t("notify.channel_deleted")); };
  return html`<section class="card" aria-label=${t("notify.channels")} aria-busy=${busy}><header><h2>${t("notify.channels")}</h2>${isAdmin() && html`<button type="button" class="main" onClick=${() => setOpen({ kind: "make" })}>${t("notify.new_channel")}</button>`}</header>
    <p class="quiet">${t("notify.channels_text")}</p>
    ${channels.length === 0 ? html`<p>${t("notify.no_channels")}</p>` : html`<div class="scroll"><table class="stack"><thead><tr><th>${t("name")}</th><th>${t("notify.target")}</th><th>${t("members.state")}</th>${isAdmin() && html`<th><span class="hidden">${t("actions")}</span></th>`}</tr></thead>
      <tbody>${channels.map((it) => html`<${Row} key=${it.id} channel=${it} people=${people} show=${setOpen} />`)}</tbody></table></div>`}
    ${open?.kind === "make" && html`<${Make} people=${people} close=${close} made=${made} />`}
    ${open?.kind === "verify" && html`<${Verify} channel=${open.channel} close=${close} done=${done} />`}
    ${open?.kind === "change" && html`<${Change} channel=${open.channel} close=${close} done=${done} />`}
    ${open?.kind === "delete" && html`<${Confirm} title=${t("notify.delete_of", { name: open.channel.name })} text=${t("notify.delete_channel_sure")} label=${t("notify.delete")} send=${() => remove(open.channel)} close=${close} />`}</section>`;
}

/** @param {{ channel: Channel, people: User[], show: (open: Open) => void }} props */
function Row({ channel, people, show }) {
  const [tried, setTried] = useState(/** @type {Test | null} */ (null)), [error, setError] = useState(/** @type {unknown} */ (null)), [busy, setBusy] = useState(false);
  const { name } = channel;
  const test = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    setTried(null);
    try {
      const result = await call("alarm.test_channel", { params: { channel_id: channel.id } });
      setTried(result);
      announce(testWords(result));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<tr><td class="text"><strong>${name}</strong><br /><small>${t(channel.kind === "email" ? "email" : "notify.service")}${channel.user_id === undefined ? ` · ${LANGUAGES[channel.language] ?? channel.language}` : ""}</small></td>
    <td class="text" data-label=${t("notify.target")}>${targetOf(channel, people)}</td>
    <td class="text">${channel.verified ? html`<${State} kind="good">${t("notify.ready")}<//>` : html`<${State} kind="late">${t("notify.unverified")}<//>`}
      ${tried && html`<p><${State} kind=${STATES[tried.status]}>${testWords(tried)}<//></p>`}<${Failure} error=${error} /></td>
    ${isAdmin() && html`<td><span class="actions">${channel.verified ? html`<button type="button" aria-label=${t("notify.test_of", { name })} aria-disabled=${busy} onClick=${test}>${t(busy ? "sending" : "notify.test")}</button>`
      : html`<button type="button" class="main" aria-label=${t("notify.verify_of", { name })} onClick=${() => show({ kind: "verify", channel })}>${t("notify.verify")}</button>`}
      <button type="button" aria-label=${t("members.change_of", { name })} onClick=${() => show({ kind: "change", channel })}>${t("members.change")}</button>
      <button type="button" class="danger" aria-label=${t("notify.delete_of", { name })} onClick=${() => show({ kind: "delete", channel })}>${t("notify.delete")}</button></span></td>`}</tr>`;
}

/** What became of a test. @param {Test} test */
function testWords({ status, error }) {
  if (status === "sent") return t("notify.test_sent");
  if (status === "failed") return t("notify.test_failed", { reason: reasonWords(error ?? "") });
  return t("notify.test_waiting");
}

/** @param {{ value: string, set: (value: string) => void, hint?: string }} props */
function Language({ value, set, hint }) {
  return html`<${Field} label=${t("account.language")} hint=${hint} value=${value} onValue=${set}>${Object.entries(LANGUAGES).map(([key, name]) => html`<option key=${key} value=${key} lang=${key}>${name}</option>`)}<//>`;
}

/** @param {{ people: User[], close: () => void, made: (channel: Channel) => void }} props */
function Make({ people, close, made }) {
  const [target, setTarget] = useState(/** @type {string} */ ("member")), [name, setName] = useState(""), [user, setUser] = useState("");
  const [address, setAddress] = useState(""), [url, setUrl] = useState(""), [language, setLanguage] = useState(document.documentElement.lang);
  const known = people.filter((it) => it.active).sort((one, other) => compare(nameOf(one.id, [one]), nameOf(other.id, [other])));
  const send = async () => {
    const leads = target === "member" ? { user_id: Number(user) } : target === "address" ? { address: address.trim() } : { url: url.trim() };
    const kind = target === "service" ? "apprise" : "email";
    made(await call("alarm.create_channel", { body: { name: name.trim(), kind, ...leads, language: target === "member" ? undefined : /** @type {any} */ (language) } }));
  };
  return html`<${Dialog} title=${t("notify.new_channel")} close=${close}><${Form} send=${send} label=${t("notify.make_channel")} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>
    <${Field} label=${t("notify.kind")} hint=${t(`notify.kind.${target}.text`)} value=${target} onValue=${setTarget}>${TARGETS.map((it) => html`<option key=${it} value=${it}>${t(`notify.kind.${it}`)}</option>`)}<//>
    <${Field} label=${t("name")} hint=${t("notify.channel_name_hint")} type="text" required maxlength="200" value=${name} onValue=${setName} />
    ${target === "member" && html`<${Field} label=${t("notify.member")} required value=${user} onValue=${setUser}><option value="">${t("rule.choose")}</option>${known.map((it) => html`<option key=${it.id} value=${String(it.id)}>${nameOf(it.id, [it])}</option>`)}<//>`}
    ${target === "address" && html`<${Field} label=${t("notify.address")} type="email" required maxlength="254" autocomplete="off" value=${address} onValue=${setAddress} />`}
    ${target === "service" && html`<${Field} label=${t("notify.url")} hint=${t("notify.url_hint")} type="text" required minlength="3" maxlength="2000" spellcheck="false" autocomplete="off" autocapitalize="none" value=${url} onValue=${setUrl} />`}
    ${target !== "member" && html`<${Language} value=${language} set=${setLanguage} />`}<//><//>`;
}

/** @param {{ channel: Channel, close: () => void, done: (said: string) => void }} props */
function Verify({ channel, close, done }) {
  const [code, setCode] = useState(""), [said, setSaid] = useState(""), [error, setError] = useState(/** @type {unknown} */ (null)), [busy, setBusy] = useState(false);
  const again = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await call("alarm.send_channel_code", { params: { channel_id: channel.id } });
      setSaid(t("notify.verify_sent"));
      announce(t("notify.verify_sent"));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const send = async () => {
    await call("alarm.verify_channel", { params: { channel_id: channel.id }, body: { code: code.trim() } });
    done(t("notify.verified"));
  };
  return html`<${Dialog} title=${t("notify.verify_of", { name: channel.name })} close=${close}><p>${t("notify.verify_text", { address: channel.shown })}</p>
    <${Form} send=${send} label=${t("notify.verify")} more=${html`<button type="button" onClick=${close}>${t("notify.verify_later")}</button>`}>
      <${Field} label=${t("code")} type="text" required maxlength="40" autocomplete="one-time-code" spellcheck="false" value=${code} onValue=${setCode} /><//>
    ${said && html`<p><${State} kind="good">${said}<//></p>`}<${Failure} error=${error} />
    <p><button type="button" aria-disabled=${busy} onClick=${again}>${t(busy ? "sending" : "notify.verify_again")}</button></p><//>`;
}

/** @param {{ channel: Channel, close: () => void, done: (said: string) => void }} props */
function Change({ channel, close, done }) {
  const [name, setName] = useState(channel.name), [language, setLanguage] = useState(/** @type {string} */ (channel.language));
  const send = async () => {
    await call("alarm.update_channel", { params: { channel_id: channel.id }, body: { name: name.trim(), language: /** @type {any} */ (language) } });
    done(t("saved"));
  };
  return html`<${Dialog} title=${channel.name} close=${close}><p class="quiet">${t("notify.change_text")}</p>
    <${Form} send=${send} label=${t("save")} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>
      <${Field} label=${t("name")} type="text" required maxlength="200" value=${name} onValue=${setName} />
      <${Language} value=${language} set=${setLanguage} hint=${channel.user_id === undefined ? undefined : t("notify.language_hint")} /><//><//>`;
}

// Sessions as a table, and those of a member in a dialog.
import { html, useEffect, useRef, useState } from "../core/dom.js";
import { Dialog, Failure, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { date, t } from "../core/i18n.js";

/** @typedef {import("../core/types.js").SessionList["items"][number]} Session */

const SHOWN = 20;

/** What program a User-Agent names, as far as people want to know. @param {string} agent */
function program(agent) {
  const name = ["Edg", "OPR", "Firefox", "Chrome", "Safari"].find((it) => agent.includes(`${it}/`));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"].find((it) => agent.includes(it));
  const known = { Edg: "Edge", OPR: "Opera" }[name ?? ""] ?? name;
  return known ? `${known}${system ? `, ${system}` : ""}` : agent.slice(0, 60) || t("unknown");
}

/** The sessions that were used last, each with a button that ends it where there is `end`. @param {{ items: Session[] | undefined, end: ((session: Session) => void) | null }} props */
export function SessionTable({ items, end }) {
  return html`<div class="scroll"><table class="stack"><thead><tr><th>${t("sessions.program")}</th><th>${t("sessions.last")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
    <tbody>${items?.slice(0, SHOWN).map((it) => html`<tr key=${it.id}><td class="text" title=${it.user_agent}>${program(it.user_agent)}<br /><small>${it.address}</small></td>
      <td data-label=${t("sessions.last")}>${date(it.last_used_at)}</td><td>${it.current ? html`<strong>${t("sessions.current")}</strong>` : end && html`<button type="button" aria-label=${t("sessions.end_of", { program: program(it.user_agent), time: date(it.last_used_at) })} onClick=${() => end(it)}>${t("sessions.end")}</button>`}</td></tr>`)}</tbody></table></div>`;
}

/**
 * The sessions of somebody else, which are ended one by one or all at once.
 * @param {{ title: string, text: string, load: (signal: AbortSignal) => Promise<{ items: Session[] }>, end: ((session: Session) => Promise<unknown>) | null, endAll: () => Promise<unknown>, close: () => void }} props
 */
export function SessionDialog({ title, text, load, end, endAll, close }) {
  const found = useLoaded(load, []);
  const [error, setError] = useState(/** @type {unknown} */ (null)), [busy, setBusy] = useState(false);
  const count = useRef(/** @type {HTMLElement | null} */ (null)), changed = useRef(false);
  const items = found.value?.items;
  // The button that was pressed is gone with its row: the focus goes to the number of sessions, which is also read aloud.
  useEffect(() => {
    if (changed.current) count.current?.focus();
    changed.current = false;
  }, [items]);
  const run = async (/** @type {() => Promise<unknown>} */ change) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await change();
      changed.current = true;
      found.reload();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${title} close=${close}><p class="quiet">${text}</p><${Failure} error=${error ?? found.error} retry=${found.reload} />
    <div aria-busy=${found.busy || busy}>${items && html`<p tabindex="-1" ref=${count}>${t("sessions.count", { count: items.length })}</p>`}
    ${items && items.length > 0 && html`<${SessionTable} items=${items} end=${end && ((/** @type {Session} */ it) => run(() => end(it)))} />
      <p><button type="button" class="danger" aria-disabled=${busy} onClick=${() => run(endAll)}>${t("sessions.end_these")}</button></p>`}</div><//>`;
}

/** @param {{ id: number, name: string, close: () => void }} props */
export function MemberSessions({ id, name, close }) {
  const params = { user_id: id };
  return html`<${SessionDialog} title=${t("sessions.of", { name })} text=${t("sessions.of_text")} close=${close}
    load=${(/** @type {AbortSignal} */ signal) => call("auth.member_sessions", { params, signal })}
    end=${(/** @type {Session} */ it) => call("auth.end_member_session", { params: { ...params, session_id: it.id } })}
    endAll=${() => call("auth.end_member_sessions", { params })} />`;
}

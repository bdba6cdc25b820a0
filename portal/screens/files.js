// Files of the members: how much room is left, send, download, delete.
import { html, useRef, useState } from "../core/dom.js";
import { Confirm, Failure, Field, FileField, Heading, announce, useLoaded } from "../core/ui.js";
import { call, upload } from "../core/api.js";
import { people } from "../core/data.js";
import { date, number, percent, t } from "../core/i18n.js";
import { note, place } from "../core/router.js";
import { session } from "../core/session.js";

/** @typedef {import("../core/types.js").MediaItem} MediaItem */
/** @typedef {{ name: string, share: number, error: unknown }} Sending */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** A number of bytes with the unit that fits. @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${number(bytes)} B`;
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: UNITS[power], maximumFractionDigits: 1 }).format(bytes / 1000 ** power);
}

/** The two screens that have to do with files. @param {{ here: "files" | "imports" }} props */
export function Tabs({ here }) {
  return html`<nav class="tabs" aria-label=${t("files.tabs")}><ul>${["files", "imports"].map((it) => html`<li key=${it}><a href=${`#/${it}`} aria-current=${it === here ? "page" : undefined}>${t(`files.tab.${it}`)}</a></li>`)}</ul></nav>`;
}

/** Goes to the address of a file that the server names. @param {string} address */
export function fetchFile(address) {
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  link.click();
}

/** Takes the chosen files out of an input. @param {HTMLInputElement | null} input */
export function emptied(input) {
  if (!input) return;
  input.value = "";
  input.dispatchEvent(new Event("change"));
}

/** The screen. */
export function Files() {
  const staff = session.person?.role !== "user";
  const [owner, setOwner] = useState(() => place().query.get("owner") ?? ""), [deleting, setDeleting] = useState(/** @type {MediaItem | null} */ (null));
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("media.list", { query: { limit: 50, cursor, owner_id: Number(owner) || undefined }, signal }), [cursor, owner]);
  const usage = useLoaded((signal) => (staff ? call("media.usage", { signal }) : Promise.resolve(null)), []);
  const everybody = useLoaded((signal) => (staff ? people(signal) : Promise.resolve([])), []).value ?? [];
  const names = new Map(everybody.map((it) => [it.id, it.full_name ?? it.email]));
  const reload = () => { found.reload(); usage.reload(); };
  const fetched = async (/** @type {MediaItem} */ it) => {
    setError(null);
    try {
      fetchFile((await call("media.download", { params: { item_id: it.id } })).url);
    } catch (failure) {
      setError(failure);
    }
  };
  const remove = async () => {
    await call("media.delete", { params: { item_id: /** @type {MediaItem} */ (deleting).id } });
    announce(t("files.deleted"));
    setDeleting(null);
    reload();
  };
  const next = found.value?.next_cursor;
  return html`<${Heading} title=${t("files.title")} /><${Tabs} here="files" />
    ${usage.value && html`<${Usage} usage=${usage.value} />`}<${Send} done=${reload} />
    ${staff && html`<${Field} label=${t("files.owner")} value=${owner} onValue=${(/** @type {string} */ it) => { setCursors([undefined]); setOwner(it); note({ owner: it }); }}><option value="">${t("any")}</option>${everybody.map((it) => html`<option key=${it.id} value=${String(it.id)}>${it.full_name ?? it.email}</option>`)}<//>`}
    <${Failure} error=${error ?? found.error ?? usage.error} retry=${() => { setError(null); reload(); }} />
    <section class="card" aria-busy=${found.busy}><div class="scroll"><table class="stack"><thead><tr><th>${t("files.file")}</th><th class="number">${t("files.size")}</th>${staff && html`<th>${t("files.owner")}</th>`}<th>${t("files.sent")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${found.value?.items.map((it) => html`<tr key=${it.id}><td class="text">${it.file_name}<br /><small>${it.content_type}</small></td><td class="number" data-label=${t("files.size")}>${size(it.size)}</td>${staff && html`<td class="text" data-label=${t("files.owner")}>${names.get(it.owner_id) ?? it.owner_id}</td>`}<td data-label=${t("files.sent")}>${date(it.created_at)}</td>
        <td><span class="actions"><button type="button" aria-label=${t("files.download_of", { name: it.file_name })} onClick=${() => fetched(it)}>${t("files.download")}</button>${session.person?.role === "admin" && html`<button type="button" class="danger" aria-label=${t("files.delete_of", { name: it.file_name })} onClick=${() => setDeleting(it)}>${t("files.delete")}</button>`}</span></td></tr>`)}</tbody></table></div>
      ${found.value && !found.value.items.length && html`<p>${t("files.none")}</p>`}
      <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p></section>
    ${deleting && html`<${Confirm} title=${t("files.delete")} text=${t("files.delete_sure", { name: deleting.file_name })} label=${t("files.delete")} send=${remove} close=${() => setDeleting(null)} />`}`;
}

/** @param {{ usage: import("../core/types.js").MediaUsage }} props */
function Usage({ usage }) {
  const share = usage.bytes / Math.max(1, usage.quota_bytes), text = t("files.usage", { bytes: size(usage.bytes), quota: size(usage.quota_bytes), count: usage.items });
  return html`<p>${text} <meter min="0" max="1" high="0.9" value=${Math.min(1, share)} aria-label=${t("files.room")}></meter> <small>${percent(share)}</small></p>`;
}

/** Sends the chosen files, one after the other. @param {{ done: () => void }} props */
function Send({ done }) {
  const [sending, setSending] = useState(/** @type {Sending[]} */ ([]));
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const busy = sending.some((it) => it.share < 1 && !it.error);
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const files = [...(input.current?.files ?? [])];
    if (busy || !files.length) return;
    setSending(files.map((it) => ({ name: it.name, share: 0, error: null })));
    const set = (/** @type {number} */ place, /** @type {Partial<Sending>} */ changes) => setSending((all) => all.map((it, index) => (index === place ? { ...it, ...changes } : it)));
    let sent = 0;
    for (const [place, file] of files.entries()) {
      try {
        await upload("media.upload_bytes", file, { query: { file_name: file.name }, progress: (share) => set(place, { share: share * 0.99 }) });
        set(place, { share: 1 });
        sent += 1;
      } catch (error) {
        set(place, { error });
      }
    }
    if (sent) announce(t("files.sent_all", { count: sent }));
    if (sent === files.length) emptied(input.current);
    done();
  };
  return html`<section class="card"><h2>${t("files.send")}</h2><form onSubmit=${send}>
    <${FileField} id="files-input" label=${t("files.choose")} multiple input=${input} />
    <p class="actions"><button class="main" aria-disabled=${busy}>${busy ? t("sending") : t("files.send")}</button></p></form>
    ${sending.length > 0 && html`<ul class="sendings">${sending.map((it, place) => html`<li key=${place}><span>${it.name}</span>${it.error ? html`<${Failure} error=${it.error} />` : html`<progress max="1" value=${it.share} aria-label=${it.name}></progress><small>${it.share === 1 ? t("files.there") : `${number(it.share * 100)} %`}</small>`}</li>`)}</ul>`}</section>`;
}

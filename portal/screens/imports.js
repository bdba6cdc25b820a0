// Imports: a file that a device or app has written is announced, sent, and read by the server.
import { html, useRef, useState } from "../core/dom.js";
import { Confirm, Failure, Field, FileField, Form, Heading, State, announce, useLoaded, useRepeated } from "../core/ui.js";
import { call, sendFile } from "../core/api.js";
import { people } from "../core/data.js";
import { date, has, number, t } from "../core/i18n.js";
import { session } from "../core/session.js";
import { Columns, columnsOf, headerOf } from "./columns.js";
import { Tabs, emptied, size } from "./files.js";
import { measurementName } from "./person.js";

/** @typedef {import("../core/types.js").ImportList["items"][number]} Import */

const KINDS = ["apple_health", "health_connect", "gadgetbridge", "fit", "fitbit", "tcx", "gpx", "csv"];
const OPEN = ["awaiting_upload", "queued", "running"];
const AGAIN_SECONDS = 3; // until an open import is read again

/** The screen. */
export function Imports() {
  const staff = session.person?.role !== "user";
  const [cursors, setCursors] = useState(/** @type {(string | undefined)[]} */ ([undefined]));
  const [cancelled, setCancelled] = useState(/** @type {Import | null} */ (null));
  const cursor = cursors[cursors.length - 1];
  const found = useLoaded((signal) => call("imports.list", { query: { limit: 20, cursor }, signal }), [cursor]);
  const everybody = useLoaded((signal) => (staff ? people(signal) : Promise.resolve([])), []).value ?? [];
  const names = new Map(everybody.map((it) => [it.id, it.full_name ?? it.email]));
  const open = found.value?.items.some((it) => OPEN.includes(it.status));
  useRepeated(() => { if (open && !found.busy) found.reload(); }, AGAIN_SECONDS);
  const cancel = async () => {
    await call("imports.cancel", { params: { import_id: /** @type {Import} */ (cancelled).id } });
    announce(t("imports.cancelled"));
    setCancelled(null);
    found.reload();
  };
  const next = found.value?.next_cursor;
  return html`<${Heading} title=${t("imports.title")} /><${Tabs} here="imports" />
    <${Start} everybody=${everybody} done=${() => { setCursors([undefined]); found.reload(); }} />
    <${Failure} error=${found.error} retry=${found.reload} />
    <section class="card"><h2>${t("imports.list")}</h2>
      ${found.value && !found.value.items.length && html`<p>${t("imports.none")}</p>`}
      <ul class="imports">${found.value?.items.map((it) => html`<${One} key=${it.id} it=${it} name=${staff ? names.get(it.user_id) ?? String(it.user_id) : ""} cancel=${setCancelled} />`)}</ul>
      <p class="actions">${cursors.length > 1 && html`<button type="button" onClick=${() => setCursors(cursors.slice(0, -1))}>${t("page.newer")}</button>`}${next && html`<button type="button" onClick=${() => setCursors([...cursors, next])}>${t("page.older")}</button>`}</p></section>
    ${cancelled && html`<${Confirm} title=${t("imports.cancel")} text=${t("imports.cancel_sure", { name: cancelled.file_name })} label=${t("imports.cancel")} send=${cancel} close=${() => setCancelled(null)} />`}`;
}

/** Where the bytes go: the address of the ticket at the origin of the page, whatever name the server has for itself. @param {string} address */
function target(address) {
  const { pathname, search } = new URL(address, location.origin);
  return location.origin + pathname + search;
}

/** @param {{ everybody: import("../core/types.js").User[], done: () => void }} props */
function Start({ everybody, done }) {
  const [file, setFile] = useState(/** @type {File | null} */ (null)), [header, setHeader] = useState(/** @type {{ delimiter: string, names: string[] } | null} */ (null));
  const [kind, setKind] = useState(""), [zone, setZone] = useState(""), [person, setPerson] = useState(String(session.person?.id));
  const [meaning, setMeaning] = useState(/** @type {Record<string, string>} */ ({})), [format, setFormat] = useState("");
  const [share, setShare] = useState(/** @type {number | null} */ (null));
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const csv = kind === "csv" || (kind === "" && /\.csv$/i.test(file?.name ?? ""));
  const choose = async (/** @type {any} */ event) => {
    const chosen = /** @type {File | undefined} */ (event.target.files[0]);
    setFile(chosen ?? null);
    setMeaning({});
    setHeader(chosen && chosen.size ? headerOf(await chosen.slice(0, 8192).text()) : null);
  };
  const send = async () => {
    if (!file) return;
    const columns = csv && header ? columnsOf(header, meaning, format) : undefined;
    const ticket = await call("imports.create", { body: { file_name: file.name, size: file.size, kind: /** @type {any} */ (columns ? "csv" : kind || undefined), user_id: Number(person), time_zone: zone || undefined, csv: columns, direct: false } });
    setShare(0);
    try {
      await sendFile(ticket.method, target(ticket.url), ticket.headers, file, { progress: setShare });
    } finally {
      setShare(null);
      done();
    }
    announce(t("imports.begun"));
    emptied(input.current);
  };
  return html`<section class="card"><h2>${t("imports.new")}</h2><p class="quiet">${t("imports.text")}</p><${Form} send=${send} label=${t("imports.start")}>
    <div class="cards fields"><${FileField} id="imports-input" label=${t("files.file")} input=${input} onChange=${choose} />
      ${everybody.length > 0 && html`<${Field} label=${t("imports.whose")} value=${person} onValue=${setPerson}>${everybody.map((it) => html`<option key=${it.id} value=${String(it.id)}>${it.full_name ?? it.email}</option>`)}<//>`}
      <${Field} label=${t("imports.kind")} value=${kind} onValue=${setKind}><option value="">${t("imports.kind.auto")}</option>${KINDS.map((it) => html`<option key=${it} value=${it}>${t(`imports.kind.${it}`)}</option>`)}<//>
      <${Field} label=${t("organization.zone")} hint=${t("imports.zone_hint")} value=${zone} onValue=${setZone}><option value="">${t("imports.zone_own")}</option>${["UTC", ...Intl.supportedValuesOf("timeZone")].map((it) => html`<option key=${it} value=${it}>${it}</option>`)}<//></div>
    ${csv && header && html`<${Columns} header=${header} meaning=${meaning} setMeaning=${setMeaning} format=${format} setFormat=${setFormat} />`}
    ${share !== null && html`<p role="status">${t("imports.sending", { percent: Math.floor(share * 100) })} <progress max="1" value=${share} aria-label=${t("imports.start")}></progress></p>`}
  <//></section>`;
}

const SHOWN = /** @type {const} */ ({ awaiting_upload: "late", queued: "late", running: "late", done: "good", failed: "alert", cancelled: "silent" });

/** @param {{ it: Import, name: string, cancel: (it: Import) => void }} props */
function One({ it, name, cancel }) {
  const open = OPEN.includes(it.status);
  const reason = (/** @type {string} */ word) => (has(`imports.reason.${word}`) ? t(`imports.reason.${word}`) : word);
  return html`<li><p class="tools"><strong>${it.file_name}</strong><${State} kind=${SHOWN[it.status]}>${t(`imports.status.${it.status}`)}<//></p>
    <p class="quiet">${[name, size(it.size), it.kind && t(`imports.kind.${it.kind}`), date(it.created_at)].filter(Boolean).join(" · ")}</p>
    ${open && html`<p class="actions"><progress max="100" value=${it.progress} aria-label=${it.file_name}></progress> <small>${number(it.progress)} %</small><button type="button" aria-label=${t("imports.cancel_of", { name: it.file_name })} onClick=${() => cancel(it)}>${t("imports.cancel")}</button></p>`}
    ${it.problem && html`<div class="failure"><strong>${reason(it.problem.reason)}</strong><p lang="en">${it.problem.message}${it.problem.place && html` <small>${it.problem.place}</small>`}</p></div>`}
    ${it.seen > 0 && html`<p>${t("imports.counts", { seen: it.seen, stored: it.stored, duplicates: it.duplicates, rejected: it.rejected })}</p>`}
    ${(it.rejections.length > 0 || (it.skipped?.length ?? 0) > 0) && html`<details><summary>${t("imports.why")}</summary><ul class="plain">
      ${it.rejections.map((why) => html`<li key=${why.reason}>${number(why.count)} × ${reason(why.reason)}${why.places?.length ? html` <small>${why.places.join("; ")}</small>` : ""}</li>`)}
      ${it.skipped?.map((what) => html`<li key=${what.name}>${t("imports.skipped", { count: what.count, name: measurementName(what.name) })}</li>`)}</ul></details>`}</li>`;
}

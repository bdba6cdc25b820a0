// What became of the last backup, as the operator sees it.
import { html } from "../core/dom.js";
import { Failure, State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { ago, date, duration, t } from "../core/i18n.js";
import { size } from "./files.js";

/** @typedef {import("../core/types.js").BackupState} BackupState */

const OLD_SECONDS = 30 * 3600; // as the alert BackupOld

/** @param {{ token: string }} props */
export function Backups({ token }) {
  const found = useLoaded((signal) => call("audit.backup", { token, signal }), []);
  return html`<section class="card" aria-busy=${found.busy}><header><h2>${t("backups.title")}</h2><button type="button" aria-label=${t("work.reload_of", { title: t("backups.title") })} onClick=${found.reload}>${t("overview.refresh")}</button></header>
    <${Failure} error=${found.error} retry=${found.reload} />${found.value && html`<${Last} it=${found.value} />`}</section>`;
}

/** @param {{ it: BackupState }} props */
function Last({ it }) {
  const age = it.succeeded_at === undefined ? null : (Date.now() - Date.parse(it.succeeded_at)) / 1000;
  const state = it.status === "failed" ? "failed" : age === null ? "none" : age > OLD_SECONDS ? "old" : "succeeded";
  const kind = { failed: "alert", none: "silent", old: "late", succeeded: "good" }[state];
  return html`<p><${State} kind=${kind}>${t(`backups.${state}`)}<//></p><p class="quiet">${t(`backups.${state}.text`)}</p>
    ${it.error && html`<p class="failure"><code>${it.error}</code></p>`}
    <dl class="pairs"><dt>${t("backups.newest")}</dt><dd>${it.succeeded_at && age !== null ? html`${date(it.succeeded_at)} <small>${ago(age)}</small>` : t("backups.never")}</dd>
      ${it.ended_at && html`<dt>${t("backups.ended")}</dt><dd>${date(it.ended_at)}${it.seconds === undefined ? "" : html` <small>${t("backups.took", { time: duration(it.seconds) })}</small>`}</dd>`}
      ${it.bytes !== undefined && html`<dt>${t("backups.size")}</dt><dd>${size(it.bytes)}</dd>`}
      ${it.place && html`<dt>${t("backups.place")}</dt><dd><code>${it.place}</code></dd>`}
      ${it.status !== "none" && html`<dt>${t("backups.encrypted")}</dt><dd>${t(it.encrypted ? "yes" : "no")}</dd>`}
      <dt>${t("backups.verified")}</dt><dd>${it.verified ? html`<${Verified} it=${it.verified} last=${it.place} />` : t("backups.unverified")}</dd></dl>`;
}

/** @param {{ it: NonNullable<BackupState["verified"]>, last: string | undefined }} props */
function Verified({ it, last }) {
  return html`<${State} kind=${it.intact ? "good" : "alert"}>${t(it.intact ? "backups.intact" : "backups.damaged")}<//> <small>${date(it.verified_at)}${!it.opened ? ` · ${t("backups.unopened")}` : ""}</small>
    ${it.place !== last && html`<br /><code>${it.place}</code>`}${it.damaged.length > 0 && html`<ul class="plain">${it.damaged.map((file) => html`<li key=${file}><code>${file}</code></li>`)}</ul>`}`;
}

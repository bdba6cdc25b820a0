// What the services do in the background, as the operator sees it: state, queues, jobs, dead letters.
import { html, useState } from "../core/dom.js";
import { Confirm, Failure, State, announce, useLoaded } from "../core/ui.js";
import { ApiError, call } from "../core/api.js";
import { date, duration, number, t } from "../core/i18n.js";

/** @typedef {import("../core/types.js").DeadLetterList["items"][number]} DeadLetter */
/** @typedef {import("../core/types.js").BackgroundWork} BackgroundWork */
/** @typedef {{ token: string, signal?: AbortSignal }} How */

const MOST = 100; // jobs and dead letters of a service that are shown

/** What each service has of it. */
const BACKGROUND = {
  auth: (/** @type {How} */ how) => call("auth.background", how),
  organization: (/** @type {How} */ how) => call("organization.background", how),
  user: (/** @type {How} */ how) => call("user.background", how),
  media: (/** @type {How} */ how) => call("media.background", how),
  influx: (/** @type {How} */ how) => call("timeseries.background", how),
  audit: (/** @type {How} */ how) => call("audit.background", how),
  alarm: (/** @type {How} */ how) => call("alarm.background", how),
};
const query = { limit: MOST };
/** @type {Record<string, (how: How) => Promise<{ items: DeadLetter[] }>>} */
const LETTERS = {
  auth: (how) => call("auth.dead_letters", { ...how, query }),
  organization: (how) => call("organization.dead_letters", { ...how, query }),
  user: (how) => call("user.dead_letters", { ...how, query }),
  media: (how) => call("media.dead_letters", { ...how, query }),
  influx: (how) => call("timeseries.dead_letters", { ...how, query }),
  audit: (how) => call("audit.dead_letters", { ...how, query }),
  alarm: (how) => call("alarm.dead_letters", { ...how, query }),
};
/** @type {Record<string, (token: string, letter_id: string) => Promise<unknown>>} */
const RETRY = {
  auth: (token, letter_id) => call("auth.retry_dead_letter", { token, params: { letter_id } }),
  organization: (token, letter_id) => call("organization.retry_dead_letter", { token, params: { letter_id } }),
  user: (token, letter_id) => call("user.retry_dead_letter", { token, params: { letter_id } }),
  media: (token, letter_id) => call("media.retry_dead_letter", { token, params: { letter_id } }),
  influx: (token, letter_id) => call("timeseries.retry_dead_letter", { token, params: { letter_id } }),
  audit: (token, letter_id) => call("audit.retry_dead_letter", { token, params: { letter_id } }),
  alarm: (token, letter_id) => call("alarm.retry_dead_letter", { token, params: { letter_id } }),
};
/** @type {Record<string, (token: string, letter_id: string) => Promise<unknown>>} */
const DROP = {
  auth: (token, letter_id) => call("auth.drop_dead_letter", { token, params: { letter_id } }),
  organization: (token, letter_id) => call("organization.drop_dead_letter", { token, params: { letter_id } }),
  user: (token, letter_id) => call("user.drop_dead_letter", { token, params: { letter_id } }),
  media: (token, letter_id) => call("media.drop_dead_letter", { token, params: { letter_id } }),
  influx: (token, letter_id) => call("timeseries.drop_dead_letter", { token, params: { letter_id } }),
  audit: (token, letter_id) => call("audit.drop_dead_letter", { token, params: { letter_id } }),
  alarm: (token, letter_id) => call("alarm.drop_dead_letter", { token, params: { letter_id } }),
};
/** @type {Record<string, (how: How) => Promise<import("../core/types.js").JobList>>} */
const JOBS = {
  organization: (how) => call("organization.jobs", { ...how, query }),
  user: (how) => call("user.jobs", { ...how, query }),
  influx: (how) => call("timeseries.jobs", { ...how, query }),
};
/** @type {Record<string, (token: string, job_id: string) => Promise<unknown>>} */
const AGAIN = {
  organization: (token, job_id) => call("organization.retry_job", { token, params: { job_id } }),
  user: (token, job_id) => call("user.retry_job", { token, params: { job_id } }),
  influx: (token, job_id) => call("timeseries.retry_job", { token, params: { job_id } }),
};

/**
 * The answers of all services by name; those that can't answer are named in `silent`. A refused token is raised.
 * @template T
 * @param {Record<string, (how: How) => Promise<T>>} calls @param {How} how
 */
async function all(calls, how) {
  /** @type {[string, T][]} */
  const answers = [];
  /** @type {string[]} */
  const silent = [];
  await Promise.all(Object.entries(calls).map(async ([name, ask]) => {
    try {
      answers.push([name, await ask(how)]);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401) throw error;
      silent.push(name);
    }
  }));
  return { answers: answers.sort((one, other) => one[0].localeCompare(other[0])), silent };
}

/** @param {{ token: string }} props */
export function Work({ token }) {
  return html`<${Services} token=${token} /><${Queues} token=${token} /><${Jobs} token=${token} /><${Letters} token=${token} />`;
}

/** A card with what was loaded. @param {{ title: string, found: any, children: any }} props */
function Part({ title, found, children }) {
  return html`<section class="card" aria-busy=${found.busy}><header><h2>${title}</h2><button type="button" aria-label=${t("work.reload_of", { title })} onClick=${found.reload}>${t("overview.refresh")}</button></header>
    <${Failure} error=${found.error} retry=${found.reload} />${found.value?.silent?.length > 0 && html`<p><${State} kind="alert">${t("work.silent", { names: found.value.silent.join(", ") })}<//></p>`}${children}</section>`;
}

/** @param {{ token: string }} props */
function Services({ token }) {
  const found = useLoaded((signal) => call("gateway.services", { token, signal }), []);
  return html`<${Part} title=${t("work.services")} found=${found}><ul class="services">${found.value?.items.map((it) => html`<li key=${it.name}><${State} kind=${it.status === "ok" || it.status === "up" ? "good" : "alert"}>${it.name}<//> <small>${it.status}${it.latency_ms === null ? "" : ` · ${number(it.latency_ms, 1)} ms`}${it.reason ? ` · ${it.reason}` : ""}</small></li>`)}</ul><//>`;
}

/** @param {{ token: string }} props */
function Queues({ token }) {
  const found = useLoaded((signal) => all(BACKGROUND, { token, signal }), []);
  const rows = (found.value?.answers ?? []).flatMap(([service, it]) => it.queues.map((queue) => ({ service, ...queue })));
  const failing = (found.value?.answers ?? []).flatMap(([service, it]) => it.tasks.filter((task) => task.failures > 0 || task.status === "ended").map((task) => ({ service, ...task })));
  return html`<${Part} title=${t("work.queues")} found=${found}>
    <div class="scroll"><table class="stack"><thead><tr><th>${t("work.queue")}</th><th class="number">${t("work.waiting")}</th><th>${t("work.oldest")}</th><th class="number">${t("work.retrying")}</th><th class="number">${t("work.dead")}</th></tr></thead>
    <tbody>${rows.map((it) => html`<tr key=${it.service + it.name}><td class="text">${it.service} · ${it.name}</td><td class="number" data-label=${t("work.waiting")}>${it.waiting === undefined ? "–" : number(it.waiting)}</td><td data-label=${t("work.oldest")}>${it.oldest_seconds === undefined ? "–" : duration(it.oldest_seconds)}</td><td class="number" data-label=${t("work.retrying")}>${number(it.retrying)}</td><td class="number" data-label=${t("work.dead")}>${it.dead ? html`<${State} kind="alert">${number(it.dead)}<//>` : number(0)}</td></tr>`)}</tbody></table></div>
    ${failing.length > 0 && html`<h3>${t("work.failing")}</h3><ul class="plain">${failing.map((it) => html`<li key=${it.service + it.name + it.process}><${State} kind="late">${it.service} · ${it.name}<//> <small>${t(`work.task.${it.status}`)} · ${t("work.failures", { count: it.failures })} ${it.last_error ?? ""}</small></li>`)}</ul>`}<//>`;
}

/** Runs something of a row, and shows its failure. @param {() => void} done */
function useAction(done) {
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const run = async (/** @type {() => Promise<unknown>} */ action) => {
    setError(null);
    try {
      await action();
      announce(t("work.done"));
      done();
    } catch (failure) {
      setError(failure);
    }
  };
  return { error, run };
}

/** @param {{ token: string }} props */
function Jobs({ token }) {
  const found = useLoaded((signal) => all(JOBS, { token, signal }), []), action = useAction(found.reload);
  const rows = (found.value?.answers ?? []).flatMap(([service, it]) => it.items.map((job) => ({ service, ...job })));
  return html`<${Part} title=${t("work.jobs")} found=${found}><${Failure} error=${action.error} />
    ${found.value && !rows.length && html`<p class="quiet">${t("work.no_jobs")}</p>`}
    ${rows.length > 0 && html`<div class="scroll"><table class="stack"><thead><tr><th>${t("work.job")}</th><th>${t("organization.title")}</th><th>${t("members.state")}</th><th>${t("work.begun")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
    <tbody>${rows.map((it) => html`<tr key=${it.id}><td class="text">${it.kind}<br /><small><code>${it.id}</code> ${it.requested_by}</small></td><td data-label=${t("organization.title")}>${it.org_id}</td><td><${State} kind=${it.status === "failed" ? "alert" : "late"}>${t(`work.job.${it.status}`)}<//> <small>${number(it.progress)} %${it.error ? ` · ${it.error}` : ""}</small></td><td data-label=${t("work.begun")}>${date(it.created_at)}</td>
      <td>${it.status === "failed" && html`<button type="button" aria-label=${t("work.retry_of", { name: it.id })} onClick=${() => action.run(() => AGAIN[it.service](token, it.id))}>${t("retry")}</button>`}</td></tr>`)}</tbody></table></div>`}<//>`;
}

/** @param {{ token: string }} props */
function Letters({ token }) {
  const found = useLoaded((signal) => all(LETTERS, { token, signal }), []), action = useAction(found.reload);
  const [dropped, setDropped] = useState(/** @type {any} */ (null));
  const rows = (found.value?.answers ?? []).flatMap(([owner, it]) => it.items.map((letter) => ({ owner, ...letter })));
  const drop = async () => { await DROP[dropped.owner](token, dropped.id); announce(t("work.done")); setDropped(null); found.reload(); };
  return html`<${Part} title=${t("work.letters")} found=${found}><${Failure} error=${action.error} />
    ${found.value && !rows.length && html`<p class="quiet">${t("work.no_letters")}</p>`}
    ${rows.length > 0 && html`<div class="scroll"><table class="stack"><thead><tr><th>${t("work.queue")}</th><th>${t("work.reason")}</th><th>${t("work.failed_at")}</th><th><span class="hidden">${t("actions")}</span></th></tr></thead>
    <tbody>${rows.map((it) => html`<tr key=${it.id}><td class="text">${it.owner} · ${it.queue}<br /><small>${it.item}${it.org_id === undefined ? "" : ` · ${t("organization.title")} ${it.org_id}`}</small></td><td class="text" data-label=${t("work.reason")}>${it.reason} <small>${t("work.failures", { count: it.attempts })}</small></td><td data-label=${t("work.failed_at")}>${date(it.last_failed_at)}</td>
      <td><span class="actions"><button type="button" aria-label=${t("work.retry_of", { name: it.item })} onClick=${() => action.run(() => RETRY[it.owner](token, it.id))}>${t("retry")}</button><button type="button" class="danger" aria-label=${t("work.drop_of", { name: it.item })} onClick=${() => setDropped(it)}>${t("work.drop")}</button></span></td></tr>`)}</tbody></table></div>`}
    ${dropped && html`<${Confirm} title=${t("work.drop")} text=${t("work.drop_sure", { name: dropped.item })} label=${t("work.drop")} send=${drop} close=${() => setDropped(null)} />`}<//>`;
}

// The organization: name and policies, mode and plan, how much of each limit is used, and its deletion.
import { html, useState } from "../core/dom.js";
import { Confirm, Dialog, Failure, Field, Form, Heading, State, announce, useLoaded } from "../core/ui.js";
import { ApiError, call } from "../core/api.js";
import { date, has, number, percent, t } from "../core/i18n.js";
import { expectEnd, leave } from "../core/session.js";
import { useJob } from "./account.js";
import { size } from "./files.js";

/** @typedef {import("../core/types.js").OrganizationUsage} OrganizationUsage */

/** The screen. */
export function Organization() {
  const found = useLoaded(async (signal) => {
    const [organization, policies, limits, usage] = await Promise.all([call("organization.read", { signal }), call("organization.read_policies", { signal }), call("organization.read_limits", { signal }), call("organization.usage", { signal })]);
    return { organization, policies, limits: limits.items, usage };
  }, []);
  if (!found.value) return html`<${Heading} title=${t("organization.title")} />${found.error ? html`<${Failure} error=${found.error} retry=${found.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  const { organization, policies, limits, usage } = found.value;
  return html`<${Heading} title=${organization.name} />
    <div class="cards wide"><${Name} organization=${organization} reload=${found.reload} /><${Policies} policies=${policies} /><${Standing} usage=${usage} /><${Deletion} name=${organization.name} /></div>
    <${Usage} usage=${usage} limits=${limits} />`;
}

/** @param {{ organization: import("../core/types.js").Organization, reload: () => void }} props */
function Name({ organization, reload }) {
  const [name, setName] = useState(organization.name), [policies, setPolicies] = useState(organization.policies);
  const send = async () => {
    await call("organization.update", { body: { name: name.trim(), policies } });
    announce(t("saved"));
    reload();
  };
  return html`<section class="card"><h2>${t("organization.about")}</h2><${Form} send=${send} label=${t("save")}>
    <${Field} label=${t("organization.name")} type="text" required maxlength="200" value=${name} onValue=${setName} />
    <${Field} label=${t("organization.policies")} hint=${t("organization.policies_hint")} rows="5" maxlength="10000" value=${policies} onValue=${setPolicies} /><//></section>`;
}

/** @param {{ policies: import("../core/types.js").OrganizationPolicies }} props */
function Policies({ policies }) {
  const [zone, setZone] = useState(policies.time_zone), [days, setDays] = useState(String(policies.retention_days ?? ""));
  const [unknown, setUnknown] = useState(/** @type {string} */ (policies.unknown_measurements));
  const zones = [...new Set([policies.time_zone, "UTC", ...Intl.supportedValuesOf("timeZone")])];
  const send = async () => {
    await call("organization.update_policies", { body: { time_zone: zone, retention_days: days.trim() ? Number(days) : null, unknown_measurements: /** @type {any} */ (unknown) } });
    announce(t("saved"));
  };
  return html`<section class="card"><h2>${t("organization.rules")}</h2><${Form} send=${send} label=${t("save")}>
    <${Field} label=${t("organization.zone")} hint=${t("organization.zone_hint")} value=${zone} onValue=${setZone}>${zones.map((it) => html`<option key=${it} value=${it}>${it}</option>`)}<//>
    <${Field} label=${t("organization.retention")} hint=${t("organization.retention_hint")} type="number" min="1" max="36500" step="1" value=${days} onValue=${setDays} />
    <${Field} label=${t("organization.unknown")} value=${unknown} onValue=${setUnknown}><option value="accept">${t("organization.accept")}</option><option value="reject">${t("organization.reject")}</option><//>
  <//></section>`;
}

const MODES = /** @type {const} */ ({ active: "good", read_only: "late", suspended: "alert", demo: "none" });

/** Mode and plan, with what they mean. @param {{ usage: OrganizationUsage }} props */
function Standing({ usage }) {
  const { mode, plan } = usage;
  return html`<section class="card"><h2>${t("mode.title")}</h2><p><${State} kind=${MODES[mode]}>${t(`mode.${mode}`)}<//></p><p class="quiet">${t(`mode.${mode}.text`)}</p>
    <h3>${t("plan.title")}</h3>${plan ? html`<dl class="pairs"><dt>${t("plan.name")}</dt><dd>${plan.name}</dd><dt>${t("members.state")}</dt><dd>${t(`plan.${plan.stage}`)}</dd>
      ${plan.until && html`<dt>${t("plan.until")}</dt><dd>${date(plan.until)}</dd>`}${plan.read_only_from && html`<dt>${t("plan.read_only_from")}</dt><dd>${date(plan.read_only_from)}</dd>`}</dl>` : html`<p class="quiet">${t("plan.none")}</p>`}</section>`;
}

/** What a limit is called. @param {string} name */
const limitName = (name) => (has(`limit.${name}`) ? t(`limit.${name}`) : name);

/** @param {number} value @param {string} unit */
const amount = (value, unit) => (unit === "bytes" ? size(value) : number(value));

/** @param {{ usage: OrganizationUsage, limits: import("../core/types.js").LimitList["items"] }} props */
function Usage({ usage, limits }) {
  const sorted = [...usage.items].sort((one, other) => other.percent - one.percent || other.used / other.value - one.used / one.value), known = new Set(sorted.map((it) => it.name));
  const others = limits.filter((it) => !known.has(it.name)), about = new Map(limits.map((it) => [it.name, it.about]));
  const unused = sorted.filter((it) => it.used === 0);
  const table = (/** @type {OrganizationUsage["items"]} */ rows) => html`<div class="scroll"><table class="stack"><thead><tr><th>${t("limits.limit")}</th><th class="number">${t("limits.used")}</th><th class="number">${t("limits.value")}</th><th>${t("limits.share")}</th><th>${t("limits.source")}</th></tr></thead>
    <tbody>${rows.map((it) => html`<tr key=${it.name}><td class="text" title=${about.get(it.name)}>${limitName(it.name)} <small>${t(`limits.${it.scope}`)}${it.daily ? `, ${t("limits.daily")}` : ""}</small></td>
      <td class="number" data-label=${t("limits.used")}>${amount(it.used, it.unit)}</td><td class="number" data-label=${t("limits.value")}>${amount(it.value, it.unit)}</td><td data-label=${t("limits.share")}><meter min="0" max="100" high="90" value=${Math.min(100, it.percent)} aria-label=${limitName(it.name)}></meter> <small>${percent(it.percent / 100)}</small></td><td data-label=${t("limits.source")}>${t(`limits.source.${it.source}`)}</td></tr>`)}</tbody></table></div>`;
  return html`<section class="card"><h2>${t("limits.title")}</h2><p class="quiet">${t("limits.text")}</p>${table(sorted.filter((it) => it.used > 0))}
    ${unused.length > 0 && html`<details><summary>${t("limits.unused", { count: unused.length })}</summary>${table(unused)}</details>`}
    <details><summary>${t("limits.others", { count: others.length })}</summary><div class="scroll"><table class="stack"><thead><tr><th>${t("limits.limit")}</th><th class="number">${t("limits.value")}</th><th>${t("limits.about")}</th></tr></thead>
    <tbody>${others.map((it) => html`<tr key=${it.name}><td class="text">${limitName(it.name)} <small>${t(`limits.${it.scope}`)}${it.daily ? `, ${t("limits.daily")}` : ""}</small></td><td class="number" data-label=${t("limits.value")}>${amount(it.value, it.unit)}</td><td class="text" lang="en"><small>${it.about}</small></td></tr>`)}</tbody></table></div></details></section>`;
}

/** @param {{ name: string }} props */
function Deletion({ name }) {
  const [asking, setAsking] = useState(false), [typed, setTyped] = useState(""), [job, setJob] = useState(/** @type {string | null} */ (null));
  const remove = async () => {
    setJob((await call("organization.delete", { body: { name: typed } })).id);
    expectEnd();
    setAsking(false);
  };
  return html`<section class="card"><h2>${t("erase.title")}</h2><p class="quiet">${t("erase.text")}</p><p><button type="button" class="danger" onClick=${() => setAsking(true)}>${t("erase.title")}</button></p>
    ${asking && html`<${Confirm} title=${t("erase.title")} text=${t("erase.sure", { name })} label=${t("erase.submit")} send=${remove} close=${() => setAsking(false)}><${Field} label=${t("organization.name")} type="text" required maxlength="200" autocomplete="off" value=${typed} onValue=${setTyped} /><//>`}
    ${job && html`<${Progress} job=${job} name=${name} />`}</section>`;
}

/** How far the deletion is. The accounts end with it, so that an answer of 401 or 404 says that it is over for this person. @param {{ job: string, name: string }} props */
function Progress({ job, name }) {
  const found = useJob("organization.read_deletion", job), status = found.value?.status;
  const out = found.error instanceof ApiError && [401, 404].includes(found.error.status), over = status === "done" || out;
  const close = () => { leave(); location.hash = "#/login"; };
  return html`<${Dialog} title=${t("erase.title")} close=${close}><p role="status">${over ? t("erase.done", { name }) : status === "failed" ? t("member.delete_failed") : t("member.deleting", { name })}</p>
    ${!over && html`<progress max="100" value=${found.value?.progress ?? 0} aria-label=${t("erase.title")}></progress>`}
    ${!out && html`<${Failure} error=${found.error} retry=${found.reload} />`}${over && html`<p class="actions"><button type="button" class="main" onClick=${close}>${t("erase.leave")}</button></p>`}<//>`;
}

// The organization: name and policies, and how much of each limit is used.
import { html, useState } from "../core/dom.js";
import { Failure, Field, Form, Heading, announce, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { has, number, percent, t } from "../core/i18n.js";

/** The screen. */
export function Organization() {
  const found = useLoaded(async (signal) => {
    const [organization, policies, limits] = await Promise.all([call("organization.read", { signal }), call("organization.read_policies", { signal }), call("organization.read_limits", { signal })]);
    return { organization, policies, limits: limits.items };
  }, []);
  if (!found.value) return html`<${Heading} title=${t("organization.title")} />${found.error ? html`<${Failure} error=${found.error} retry=${found.reload} />` : html`<p class="loading" role="status">${t("loading")}</p>`}`;
  const { organization, policies, limits } = found.value;
  return html`<${Heading} title=${organization.name} />
    <div class="cards wide"><${Name} organization=${organization} reload=${found.reload} /><${Policies} policies=${policies} /></div><${Limits} limits=${limits} />`;
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

/** @param {{ limits: import("../core/types.js").LimitList["items"] }} props */
function Limits({ limits }) {
  const shown = limits.filter((it) => it.used !== undefined).sort((one, other) => (other.used ?? 0) / (other.value || 1) - (one.used ?? 0) / (one.value || 1));
  return html`<section class="card"><h2>${t("limits.title")}</h2><p class="quiet">${t("limits.text")}</p><div class="scroll"><table class="stack"><thead><tr><th>${t("limits.limit")}</th><th class="number">${t("limits.used")}</th><th class="number">${t("limits.value")}</th><th>${t("limits.share")}</th></tr></thead>
    <tbody>${shown.map((it) => { const share = (it.used ?? 0) / (it.value || 1); const name = has(`limit.${it.name}`) ? t(`limit.${it.name}`) : it.name; return html`<tr key=${it.name}><td class="text" title=${it.about}>${name} <small>${t(`limits.${it.scope}`)}${it.daily ? `, ${t("limits.daily")}` : ""}</small></td>
      <td class="number" data-label=${t("limits.used")}>${number(it.used ?? 0)}</td><td class="number" data-label=${t("limits.value")}>${number(it.value)}</td><td><meter min="0" max="1" high="0.9" value=${Math.min(1, share)} aria-label=${name}></meter> <small>${percent(share)}</small></td></tr>`; })}</tbody></table></div></section>`;
}

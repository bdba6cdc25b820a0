// A day of heart rate as the server sums it up: coverage, gaps, zones, resting rate.
import { html, useState } from "../core/dom.js";
import { Failure, Field, measured, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { bucket } from "../core/data.js";
import { date, duration, number, percent, t } from "../core/i18n.js";

/** Days are those of the organization's time zone, where it can be another day than at this browser: the server says which day is today. @param {{ id: number }} props */
export function Day({ id }) {
  const [day, setDay] = useState(/** @type {string | null} */ (null)), [today, setToday] = useState("");
  const found = useLoaded(async (signal) => {
    if (day !== null && !/^\d{4}-\d\d-\d\d$/.test(day)) return null;
    const answer = await call("timeseries.summary", { signal, body: { bucket: bucket(), user_id: id, day: day ?? undefined } });
    if (day === null) setToday(answer.day);
    return answer;
  }, [id, day]);
  const shown = found.value;
  return html`<section class="card" aria-busy=${found.busy}><header><h2>${t("day.title")}</h2><${Field} label=${t("day.date")} type="date" max=${today} value=${day ?? today} onValue=${setDay} /></header>
    <${Failure} error=${found.error} retry=${found.reload} />
    ${shown && !found.error && html`<${Summary} shown=${shown} />`}</section>`;
}

/** @param {{ shown: import("../core/types.js").HeartRateSummary }} props */
function Summary({ shown }) {
  if (!shown.samples) return html`<p class="quiet">${t("day.empty")}</p>`;
  const total = shown.zones.reduce((sum, it) => sum + it.seconds, 0);
  const unit = t("unit.bpm");
  return html`<${Coverage} shown=${shown} />
    <dl class="pairs"><dt>${t("day.coverage")}</dt><dd>${percent(shown.coverage)} · ${t("day.samples", { count: shown.samples })}</dd>
      <dt>${t("day.resting")}</dt><dd>${measured(shown.resting_heart_rate, unit)}</dd>
      <dt>${t("day.mean")}</dt><dd>${measured(shown.mean, unit)} (${measured(shown.minimum, "")}– ${measured(shown.maximum, unit)})</dd>
      <dt>${t("day.gaps")}</dt><dd>${shown.gaps.length ? t("day.gaps_text", { count: shown.gaps.length, longest: duration(Math.max(...shown.gaps.map(length))) }) : t("day.no_gaps")}</dd></dl>
    ${total > 0 && html`<h3>${t("day.zones")}</h3><ul class="zones">${shown.zones.map((it) => html`<li key=${it.minimum}><span class="number">${it.maximum === null ? `≥ ${number(it.minimum)}` : `${number(it.minimum)}–${number(it.maximum)}`} ${unit}</span>
      <svg class="bar-of" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="100" height="10" /><rect width=${(it.seconds / total) * 100} height="10" /></svg><span class="number">${duration(it.seconds)}</span></li>`)}</ul>`}
    <p><small>${t("day.zone", { zone: shown.time_zone })}</small></p>`;
}

/** Seconds of a gap. @param {{ start: string, stop: string }} gap */
const length = (gap) => (Date.parse(gap.stop) - Date.parse(gap.start)) / 1000;

/** The day as a bar with its gaps. @param {{ shown: import("../core/types.js").HeartRateSummary }} props */
function Coverage({ shown }) {
  const start = startOf(shown.day, shown.time_zone), at = (/** @type {number} */ time) => Math.min(1440, Math.max(0, (time - start) / 60_000));
  const now = at(Date.now());
  const hour = (/** @type {number} */ share) => date(start + share * 86_400_000, { timeStyle: "short", timeZone: shown.time_zone });
  return html`<svg class="day" viewBox="0 0 1440 24" preserveAspectRatio="none" role="img" aria-label=${t("day.bar", { coverage: percent(shown.coverage) })}>
    <rect class="gap" width="1440" height="24" /><rect width=${now} height="24" />
    ${shown.gaps.map((it) => html`<rect class="gap" x=${at(Date.parse(it.start))} width=${at(Date.parse(it.stop)) - at(Date.parse(it.start))} height="24"><title>${date(it.start, { timeStyle: "short", timeZone: shown.time_zone })} – ${date(it.stop, { timeStyle: "short", timeZone: shown.time_zone })}</title></rect>`)}</svg>
    <p class="ends" aria-hidden="true">${[0, 0.25, 0.5, 0.75, 1].map((it) => html`<small key=${it}>${hour(it)}</small>`)}</p>`;
}

/** When a day begins in a zone, in milliseconds. @param {string} day @param {string} zone */
function startOf(day, zone) {
  const utc = Date.parse(`${day}T00:00:00Z`);
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" }).formatToParts(utc).map((it) => [it.type, Number(it.value)]));
  return utc - (Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute) - utc);
}

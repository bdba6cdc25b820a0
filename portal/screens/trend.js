// The resting rate of the last weeks, from the summaries of the days.
import { html, useState } from "../core/dom.js";
import { Failure, Form, measured } from "../core/ui.js";
import { call } from "../core/api.js";
import { bucket } from "../core/data.js";
import { date, number, percent, t } from "../core/i18n.js";

/** @typedef {import("../core/types.js").HeartRateSummary} Summary */

const DAYS = 28, WIDTH = 560, HEIGHT = 120, SIDE = 8;

/** The day so many days before one, as 2026-11-30. @param {string} day @param {number} ago */
const before = (day, ago) => new Date(Date.parse(`${day}T00:00:00Z`) - ago * 86_400_000).toISOString().slice(0, 10);

/** A day in words. @param {string} it */
const dayWords = (it) => date(`${it}T12:00:00`, { dateStyle: "medium" });

/** Each day is an answer that counts as a disclosure, so they are asked for by a button. @param {{ id: number }} props */
export function Resting({ id }) {
  const [days, setDays] = useState(/** @type {Summary[] | null} */ (null)), [done, setDone] = useState(0);
  const load = async () => {
    /** @type {Summary[]} */
    const found = [];
    setDone(0);
    const ask = (/** @type {string | undefined} */ day) => call("timeseries.summary", { body: { bucket: bucket(), user_id: id, day } });
    const today = (await ask(undefined)).day; // in the organization's time zone
    for (let ago = DAYS; ago > 0; ago -= 1) { // one after the other: each reads the points of a day
      found.push(await ask(before(today, ago)));
      setDone(found.length);
    }
    setDays(found);
  };
  return html`<section class=${days ? "card" : "card unprinted"}><h2>${t("resting.title")}</h2>
    ${days ? html`<${Shown} days=${days} />` : html`<p class="quiet">${t("resting.text", { days: DAYS })}</p><${Form} send=${load} label=${t("resting.show")}>${done > 0 && html`<progress max=${DAYS} value=${done} aria-label=${t("resting.title")}></progress>`}<//>`}</section>`;
}

/** @param {{ days: Summary[] }} props */
function Shown({ days }) {
  const known = days.map((it) => it.resting_heart_rate).filter((it) => it !== null);
  if (!known.length) return html`<p class="quiet">${t("resting.none", { days: DAYS })}</p>`;
  const low = Math.min(...known), high = Math.max(...known), unit = t("unit.bpm");
  const x = (/** @type {number} */ place) => SIDE + (place / (days.length - 1)) * (WIDTH - 2 * SIDE);
  const y = (/** @type {number} */ rate) => SIDE + (1 - (rate - low) / Math.max(1, high - low)) * (HEIGHT - 2 * SIDE);
  let path = "";
  days.forEach((it, place) => { if (it.resting_heart_rate !== null) path += `${place > 0 && days[place - 1].resting_heart_rate !== null ? "L" : "M"}${x(place).toFixed(1)} ${y(it.resting_heart_rate).toFixed(1)}`; });
  const mean = known.reduce((sum, it) => sum + it, 0) / known.length;
  return html`<p>${t("resting.mean", { mean: `${number(mean, 0)} ${unit}`, low: number(low), high: number(high), count: known.length })}</p>
    <svg class="trend" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${t("resting.label", { low: number(low), high: number(high) })}><path d=${path} />${days.map((it, place) => it.resting_heart_rate !== null && html`<circle key=${it.day} cx=${x(place)} cy=${y(it.resting_heart_rate)} r="3"><title>${`${dayWords(it.day)}: ${measured(it.resting_heart_rate, unit)}`}</title></circle>`)}</svg>
    <p class="ends" aria-hidden="true"><small>${dayWords(days[0].day)}</small><small>${dayWords(days[days.length - 1].day)}</small></p>
    <details><summary>${t("resting.table")}</summary><div class="scroll" tabindex="0" role="region" aria-label=${t("resting.title")}><table><thead><tr><th>${t("day.date")}</th><th class="number">${t("day.resting")}</th><th class="number">${t("day.coverage")}</th></tr></thead>
    <tbody>${[...days].reverse().map((it) => html`<tr key=${it.day}><td>${dayWords(it.day)}</td><td class="number">${measured(it.resting_heart_rate, unit)}</td><td class="number">${percent(it.coverage)}</td></tr>`)}</tbody></table></div></details>`;
}

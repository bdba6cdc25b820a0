// Alarms in a chart: their intervals with a mark of their severity, a threshold, and the same as a list of links.
import { html } from "../core/dom.js";
import { State, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { byNeed, interval } from "../core/alarms.js";
import { date, duration, t } from "../core/i18n.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */
/** What is drawn of an alarm; one without an `end` lasts until the end of the chart. @typedef {{ start: string, end?: string, severity: Alarm["severity"] }} Marked */

const COLOURS = { critical: "--alert", warning: "--late", info: "--accent" };
const EARLIER_MS = 7 * 86_400_000; // an alarm that began before the chart may still be in it
const MOST = 200, LISTED = 8;

/** @param {string} name */
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draws intervals as bands with a bar above, and the threshold as a dashed line. @param {any} plot @param {Marked[]} alarms @param {number | null} limit */
export function drawAlarms(plot, alarms, limit) {
  const { ctx, bbox } = plot, scale = devicePixelRatio, right = bbox.left + bbox.width;
  ctx.save();
  for (const alarm of alarms) {
    const stop = alarm.end === undefined ? Date.now() : Date.parse(alarm.end);
    const from = Math.max(bbox.left, plot.valToPos(Date.parse(alarm.start) / 1000, "x", true)), to = Math.min(right, Math.max(plot.valToPos(stop / 1000, "x", true), from + 3 * scale));
    if (from > right || to < bbox.left) continue;
    ctx.fillStyle = token(COLOURS[alarm.severity] ?? "--accent");
    ctx.globalAlpha = 0.14;
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(from, bbox.top, to - from, 3 * scale);
    shape(ctx, alarm.severity, Math.min(from + 1, right - 10 * scale), bbox.top + 10 * scale, 5 * scale);
  }
  if (limit !== null) {
    const y = plot.valToPos(limit, "y", true);
    ctx.strokeStyle = token("--late");
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash([6 * scale, 4 * scale]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(right, y);
    if (y >= bbox.top && y <= bbox.top + bbox.height) ctx.stroke();
  }
  ctx.restore();
}

/** Octagon, diamond or disc, as beside the word. @param {any} ctx @param {string} severity @param {number} x @param {number} y @param {number} size */
function shape(ctx, severity, x, y, size) {
  const corners = severity === "critical" ? 8 : severity === "warning" ? 4 : 24, turn = severity === "critical" ? Math.PI / 8 : 0;
  ctx.beginPath();
  for (let corner = 0; corner < corners; corner += 1) {
    const angle = turn + (corner / corners) * 2 * Math.PI;
    ctx.lineTo(x + size + Math.cos(angle) * size, y + Math.sin(angle) * size);
  }
  ctx.fill();
}

/** The alarms of one person and measurement in a time; none until they are known. @param {number} user @param {string} measurement @param {number} start @param {number} stop @returns {Alarm[]} */
export function useAlarmsOf(user, measurement, start, stop) {
  const found = useLoaded(async (signal) => {
    const query = { user_id: user, since: new Date(start - EARLIER_MS).toISOString(), until: new Date(stop).toISOString(), limit: MOST };
    return (await call("alarm.list", { query, signal })).items;
  }, [user, start, stop]);
  return (found.value ?? []).filter((it) => it.measurement === measurement && interval(it)[1] >= start && interval(it)[0] <= stop);
}

/** The alarms of the chart as links. @param {{ alarms: Alarm[] }} props */
export function MarkedAlarms({ alarms }) {
  if (alarms.length === 0) return null;
  const shown = [...alarms].sort(byNeed).slice(0, LISTED);
  return html`<ul class="marked" aria-label=${t("alarm.in_chart")}>${shown.map((it) => {
    const [start, stop] = interval(it);
    return html`<li key=${it.id}><${State} kind=${it.severity}>${t(`severity.${it.severity}`)}<//> <a href=${`#/alarms/${it.id}`}>${it.rule_name}</a> <small>${date(start)}, ${duration((stop - start) / 1000)}</small></li>`;
  })}
    ${alarms.length > LISTED && html`<li><a href=${`#/alarms?view=all&person=${alarms[0].user_id}`}>${t("alarm.more", { count: alarms.length - LISTED })}</a></li>`}</ul>`;
}

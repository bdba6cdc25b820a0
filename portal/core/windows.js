// Which windows a chart asks the server for, and what it makes of the answer.
import { call } from "./api.js";
import { bucket } from "./data.js";

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
/** Windows by length; a width of the chart has at most one for each two pixels. @type {[number, string][]} */
const STEPS = [
  [SECOND, "1s"], [2 * SECOND, "2s"], [5 * SECOND, "5s"], [10 * SECOND, "10s"], [15 * SECOND, "15s"], [30 * SECOND, "30s"],
  [MINUTE, "1m"], [2 * MINUTE, "2m"], [5 * MINUTE, "5m"], [10 * MINUTE, "10m"], [15 * MINUTE, "15m"], [30 * MINUTE, "30m"],
  [HOUR, "1h"], [2 * HOUR, "2h"], [3 * HOUR, "3h"], [6 * HOUR, "6h"], [12 * HOUR, "12h"], [DAY, "1d"], [7 * DAY, "1w"], [31 * DAY, "1mo"],
];
export const SHORTEST = 10 * SECOND, LONGEST = 12 * 366 * DAY;
const RAW_BELOW = 15 * MINUTE; // the points themselves

/** @typedef {{ start: number, stop: number, step: number, every: string, raw: boolean, time: number[], mean: (number | null)[], low: (number | null)[], high: (number | null)[], counted: (number | null)[] }} Drawn */

/** The window for a range on a chart of that width. @param {number} range milliseconds @param {number} width pixels @returns {[number, string]} */
export function stepFor(range, width) {
  return STEPS.find(([length]) => range / length <= Math.max(120, width / 2)) ?? STEPS[STEPS.length - 1];
}

/**
 * The mean of each window first, then with the lowest and highest value.
 * @param {{ user: number, measurement: string, field: string, start: number, stop: number, width: number, signal: AbortSignal }} wanted
 * @param {(drawn: Drawn) => void} show
 */
export async function load(wanted, show) {
  const { start, stop } = wanted, raw = stop - start <= RAW_BELOW;
  const [step, every] = raw ? [0, ""] : stepFor(stop - start, wanted.width);
  if (raw) return show(drawn({ start, stop, step, every, raw }, await points(wanted, {}), null, null));
  const ask = (/** @type {"mean" | "min" | "max"} */ aggregate) => points(wanted, { aggregate, every });
  const mean = await ask("mean");
  show(drawn({ start, stop, step, every, raw }, mean, null, null));
  const [low, high] = await Promise.all([ask("min"), ask("max")]);
  show(drawn({ start, stop, step, every, raw }, mean, low, high));
}

/** @typedef {{ time: number, value: number, count: number | null }} Value */

/** @param {any} wanted @param {{ aggregate?: any, every?: string }} windows @returns {Promise<Value[]>} */
async function points({ user, measurement, field, start, stop, signal }, windows) {
  const answer = await call("timeseries.query", { signal, body: {
    bucket: bucket(), measurement, fields: [field], tags: { user_id: String(user) }, group_by: ["user_id"], ...windows,
    range_start: new Date(start).toISOString(), range_stop: new Date(stop).toISOString(),
  } });
  const found = answer.series.flatMap((it) => it.points.map((point) => ({ time: Date.parse(point.time), value: Number(point.fields[field]), count: point.count ?? null })));
  return found.filter((it) => Number.isFinite(it.value)).sort((one, other) => one.time - other.time);
}

/** @param {any} base @param {Value[]} mean @param {Value[] | null} low @param {Value[] | null} high @returns {Drawn} */
function drawn(base, mean, low, high) {
  const lows = new Map(low?.map((it) => [it.time, it.value])), highs = new Map(high?.map((it) => [it.time, it.value]));
  /** @type {Drawn} */
  const made = { ...base, time: [], mean: [], low: [], high: [], counted: [] };
  const pause = gapOf(mean, base.step);
  let before = Infinity;
  for (const { time, value, count } of mean) {
    if (time - before > pause) push(made, before + 1, null, null, null, null);
    push(made, time, value, lows.get(time) ?? null, highs.get(time) ?? null, count);
    before = time;
  }
  return made;
}

/** @param {Drawn} to @param {number} time @param {number | null} mean @param {number | null} low @param {number | null} high @param {number | null} count */
function push(to, time, mean, low, high, count) {
  to.time.push(time / 1000);
  to.mean.push(mean);
  to.low.push(low);
  to.high.push(high);
  to.counted.push(count);
}

/** The shortest pause that is a gap: three usual intervals, a window and a half, ten seconds. @param {Value[]} values @param {number} step */
function gapOf(values, step) {
  const pauses = values.slice(1).map((it, index) => it.time - values[index].time).sort((one, other) => one - other);
  const usual = pauses[Math.floor(pauses.length / 2)] ?? 0;
  return Math.max(step * 1.5, usual * 3, step ? 0 : 10 * SECOND);
}

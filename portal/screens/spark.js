// A line of the last hours without axes; gaps stay gaps.
import { html } from "../core/dom.js";
import { t, number } from "../core/i18n.js";

const WIDTH = 240, HEIGHT = 34;

/** @param {{ points: [number, number][], start: number, stop: number, step: number }} props */
export function Spark({ points, start, stop, step }) {
  const known = points.filter(([, value]) => Number.isFinite(value));
  if (!known.length) return html`<small>${t("spark.none")}</small>`;
  const values = known.map(([, value]) => value);
  const low = Math.min(...values), high = Math.max(...values);
  // At least 30 units high, so that a calm night does not look like a mountain.
  const middle = (low + high) / 2, half = Math.max(15, (high - low) / 2) * 1.1;
  const x = (/** @type {number} */ time) => ((time - start) / (stop - start)) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT / 2 - ((value - middle) / half) * (HEIGHT / 2);
  let path = "", before = -Infinity;
  for (const [time, value] of known) {
    const at = `${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    path += time - before > step * 1.5 ? `M${at}l0 0` : `L${at}`; // the line of no length is a dot where a value is alone
    before = time;
  }
  const label = t("spark.label", { low: number(low), high: number(high) });
  return html`<svg class="spark" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${label}><path d=${path} stroke-linecap="round" /></svg>`;
}

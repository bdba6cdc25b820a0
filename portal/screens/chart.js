// A chart of one field over time, with zoom and pan by pointer, wheel and keyboard.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useLayoutEffect, useRef } from "../core/dom.js";
import { current, date, number, t } from "../core/i18n.js";
import { drawAlarms } from "./alarm_marks.js";

/** @typedef {import("../core/windows.js").Drawn} Drawn */
/** @typedef {{ drawn: Drawn | null, start: number, stop: number, unit: string, low: number | null, high: number | null, busy: boolean, move: (start: number, stop: number) => void, label: string, say: (text: string) => void, alarms?: import("./alarm_marks.js").Marked[], limit?: number | null }} ChartProps */

const WHEEL_MS = 120;

/** @param {string} name */
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {Drawn | null} drawn */
const columns = (drawn) => (drawn ? [drawn.time, drawn.mean, drawn.low, drawn.high] : [[], [], [], []]);

/** Triangles where a window has values out of the plausible range. @param {any} plot @param {ChartProps} props */
function marks(plot, { drawn, low, high }) {
  if (!drawn) return;
  const { ctx, bbox } = plot, size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = token("--alert");
  drawn.time.forEach((time, index) => {
    const least = drawn.low[index] ?? drawn.mean[index], most = drawn.high[index] ?? drawn.mean[index];
    const wrong = high !== null && most !== null && most > high ? most : low !== null && least !== null && least < low ? least : null;
    if (wrong === null) return;
    const x = plot.valToPos(time, "x", true), y = plot.valToPos(wrong, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y + size * 0.8);
    ctx.lineTo(x - size, y + size * 0.8);
    ctx.fill();
  });
  ctx.restore();
}

/** Times of the axis in the person's language. @param {any} plot @param {number[]} splits */
function ticks(plot, splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 3600;
  const format = step >= 27 * 86_400 ? { month: "short", year: "numeric" } : step >= 86_400 ? { day: "numeric", month: "short" } : step >= 60 ? { hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  let day = "";
  return splits.map((seconds) => {
    const text = date(seconds * 1000, /** @type {any} */ (format));
    if (step >= 86_400) return text;
    const its = date(seconds * 1000, { day: "numeric", month: "short" });
    if (its === day) return text;
    day = its;
    return `${text}\n${its}`;
  });
}

/** @param {{ current: ChartProps }} props @param {number} width @param {number} height */
function options(props, width, height) {
  const axis = { stroke: token("--quiet"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 }, font: `12px ${token("--font")}` };
  return {
    width, height, legend: { show: false }, padding: [12, 12, 0, 0],
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    scales: { x: { time: true, range: () => [props.current.start / 1000, props.current.stop / 1000] }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => spread(low, high, props.current.limit ?? null) } },
    axes: [{ ...axis, values: ticks, space: 90, size: 44 }, { ...axis, size: 46, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((it) => number(it, 1)) }],
    series: [
      {},
      { stroke: token("--series"), width: 1.5, points: { show: (/** @type {any} */ plot, /** @type {number} */ _, /** @type {number} */ from, /** @type {number} */ to) => to - from < plot.width / 8, size: 4 } },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: token("--band") }],
    hooks: {
      draw: [(/** @type {any} */ plot) => { drawAlarms(plot, props.current.alarms ?? [], props.current.limit ?? null); marks(plot, props.current); }],
      setSelect: [(/** @type {any} */ plot) => {
        if (plot.select.width < 6) return;
        const at = (/** @type {number} */ left) => plot.posToVal(left, "x") * 1000;
        props.current.move(at(plot.select.left), at(plot.select.left + plot.select.width));
        plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      }],
      setCursor: [(/** @type {any} */ plot) => { props.current.say(reading(props.current, plot.cursor.idx)); }],
    },
  };
}

/** The limits of the axis, with room around the values and a threshold. @param {number | null} lowest @param {number | null} highest @param {number | null} limit */
function spread(lowest, highest, limit) {
  if (lowest === null || highest === null) return [0, 100];
  const low = Math.min(lowest, limit ?? lowest), high = Math.max(highest, limit ?? highest);
  const room = Math.max(5, (high - low) * 0.12);
  return [Math.max(0, low - room), high + room];
}

/** The values of one window, in words. @param {ChartProps} props @param {number | null | undefined} index */
function reading({ drawn, unit }, index) {
  if (!drawn || index === null || index === undefined || drawn.mean[index] === null) return "";
  const value = `${number(/** @type {number} */ (drawn.mean[index]), 1)} ${unit}`;
  const time = date(drawn.time[index] * 1000, { dateStyle: "medium", timeStyle: drawn.step && drawn.step >= 60_000 ? "short" : "medium" });
  const low = drawn.low[index], high = drawn.high[index];
  return low === null || high === null ? `${time}: ${value}` : t("chart.reading", { time, value, low: number(low, 1), high: number(high, 1) });
}

/** Zoom and pan by the wheel: the chart moves at once, the data follow. @param {HTMLElement} element @param {{ current: any }} plot @param {{ current: ChartProps }} props */
function wheel(element, plot, props) {
  let timer = 0;
  /** @type {[number, number] | null} */
  let view = null;
  const turned = (/** @type {WheelEvent} */ event) => {
    if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return; // the page scrolls
    event.preventDefault();
    const [start, stop] = view ?? [props.current.start, props.current.stop], range = stop - start;
    const rect = plot.current.over.getBoundingClientRect(), at = Math.min(1, Math.max(0, (event.clientX - rect.left) / rect.width));
    const delta = event.deltaY || event.deltaX;
    const factor = Math.exp(Math.sign(delta) * 0.25), shift = range * 0.12 * Math.sign(delta);
    view = event.shiftKey ? [start + shift, stop + shift] : [start + range * at * (1 - factor), stop - range * (1 - at) * (1 - factor)];
    plot.current.setScale("x", { min: view[0] / 1000, max: view[1] / 1000 });
    clearTimeout(timer);
    timer = setTimeout(() => { if (view) props.current.move(...view); view = null; }, WHEEL_MS);
  };
  element.addEventListener("wheel", turned, { passive: false });
  return () => { clearTimeout(timer); element.removeEventListener("wheel", turned); };
}

/** @param {ChartProps} given */
export function Chart(given) {
  const element = useRef(/** @type {any} */ (null)), plot = useRef(/** @type {any} */ (null)), props = useRef(given);
  props.current = given;
  useLayoutEffect(() => {
    const size = () => [element.current.clientWidth, matchMedia("screen and (max-width: 760px)").matches ? 260 : 360];
    const make = () => {
      plot.current?.destroy();
      const [width, height] = size();
      plot.current = new uPlot(options(props, width, height), columns(props.current.drawn), element.current);
    };
    make();
    const observer = new ResizeObserver(() => { const [width, height] = size(); if (width) plot.current.setSize({ width, height }); });
    observer.observe(element.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    const paper = matchMedia("print"); // it has its own colours and width
    paper.addEventListener("change", make);
    const end = wheel(element.current, plot, props);
    return () => { end(); observer.disconnect(); dark.removeEventListener("change", make); paper.removeEventListener("change", make); plot.current.destroy(); };
  }, [current()]);
  useEffect(() => { plot.current?.setData(columns(given.drawn)); }, [given.drawn, given.start, given.stop]);
  const marked = JSON.stringify([given.alarms, given.limit]);
  useEffect(() => { plot.current?.redraw(); }, [marked]);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const { start, stop } = props.current, range = stop - start;
    const moves = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-range / 4, -range / 4], ArrowRight: [range / 4, range / 4], "+": [range / 4, -range / 4], "-": [-range / 2, range / 2] });
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    props.current.move(start + move[0], stop + move[1]);
  };
  const empty = given.drawn && !given.drawn.time.length;
  return html`<figure class=${`chart${given.busy ? " busy" : ""}`} role="figure" tabindex="0" aria-label=${given.label} onKeyDown=${keys}>
    <div ref=${element}></div>${empty && html`<p class="empty">${t("chart.empty")}</p>`}</figure>`;
}

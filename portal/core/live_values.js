// Values of one person that come by the stream: the newest one, and those that a chart adds to what it has loaded.
import { useEffect, useRef, useState } from "./dom.js";
import { FIELD, MEASUREMENT, clockAhead } from "./data.js";
import { onLive } from "./live.js";

/** @typedef {import("./data.js").LatestPoint} LatestPoint */
/** @typedef {import("./windows.js").Drawn} Drawn */

const DRAWN_MS = 1000; // values that come within it are drawn together
const MOST = 900;

/** What came since the component was shown, oldest first, and whether the stream is open. @param {number} id of the person @param {() => void} missed called when values are missing */
export function useLiveValues(id, missed) {
  const values = useRef(/** @type {any[]} */ ([])), again = useRef(missed);
  const [open, setOpen] = useState(false);
  const [, setRound] = useState(0);
  again.current = missed;
  useEffect(() => {
    let timer = 0;
    values.current = [];
    const end = onLive((it) => {
      if (it.type === "state") setOpen(it.open);
      if (it.type === "reset") { values.current = []; again.current(); }
      if (it.type === "opened" && !it.resumed) again.current();
      if (it.type !== "event" || it.name !== "points") return;
      const own = it.document.points.filter((/** @type {any} */ point) => Number(point.tags.user_id) === id && point.measurement === MEASUREMENT && FIELD in point.fields);
      if (own.length === 0) return;
      values.current = [...values.current, ...own].slice(-MOST);
      timer ||= setTimeout(() => { timer = 0; setRound(Date.now()); }, DRAWN_MS);
    });
    return () => { clearTimeout(timer); end(); };
  }, [id]);
  return { values: values.current, open };
}

/** The last points with the newest of those that came, as if it had been read with them. @param {LatestPoint[]} points @param {number} read milliseconds since 1970 @param {any[]} values @returns {LatestPoint[]} */
export function withNewest(points, read, values) {
  const newest = values.reduce((found, it) => (found && Date.parse(found.time) > Date.parse(it.time) ? found : it), null);
  if (newest === null) return points;
  return [{ ...newest, age_seconds: (read - clockAhead(points, read) - Date.parse(newest.time)) / 1000 }, ...points];
}

/** A chart with the values that came after the last one that it has. @param {Drawn | null} drawn @param {any[]} values @returns {Drawn | null} */
export function withValues(drawn, values) {
  if (!drawn) return drawn;
  const last = drawn.time[drawn.time.length - 1] ?? drawn.start / 1000;
  const later = values.map((it) => ({ time: Date.parse(it.time) / 1000, value: Number(it.fields[FIELD]) })).filter((it) => it.time > last).sort((one, other) => one.time - other.time);
  if (later.length === 0) return drawn;
  const none = later.map(() => null);
  return { ...drawn, time: [...drawn.time, ...later.map((it) => it.time)], mean: [...drawn.mean, ...later.map((it) => it.value)], low: [...drawn.low, ...none], high: [...drawn.high, ...none], counted: [...drawn.counted, ...none] };
}

// Which column of a CSV file is what.
import { html } from "../core/dom.js";
import { Field } from "../core/ui.js";
import { t } from "../core/i18n.js";

const MEASUREMENTS = /** @type {const} */ (["heart_rate", "resting_heart_rate", "rr_interval", "hrv_rmssd", "hrv_sdnn", "spo2", "respiratory_rate", "steps"]);
const DELIMITERS = [";", "\t", "|", ","];
const MOST = 16;

/** @typedef {{ delimiter: string, names: string[] }} Header */

/** The names in the first line, null where there are fewer than two. @param {string} text the beginning of the file @returns {Header | null} */
export function headerOf(text) {
  const line = text.replace(/^\ufeff/, "").split(/\r?\n/, 1)[0];
  const delimiter = DELIMITERS.find((it) => line.includes(it));
  if (!delimiter) return null;
  const names = line.split(delimiter).map((it) => it.trim().replace(/^"(.*)"$/, "$1")).filter(Boolean);
  return names.length > 1 ? { delimiter, names: names.slice(0, MOST + 1) } : null;
}

/** The columns as the route takes them; undefined where nothing was chosen. @param {Header} header @param {Record<string, string>} meaning @param {string} format */
export function columnsOf(header, meaning, format) {
  const of = (/** @type {string} */ word) => header.names.filter((it) => meaning[it] === word);
  if (!Object.values(meaning).some(Boolean)) return undefined;
  return {
    time: of("time")[0] ?? "",
    value_columns: MEASUREMENTS.flatMap((measurement) => of(measurement).map((column) => ({ column, measurement }))),
    tag_columns: of("device").slice(0, 1).map((column) => ({ column, tag: "device" })),
    ...(format.trim() ? { time_format: format.trim() } : {}),
    delimiter: header.delimiter,
  };
}

/** @param {{ header: Header, meaning: Record<string, string>, setMeaning: (it: Record<string, string>) => void, format: string, setFormat: (it: string) => void }} props */
export function Columns({ header, meaning, setMeaning, format, setFormat }) {
  return html`<details><summary>${t("columns.title")}</summary><div class="inner"><p class="quiet">${t("columns.text")}</p><div class="cards fields">
    ${header.names.map((name) => html`<${Field} key=${name} label=${name} value=${meaning[name] ?? ""} onValue=${(/** @type {string} */ it) => setMeaning({ ...meaning, [name]: it })}>
      <option value="">${t("columns.nothing")}</option><option value="time">${t("table.time")}</option>${MEASUREMENTS.map((it) => html`<option key=${it} value=${it}>${t(`measurement.${it}`)}</option>`)}<option value="device">${t("columns.device")}</option><//>`)}
    <${Field} label=${t("columns.format")} hint=${t("columns.format_hint")} type="text" maxlength="64" value=${format} onValue=${setFormat} /></div></div></details>`;
}

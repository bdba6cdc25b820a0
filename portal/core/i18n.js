// Texts in the person's language, and dates, numbers and ages as that language writes them.
const LANGUAGES = ["en", "es"];
const KEPT = "heartguard.language";

/** @type {Record<string, string>} */
let texts = {};
let language = "en";
let locale = "en"; // the language with the region of the browser, for the order of dates and the decimal sign

/** The language in use. */
export const current = () => language;

/** The language that was chosen here, else the first of the browser's that there is. */
function preferred() {
  const wanted = [localStorage.getItem(KEPT) ?? "", ...navigator.languages];
  return wanted.map((name) => name.slice(0, 2)).find((name) => LANGUAGES.includes(name)) ?? "en";
}

/** Loads a language, without one the preferred. @param {string} [chosen] */
export async function speak(chosen) {
  language = chosen && LANGUAGES.includes(chosen) ? chosen : preferred();
  if (chosen) localStorage.setItem(KEPT, language);
  texts = (await import(`../texts/${language}.js`)).default;
  locale = navigator.languages.find((name) => name.startsWith(language)) ?? language;
  document.documentElement.lang = language;
}

/**
 * The text of a key, with `{name}` replaced; a value `count` chooses between `.one` and `.other`.
 * @param {string} key @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const form = "count" in values ? `${key}.${new Intl.PluralRules(language).select(Number(values.count)) === "one" ? "one" : "other"}` : key;
  return (texts[form] ?? texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

/** Whether there is a text. @param {string} key */
export const has = (key) => key in texts;

/** A unit of the catalogue as the language writes it. @param {string | undefined} unit */
export const unitWords = (unit = "") => (has(`unit.${unit}`) ? t(`unit.${unit}`) : unit);

/** @param {number} value @param {number} [digits] after the point, at most */
export const number = (value, digits = 0) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);

/** @param {number} share 0 to 1 */
export const percent = (share) => new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 }).format(share);

/** @param {string | number | Date} time @param {Intl.DateTimeFormatOptions} [options] */
export const date = (time, options = { dateStyle: "medium", timeStyle: "short" }) => new Intl.DateTimeFormat(locale, options).format(new Date(time));

const UNITS = /** @type {const} */ ([["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]]);

/** How long ago, as "3 minutes ago". @param {number} seconds */
export function ago(seconds) {
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[5];
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-Math.round(seconds / size), unit);
}

/** A length, as "3h 20m". @param {number} seconds */
export function duration(seconds) {
  const unit = (/** @type {number} */ value, /** @type {string} */ name) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "narrow", maximumFractionDigits: 0 }).format(value);
  if (seconds < 60) return unit(seconds, "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return unit(minutes, "minute");
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${unit(hours, "hour")} ${unit(minutes % 60, "minute")}` : unit(hours, "hour");
}

/** Compares texts as the language sorts them. @param {string} one @param {string} other */
export const compare = (one, other) => one.localeCompare(other, language, { sensitivity: "base", numeric: true });

/** The time zone that times are shown in. */
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

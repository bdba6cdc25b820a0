// What a person has typed of a rule, as texts, and the documents that it makes.
import { FIELD, MEASUREMENT } from "../core/data.js";
import { t, zone } from "../core/i18n.js";

/** @typedef {import("../core/types.js").AlarmRule} AlarmRule */
/** @typedef {{ user: number, threshold: string, clear: string, noData: string, off: boolean }} Override */
/** @typedef {{ days: string[], start: string, stop: string }} Range */
/** Minutes, seconds and percent as texts; `noData` are the minutes of a condition that looks for missing values, `policy` is empty for the default one. @typedef {{ name: string, measurement: string, field: string, condition: string, threshold: string, clear: string, minutes: string, clearMinutes: string, gap: string, tolerance: string, noData: string, activity: string, severity: string, chosen: boolean, people: number[], overrides: Override[], policy: string, zone: string, ranges: Range[], enabled: boolean }} Draft */

export const DAYS = /** @type {const} */ (["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
export const NO_DATA = "no_data";
/** @param {number | undefined} value @param {number} [unit] */
const typed = (value, unit = 1) => (value === undefined ? "" : String(value / unit));

/** A rule as it is edited; without one the start of a new one. @param {AlarmRule | null} rule @returns {Draft} */
export function draftOf(rule) {
  const it = /** @type {any} */ (rule ?? { name: "", measurement: MEASUREMENT, field: FIELD, condition: "above", threshold: undefined, clear_threshold: undefined, for_seconds: 600, clear_after_seconds: 600, max_gap_seconds: 300, tolerance: 0.2, activity: "any", severity: "warning", people: [], overrides: [], enabled: false });
  return {
    name: it.name, measurement: it.measurement, field: it.field, condition: it.condition, activity: it.activity ?? "any", severity: it.severity, enabled: it.enabled,
    threshold: typed(it.threshold), clear: typed(it.clear_threshold), minutes: typed(it.for_seconds, 60), clearMinutes: typed(it.clear_after_seconds, 60), gap: typed(it.max_gap_seconds),
    tolerance: typed(Math.round((it.tolerance ?? 0.2) * 1000), 10), noData: typed(it.no_data_after_seconds, 60) || "15",
    chosen: it.people.length > 0, people: it.people, policy: it.policy_id ?? "",
    overrides: it.overrides.map((/** @type {any} */ own) => ({ user: own.user_id, threshold: typed(own.threshold), clear: typed(own.clear_threshold), noData: typed(own.no_data_after_seconds, 60), off: own.off ?? false })),
    zone: it.times?.zone ?? zone(), ranges: it.times?.ranges ?? [],
  };
}

/** @param {string} text */
const read = (text) => (text.trim() === "" ? undefined : Number(text));
/** @param {string} text @param {number} [unit] */
const whole = (text, unit = 1) => (text.trim() === "" ? undefined : Math.round(Number(text) * unit));

/** What a new rule and a change have in common. @param {Draft} draft */
function common(draft) {
  const measured = draft.condition !== NO_DATA;
  return {
    name: draft.name.trim(), severity: draft.severity, enabled: draft.enabled,
    people: draft.chosen ? draft.people : [],
    overrides: draft.overrides.map((it) => ({
      user_id: it.user, off: it.off || undefined,
      ...(measured ? { threshold: read(it.threshold), clear_threshold: read(it.clear) } : { no_data_after_seconds: whole(it.noData, 60) }),
    })),
    ...(measured
      ? { threshold: read(draft.threshold), clear_threshold: read(draft.clear), for_seconds: whole(draft.minutes, 60), clear_after_seconds: whole(draft.clearMinutes, 60), max_gap_seconds: whole(draft.gap), tolerance: whole(draft.tolerance, 10) === undefined ? undefined : Number(whole(draft.tolerance, 10)) / 1000, activity: draft.activity }
      : { no_data_after_seconds: whole(draft.noData, 60) }),
  };
}

/** @param {Draft} draft @returns {any} */
export function requestOf(draft) {
  const times = draft.ranges.length ? { zone: draft.zone, ranges: draft.ranges } : undefined;
  return { ...common(draft), measurement: draft.measurement, field: draft.field, condition: draft.condition, policy_id: draft.policy || undefined, times, name: draft.name.trim() || t("rules.new") };
}

/** @param {Draft} draft @returns {any} */
export function changesOf(draft) {
  return { ...common(draft), policy_id: draft.policy || null, times: { zone: draft.zone, ranges: draft.ranges } };
}

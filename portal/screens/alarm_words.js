// Names and words that the screens of alarms and rules share.
import { people } from "../core/data.js";
import { has, number, t } from "../core/i18n.js";
import { session } from "../core/session.js";

/** @typedef {import("../core/data.js").User} User */

/** Whether the caller sees the alarms of others, and may acknowledge them. */
export const isStaff = () => session.person?.role !== "user";

/** Everybody whose alarms the caller may see. @param {AbortSignal} signal @returns {Promise<User[]>} */
export async function namedPeople(signal) {
  return isStaff() ? people(signal) : session.person ? [session.person] : [];
}

/** @param {number} id @param {User[]} known */
export function nameOf(id, known) {
  const found = known.find((it) => it.id === id);
  return found ? found.full_name ?? found.email : t("alarm.member", { number: String(id) });
}

/** Who did something, by the actor of an audit event. @param {string} actor @param {User[]} known */
export function actorName(actor, known) {
  const id = /^user:(\d+)$/.exec(actor)?.[1];
  return id ? nameOf(Number(id), known) : actor;
}

/** @param {string} name of a measurement */
export const measurementName = (name) => (has(`measurement.${name}`) ? t(`measurement.${name}`) : name);

/** Such as "Heart rate above 120 bpm". @param {string} measurement @param {string} condition @param {number | undefined} threshold @param {string} unit */
export function conditionWords(measurement, condition, threshold, unit) {
  const value = threshold === undefined ? "" : ` ${number(threshold, 2)} ${unit}`;
  return `${measurementName(measurement)}: ${has(`rule.condition.${condition}`) ? t(`rule.condition.${condition}`) : condition}${value}`;
}

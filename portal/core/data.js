// Reads that several screens share: all pages of a list, the people, the last value of each.
import { call } from "./api.js";
import { session } from "./session.js";

/** @typedef {import("./types.js").User} User */
/** @typedef {import("./types.js").LatestResult["items"][number]} LatestPoint */

export const MEASUREMENT = "heart_rate";
export const FIELD = "bpm";
/** Seconds until a value is no longer recent, and until a person counts as silent. */
export const RECENT = 15 * 60, SILENT = 24 * 3600;

/** The organization's bucket. */
export const bucket = () => `org_${session.person?.org_id}`;

/**
 * The items of all pages, or those of the first pages that have at least `most`.
 * @template T
 * @param {(cursor: string | undefined) => Promise<{ items: T[], next_cursor: string | null }>} page @param {number} [most]
 */
export async function everyPage(page, most = Infinity) {
  /** @type {T[]} */
  const items = [];
  let cursor;
  do {
    const answer = await page(cursor);
    items.push(...answer.items);
    cursor = answer.next_cursor ?? undefined;
  } while (cursor !== undefined && items.length < most);
  return items;
}

/** @type {User[] | null} */
let kept = null;

/** Everybody in the organization. @param {AbortSignal} [signal] */
export async function people(signal) {
  kept = await everyPage((cursor) => call("user.list", { query: { limit: 500, cursor }, signal }));
  return kept;
}

/** One person: the caller, one of the last list, or else of a new one; null where there is none. @param {number} id @param {AbortSignal} [signal] */
export async function person(id, signal) {
  if (session.person?.id === id) return session.person;
  return kept?.find((it) => it.id === id) ?? (await people(signal)).find((it) => it.id === id) ?? null;
}

/** The last point of each series, of all people or of one. @param {{ measurement?: string, user?: number, signal?: AbortSignal }} which */
export async function latest({ measurement, user, signal }) {
  const tags = user === undefined ? undefined : { user_id: String(user) };
  return everyPage((cursor) => call("timeseries.latest", { body: { bucket: bucket(), measurement, tags, cursor }, signal }));
}

/** The newest point of each person, by number. @param {LatestPoint[]} points @returns {Map<number, LatestPoint>} */
export function newest(points) {
  const found = new Map();
  for (const point of points) {
    const id = Number(point.tags.user_id);
    if (!(found.get(id)?.age_seconds <= point.age_seconds)) found.set(id, point);
  }
  return found;
}

/** How far the clock here is ahead of the server's, in milliseconds; 0 where it is not known. @param {LatestPoint[]} points @param {number} read when they were read */
export const clockAhead = ([first], read) => (first ? read - (Date.parse(first.time) + first.age_seconds * 1000) : 0);

/** "alert": recent and out of the plausible range; else by age. @param {LatestPoint | undefined} point @param {number} age seconds @returns {"alert" | "good" | "late" | "silent" | "none"} */
export function condition(point, age) {
  if (point === undefined) return "none";
  if (age > SILENT) return "silent";
  if ((point.out_of_range ?? []).includes(FIELD)) return "alert";
  return age > RECENT ? "late" : "good";
}

/** Gives the person a text as a file. @param {string} name @param {string} text @param {string} type */
export function saveText(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

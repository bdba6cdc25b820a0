// Channels and notification policies: reading them, and the words that several screens share.
import { call } from "../core/api.js";
import { everyPage } from "../core/data.js";
import { duration, has, t } from "../core/i18n.js";
import { session } from "../core/session.js";
import { nameOf } from "./alarm_words.js";

/** @typedef {import("../core/types.js").AlarmChannel} Channel */
/** @typedef {import("../core/types.js").AlarmPolicy} Policy */
/** @typedef {import("../core/data.js").User} User */

export const isAdmin = () => session.person?.role === "admin";

/** @param {AbortSignal} signal @returns {Promise<Channel[]>} */
export const everyChannel = (signal) => everyPage((cursor) => call("alarm.list_channels", { query: { limit: 500, cursor }, signal }));

/** @param {AbortSignal} signal @returns {Promise<Policy[]>} */
export const everyPolicy = (signal) => everyPage((cursor) => call("alarm.list_policies", { query: { limit: 500, cursor }, signal }));

/** Where a channel leads to: a member, an address of which the most is hidden, or a service. @param {Channel} channel @param {User[]} people */
export const targetOf = (channel, people) => (channel.user_id === undefined ? channel.shown : nameOf(channel.user_id, people));

/** @param {string} id @param {Channel[]} channels */
export const channelName = (id, channels) => channels.find((it) => it.id === id)?.name ?? t("notify.channel_gone");

/** Such as "At once: Night shift". @param {Policy} policy @param {Channel[]} channels */
export const stepWords = (policy, channels) => policy.steps.map((it) => {
  const seconds = Math.max(it.after_seconds, policy.group_wait_seconds), who = it.channels.map((id) => channelName(id, channels)).join(", ");
  return seconds === 0 ? t("notify.step_at_once", { who }) : t("notify.step_after", { time: duration(seconds), who });
});

/** How a message stands, as a state. */
export const STATES = /** @type {const} */ ({ waiting: "late", sent: "good", failed: "alert", silenced: "silent", cancelled: "none" });

/** What the server says of failed attempts, and the keys of its words. @type {Record<string, string>} */
const REASONS = {
  "the service did not take the message": "refused",
  "the recipient is no active member of the organization": "no_member",
  "the auth service refuses the e-mail": "no_mail",
  "the e-mail was not sent": "no_mail",
  "not sent within a day": "too_long",
  "names a host that is not in ALARM_HOSTS": "host",
};

/** Why an attempt failed, in words where they are known. @param {string} error */
export function reasonWords(error) {
  const key = error.startsWith("the service failed") ? "broken" : REASONS[error];
  return key && has(`messages.reason.${key}`) ? t(`messages.reason.${key}`) : error;
}

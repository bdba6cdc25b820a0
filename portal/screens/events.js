// Audit events in words.
import { has, t } from "../core/i18n.js";

/** What an action means, or the action itself where there are no words for it. @param {string} action */
export const eventWords = (action) => (action.endsWith(".disclosed") ? t("event.disclosed") : has(`event.${action}`) ? t(`event.${action}`) : action);

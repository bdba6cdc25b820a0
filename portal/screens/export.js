// All values of a person in a period, as a file of CSV that the server makes.
import { html, useState } from "../core/dom.js";
import { Failure, Field, Form, useLoaded } from "../core/ui.js";
import { call } from "../core/api.js";
import { bucket } from "../core/data.js";
import { t } from "../core/i18n.js";
import { useJob } from "./account.js";
import { measurementName } from "./person.js";

/** Midnight at the beginning of a day here, some days later. @param {string} day @param {number} [later] */
function midnight(day, later = 0) {
  const at = new Date(`${day}T00:00:00`);
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + later).toISOString();
}

/** A day as an input of type date has it. @param {Date} at */
const dayOf = (at) => `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;

/** @param {{ id: number, measurements: string[] }} props */
export function Export({ id, measurements }) {
  const now = new Date();
  const [from, setFrom] = useState(dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 30))), [to, setTo] = useState(dayOf(now));
  const [measurement, setMeasurement] = useState(""), [job, setJob] = useState(/** @type {string | null} */ (null));
  const found = useJob("timeseries.read_export", job), status = found.value?.status;
  const send = async () => {
    setJob(null);
    const made = await call("timeseries.request_export", { body: { bucket: bucket(), user_id: id, measurement: measurement || undefined, range_start: midnight(from), range_stop: midnight(to, 1), format: "csv" } });
    setJob(made.id);
  };
  return html`<section class="card unprinted"><h2>${t("export.title")}</h2><p class="quiet">${t("export.text")}</p><${Form} send=${send} label=${t("export.submit")}>
    <div class="cards fields"><${Field} label=${t("export.from")} type="date" required max=${to} value=${from} onValue=${setFrom} /><${Field} label=${t("export.to")} type="date" required min=${from} value=${to} onValue=${setTo} />
      <${Field} label=${t("measurement")} value=${measurement} onValue=${setMeasurement}><option value="">${t("any")}</option>${measurements.map((it) => html`<option key=${it} value=${it}>${measurementName(it)}</option>`)}<//></div><//>
    ${job && status !== "done" && status !== "failed" && !found.error && html`<p role="status">${t("account.preparing")} <progress max="100" value=${found.value?.progress ?? 0} aria-label=${t("export.title")}></progress></p>`}
    ${status === "done" && found.value?.result_url && html`<p role="status"><a class="button main" href=${found.value.result_url} download>${t("export.download")}</a></p>`}
    ${status === "failed" && html`<p class="failure" role="alert">${t("export.failed", { reason: found.value?.error ?? "" })}</p>`}<${Failure} error=${found.error} retry=${found.reload} /></section>`;
}

// Registers, logs in, writes, queries, is refused and uploads, with openapi-fetch and the types of openapi-typescript.
// The arguments are the URL of the gateway and an e-mail address; prints what came back as one JSON document.
import createClient from "openapi-fetch";
import type { components, paths } from "./heartguard.js";

declare const process: { argv: string[] };
const [url, email] = process.argv.slice(2) as [string, string];
const password = "one long password 1";
const api = createClient<paths, "application/json">({ baseUrl: url });

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("no document");
  return value;
}

const organization_name = `Clinic ${email}`;
const account = given((await api.POST("/auth/register", { body: { email, password, organization_name } })).data);
const refused: components["schemas"]["Error"] = given(
  (await api.POST("/auth/login", { body: { email, password: "another password 1" } })).error,
);
const tokens = given((await api.POST("/auth/login", { body: { email, password } })).data);
const headers = { Authorization: `Bearer ${tokens.access_token}` };

const bucket = `org_${account.org_id}`;
const query = { bucket, measurement: "heart_rate", range_start: "2024-06-01T10:00:00Z" };
const point = { measurement: "heart_rate", tags: { user_id: `${account.user_id}` }, fields: { bpm: 72 }, timestamp: query.range_start };
const written = given((await api.POST("/timeseries/write", { headers, body: { bucket, points: [point] } })).data);
const found = given(
  (await api.POST("/timeseries/query", { headers, body: { ...query, range_stop: "2024-06-01T10:01:00Z" } })).data,
);
const invalid: components["schemas"]["Error"] = given(
  (await api.POST("/timeseries/query", { headers, body: { ...query, range_stop: query.range_start, every: "never" } })).error,
);

const bytes = createClient<paths>({ baseUrl: url });
const raw = given(
  (
    await bytes.PUT("/media/upload", {
      headers: { ...headers, "Content-Type": "application/octet-stream" },
      params: { query: { file_name: "raw.bin" } },
      // Bytes have the type string in OpenAPI's schemas; the serializer sends them as they are.
      body: "",
      bodySerializer: () => new Uint8Array([0, 255, 114, 97, 119]),
    })
  ).data,
);
const note = { file_name: "note.txt", content_type: "text/plain", data_base64: btoa("HeartGuard") };
const small = given((await api.POST("/media/upload", { headers, body: note })).data);
const path = { item_id: small.id };
const kept = given((await api.GET("/media/items/{item_id}", { headers, params: { path } })).data);

console.log(
  JSON.stringify({
    refused: refused.error.code,
    written: written.inserted,
    found: found.series[0]?.points[0]?.fields["bpm"],
    invalid: [invalid.error.code, invalid.error.details?.[0]?.path],
    raw: raw.size,
    kept: [kept.file_name, kept.size],
  }),
);

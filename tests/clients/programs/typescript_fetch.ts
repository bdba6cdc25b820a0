// Registers, logs in, writes, queries, is refused and uploads, with the client of openapi-generator (typescript-fetch).
// The arguments are the URL of the gateway and an e-mail address; prints what came back as one JSON document.
import { ApiErrorFromJSON, AuthApi, Configuration, MediaApi, ResponseError, TimeseriesApi } from "./client";
import type { ApiError } from "./client";

declare const process: { argv: string[] };
const [basePath, email] = process.argv.slice(2) as [string, string];
const password = "one long password 1";

async function refusal(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ResponseError) return ApiErrorFromJSON(await error.response.json());
    throw error;
  }
  throw new Error("not refused");
}

async function main(): Promise<void> {
  const auth = new AuthApi(new Configuration({ basePath }));
  const account = await auth.register({ registerRequest: { email, password, organizationName: `Clinic ${email}` } });
  const refused = await refusal(auth.logIn({ loginRequest: { email, password: "another password 1" } }));
  const tokens = await auth.logIn({ loginRequest: { email, password } });
  const configuration = new Configuration({ basePath, accessToken: tokens.accessToken });
  const series = new TimeseriesApi(configuration);
  const media = new MediaApi(configuration);

  const bucket = `org_${account.orgId}`;
  const rangeStart = new Date("2024-06-01T10:00:00Z");
  const rangeStop = new Date("2024-06-01T10:01:00Z");
  const point = { measurement: "heart_rate", tags: { user_id: `${account.userId}` }, fields: { bpm: 72 }, timestamp: rangeStart };
  const written = await series.writePoints({ writeRequest: { bucket, points: [point] } });
  const query = { bucket, measurement: "heart_rate", rangeStart };
  const found = await series.queryPoints({ queryRequest: { ...query, rangeStop } });
  const invalid = await refusal(series.queryPoints({ queryRequest: { ...query, rangeStop: rangeStart, every: "never" } }));

  const raw = await media.uploadBytes({ fileName: "raw.bin", body: new Blob([new Uint8Array([0, 255, 114, 97, 119])]) });
  const note = { fileName: "note.txt", contentType: "text/plain", dataBase64: btoa("HeartGuard") };
  const small = await media.uploadFile({ mediaUpload: note });
  const kept = await media.readFile({ itemId: small.id });

  console.log(
    JSON.stringify({
      refused: refused.error.code,
      written: written.inserted,
      found: found.series[0]?.points[0]?.fields["bpm"],
      invalid: [invalid.error.code, invalid.error.details?.[0]?.path],
      raw: raw.size,
      kept: [kept.fileName, kept.size],
    }),
  );
}

void main();

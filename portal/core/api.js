// Calls of the API: XML in both directions, one refresh of an expired token, failures as ApiError.
import { OPERATIONS } from "./contract.js";
import { readDocument, writeDocument, UnreadableDocument } from "./xml.js";

const PREFIX = "/api/v1";
const XML = "application/xml";
const PATIENCE_MS = 60_000;

/** @typedef {import("./types.js").Calls} Calls */
/** @typedef {{ path: string, message: string }} Violation */

/** A call that failed: `kind` is "network", "unreadable" or "refused"; the rest is what the answer said, if there was one. */
export class ApiError extends Error {
  /** @param {"network" | "unreadable" | "refused"} kind @param {{ status?: number, code?: string, message?: string, requestId?: string, details?: Violation[], retryAfter?: number }} [said] */
  constructor(kind, said = {}) {
    super(said.message ?? kind);
    this.kind = kind;
    this.status = said.status ?? 0;
    this.code = said.code ?? "";
    this.requestId = said.requestId ?? "";
    this.details = said.details ?? [];
    this.retryAfter = said.retryAfter ?? 0;
  }
}

/** @type {{ token: () => Promise<string | null>, renewed: (refused: string) => Promise<string | null> }} */
let credentials = { token: async () => null, renewed: async () => null };

/** Names who gives tokens: the session. @param {typeof credentials} source */
export function useCredentials(source) {
  credentials = source;
}

/**
 * Calls a route and returns the answer's document. Raises ApiError; an aborted call raises the signal's reason.
 * @template {keyof Calls} K
 * @param {K} id
 * @param {{ body?: Calls[K]["takes"], query?: Calls[K]["query"], params?: Calls[K]["params"], signal?: AbortSignal, anonymous?: boolean }} [options]
 * @returns {Promise<Calls[K]["gives"]>}
 */
export async function call(id, options = {}) {
  const token = options.anonymous ? null : await credentials.token();
  try {
    return await send(id, options, token);
  } catch (error) {
    const expired = error instanceof ApiError && error.status === 401 && token !== null;
    const next = expired ? await credentials.renewed(token) : null;
    if (next === null) throw error;
    return send(id, options, next);
  }
}

/**
 * Opens a stream of events with documents in XML, and returns the answer whose body it is. Raises ApiError.
 * @template {keyof Calls} K
 * @param {K} id
 * @param {{ query: Calls[K]["query"], signal: AbortSignal }} options
 * @returns {Promise<Response>}
 */
export async function stream(id, options) {
  const token = await credentials.token();
  let answer = await open(id, options, token);
  const next = answer.status === 401 && token !== null ? await credentials.renewed(token) : null;
  if (next !== null) answer = await open(id, options, next);
  if (answer.ok) return answer;
  throw refusal(answer, await answer.text().catch(() => ""), answer.headers.get("X-Request-ID") ?? "");
}

/** @param {keyof Calls} id @param {any} options @param {string | null} token */
async function open(id, { query, signal }, token) {
  const [method, path] = /** @type {Record<string, any[]>} */ (OPERATIONS)[id];
  const headers = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  try {
    return await fetch(url(path, { query: { ...query, format: "xml" } }), { method, headers, signal, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError("network");
  }
}

/** @param {keyof Calls} id @param {any} options @param {string | null} token @returns {Promise<any>} */
async function send(id, options, token) {
  const [method, path, takes, gives] = /** @type {Record<string, any[]>} */ (OPERATIONS)[id];
  /** @type {Record<string, string>} */
  const headers = { Accept: XML };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  let body;
  if (options.body !== undefined) {
    headers["Content-Type"] = XML;
    body = writeDocument(takes, options.body);
  }
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let answer, text;
  try {
    answer = await fetch(url(path, options), { method, headers, body, signal, cache: "no-store", redirect: "error" });
    text = await answer.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("network");
  }
  const requestId = answer.headers.get("X-Request-ID") ?? "";
  if (!answer.ok) throw refusal(answer, text, requestId);
  if (gives === null || answer.status === 204) return undefined;
  try {
    return readDocument(gives, text);
  } catch (error) {
    if (error instanceof UnreadableDocument) throw new ApiError("unreadable", { status: answer.status, requestId });
    throw error;
  }
}

/** @param {string} path @param {{ params?: Record<string, any>, query?: Record<string, any> }} options */
function url(path, { params = {}, query = {} }) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(params[name])));
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return PREFIX + filled + (text ? `?${text}` : "");
}

/** @param {Response} answer @param {string} text @param {string} requestId */
function refusal(answer, text, requestId) {
  const said = { status: answer.status, requestId, retryAfter: Number(answer.headers.get("Retry-After")) || 0 };
  try {
    const error = readDocument("Error", text);
    return new ApiError("refused", { ...said, code: error.code, message: error.message, details: error.details });
  } catch {
    return new ApiError("refused", said); // a proxy answered
  }
}

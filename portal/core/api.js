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
 * `token` is sent instead of the session's, such as the operator's; with `once` a 401 is not tried again, and does not
 * ask the person to log in again.
 * @template {keyof Calls} K
 * @param {K} id
 * @param {{ body?: Calls[K]["takes"], query?: Calls[K]["query"], params?: Calls[K]["params"], signal?: AbortSignal, anonymous?: boolean, token?: string, once?: boolean }} [options]
 * @returns {Promise<Calls[K]["gives"]>}
 */
export async function call(id, options = {}) {
  if (options.anonymous) return send(id, options, null);
  if (options.token !== undefined) return send(id, options, options.token);
  if (options.once) return send(id, options, await credentials.token());
  return withToken((token) => send(id, options, token));
}

/**
 * Runs a request with the session's token, and once more with a new one where the answer is 401. Raises ApiError.
 * @template T
 * @param {(token: string | null) => Promise<T>} run @returns {Promise<T>}
 */
async function withToken(run) {
  const token = await credentials.token();
  try {
    return await run(token);
  } catch (error) {
    const expired = error instanceof ApiError && error.status === 401 && token !== null;
    const next = expired ? await credentials.renewed(token) : null;
    if (next === null) throw error;
    return run(next);
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

/**
 * Sends a file as the body of a route and returns the answer's document. Raises ApiError, "network" where it was aborted.
 * @template {keyof Calls} K
 * @param {K} id @param {File} file
 * @param {{ query?: Calls[K]["query"], signal?: AbortSignal, progress?: (share: number) => void }} [options] progress is told 0 to 1
 * @returns {Promise<Calls[K]["gives"]>}
 */
export async function upload(id, file, options = {}) {
  const [method, path, , gives] = /** @type {Record<string, any[]>} */ (OPERATIONS)[id];
  return withToken(async (token) => {
    const headers = { Accept: XML, "Content-Type": file.type || "application/octet-stream", ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
    const { text, status, requestId } = await sendFile(method, url(path, options), headers, file, options);
    return understood(gives, text, status, requestId);
  });
}

/**
 * Sends a file with its progress, which fetch can't tell. Raises ApiError.
 * @param {string} method @param {string} address @param {Record<string, string>} headers @param {File} file
 * @param {{ signal?: AbortSignal, progress?: (share: number) => void }} options
 * @returns {Promise<{ status: number, text: string, requestId: string }>}
 */
export function sendFile(method, address, headers, file, { signal, progress }) {
  const request = new XMLHttpRequest();
  request.open(method, address);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => progress?.(event.loaded / Math.max(1, event.total));
  signal?.addEventListener("abort", () => request.abort());
  return new Promise((done, fail) => {
    request.onerror = request.onabort = () => fail(new ApiError("network"));
    request.onload = () => {
      const { status, responseText: text } = request, requestId = request.getResponseHeader("X-Request-ID") ?? "";
      if (status < 300) done({ status, text, requestId });
      else fail(refusal({ status, headers: { get: (name) => request.getResponseHeader(name) } }, text, requestId));
    };
    request.send(file);
  });
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
  return understood(gives, text, answer.status, requestId);
}

/** The document of an answer. Raises ApiError "unreadable". @param {string | null} gives @param {string} text @param {number} status @param {string} requestId @returns {any} */
function understood(gives, text, status, requestId) {
  if (gives === null || status === 204) return undefined;
  try {
    return readDocument(gives, text);
  } catch (error) {
    if (error instanceof UnreadableDocument) throw new ApiError("unreadable", { status, requestId });
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

/** @param {{ status: number, headers: { get: (name: string) => string | null } }} answer @param {string} text @param {string} requestId */
function refusal(answer, text, requestId) {
  const said = { status: answer.status, requestId, retryAfter: Number(answer.headers.get("Retry-After")) || 0 };
  try {
    const error = readDocument("Error", text);
    return new ApiError("refused", { ...said, code: error.code, message: error.message, details: error.details });
  } catch {
    return new ApiError("refused", said); // a proxy answered
  }
}

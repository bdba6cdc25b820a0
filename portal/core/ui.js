// The components that screens are made of; portal/README.md lists them.
import { html, useEffect, useId, useRef, useState } from "./dom.js";
import { ApiError } from "./api.js";
import { t, has, number } from "./i18n.js";

/** @typedef {import("./dom.js").Element} Element */

/** Shapes of severity and state, which are told apart without colour. */
const SHAPES = {
  alert: "M8 1.5 15 14H1Z", // triangle
  late: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2v4l3 2", // clock, by its stroke
  silent: "M2.5 2.5h11v11h-11Z", // square
  good: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z", // disc
  none: "M3 8h10", // dash
  critical: "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z", // octagon
  warning: "M8 .8 15.2 8 8 15.2.8 8Z", // diamond
  info: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z", // ring, by its stroke
};

/** A state as shape, colour and word. @param {{ kind: keyof SHAPES, children: any }} props */
export function State({ kind, children }) {
  return html`<span class=${`state ${kind}`}><svg viewBox="0 0 16 16" aria-hidden="true"><path d=${SHAPES[kind]} /></svg>${children}</span>`;
}

/** What went wrong, in words: by code, else by status. @param {unknown} error */
export function words(error) {
  if (!isSecureContext) return t("error.insecure");
  if (!(error instanceof ApiError)) return t("error.unexpected");
  if (error.kind === "network") return t("error.network");
  if (error.kind === "unreadable") return t("error.unreadable");
  const key = [`error.${error.code}`, `error.status.${error.status}`].find(has) ?? (error.status >= 500 ? "error.server" : "error.refused");
  return t(key, { seconds: error.retryAfter || 60, minutes: Math.max(1, Math.ceil(error.retryAfter / 60)), message: error.message });
}

/** A failure with the request's id, and a way to try again. @param {{ error: unknown, retry?: () => void }} props */
export function Failure({ error, retry }) {
  if (!error) return null;
  const said = error instanceof ApiError ? error : null;
  return html`<div class="failure" role="alert">
    <${State} kind="alert"><strong>${words(error)}</strong><//>
    ${said && said.details.length > 0 && html`<ul>${said.details.slice(0, 5).map((it) => html`<li>${it.path.slice(1)}: ${it.message}</li>`)}</ul>`}
    <p class="actions">${retry && html`<button type="button" onClick=${retry}>${t("retry")}</button>`}
    ${said?.requestId && html`<small>${t("request")} <code>${said.requestId}</code></small>`}</p>
  </div>`;
}

/** A labelled input. @param {Record<string, any>} props label, hint, value, onValue, and attributes of the input */
export function Field({ label, hint, value, onValue, children, ...attributes }) {
  const id = useId();
  const described = hint ? `${id}-hint` : undefined;
  const set = (/** @type {any} */ event) => onValue(event.target.value);
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children
      ? html`<select id=${id} value=${value} onChange=${set} aria-describedby=${described} ...${attributes}>${children}</select>`
      : attributes.rows
        ? html`<textarea id=${id} value=${value} onInput=${set} aria-describedby=${described} ...${attributes}></textarea>`
        : html`<input id=${id} value=${value} onInput=${set} aria-describedby=${described} ...${attributes} />`}
    ${hint && html`<small id=${described}>${hint}</small>`}
  </div>`;
}

/** Files to choose, in the words of the portal; empty its value with a "change" event. @param {Record<string, any>} props label, id, input, onChange, and attributes of the input */
export function FileField({ label, id, input, onChange, ...attributes }) {
  const [names, setNames] = useState("");
  const change = (/** @type {any} */ event) => {
    setNames([...event.target.files].map((it) => it.name).join(", "));
    onChange?.(event);
  };
  return html`<div class="field"><label for=${id}>${label}</label>
    <span class="file"><input id=${id} type="file" ref=${input} required onChange=${change} ...${attributes} /><span class="button" aria-hidden="true">${t(attributes.multiple ? "file.choose_several" : "file.choose")}</span><small>${names || t("file.none")}</small></span></div>`;
}

/** A password, which can be shown. @param {Record<string, any>} props as of Field */
export function Password(props) {
  const [shown, setShown] = useState(false);
  return html`<${Field} ...${props} type=${shown ? "text" : "password"} required minlength="8" maxlength="128" spellcheck="false" autocapitalize="none" />
    <label class="check"><input type="checkbox" checked=${shown} onChange=${() => setShown(!shown)} /> ${t("password.show")}</label>`;
}

/**
 * A form that sends once at a time and keeps what was typed when it fails.
 * @param {{ send: () => Promise<void>, label: string, children: any, danger?: boolean, more?: any }} props
 */
export function Form({ send, label, children, danger, more }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<form onSubmit=${submit} novalidate=${false}>
    ${children}
    <${Failure} error=${error} />
    <p class="actions"><button class=${danger ? "danger" : "main"} aria-disabled=${busy}>${busy ? t("sending") : label}</button>${more}</p>
  </form>`;
}

/** A dialog above the page, closed by Escape. @param {{ title: string, close: () => void, children: any }} props */
export function Dialog({ title, close, children }) {
  const id = useId();
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    element.current?.showModal();
    return () => before?.focus?.();
  }, []);
  const cancel = (/** @type {Event} */ event) => { event.preventDefault(); close(); };
  return html`<dialog ref=${element} aria-labelledby=${id} onCancel=${cancel}>
    <header><h2 id=${id}>${title}</h2><button type="button" class="plain" onClick=${close}>${t("close")}</button></header>
    ${children}
  </dialog>`;
}

/** Asks before something that can't be undone. @param {{ title: string, text: string, label: string, send: () => Promise<void>, close: () => void, children?: any }} props */
export function Confirm({ title, text, label, send, close, children }) {
  return html`<${Dialog} title=${title} close=${close}>
    <p>${text}</p>
    <${Form} send=${send} label=${label} danger=${true} more=${html`<button type="button" onClick=${close}>${t("cancel")}</button>`}>${children}<//>
  <//>`;
}

/**
 * What a call gives, loaded again when `inputs` change: `value` stays while the next one is loaded.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load @param {any[]} inputs
 * @returns {{ value: T | null, error: unknown, busy: boolean, reload: () => void }}
 */
export function useLoaded(load, inputs) {
  const [state, setState] = useState(/** @type {{ value: T | null, error: unknown, busy: boolean }} */ ({ value: null, error: null, busy: true }));
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ ...old, busy: true, error: null }));
    load(stop.signal).then(
      (value) => stop.signal.aborted || setState({ value, error: null, busy: false }),
      (error) => stop.signal.aborted || setState((old) => ({ ...old, error, busy: false })),
    );
    return () => stop.abort();
  }, [...inputs, round]);
  return { ...state, reload: () => setRound(round + 1) };
}

/** Calls `again` every so many seconds while the page is visible, and when it becomes so. @param {() => void} again @param {number} seconds */
export function useRepeated(again, seconds) {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    let last = Date.now();
    const tick = () => {
      if (document.visibilityState !== "visible" || Date.now() - last < seconds * 1000) return;
      last = Date.now();
      latest.current();
    };
    const timer = setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
    return () => { clearInterval(timer); document.removeEventListener("visibilitychange", tick); };
  }, [seconds]);
}

let first = true; // the first screen leaves the focus where browsers put it

/** The heading of a screen, which has the focus after a change of screens, and the title of the page. @param {{ children: any, title: string }} props */
export function Heading({ children, title }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { document.title = `${title} · HeartGuard`; }, [title]);
  useEffect(() => {
    if (!first && document.activeElement === document.body) element.current?.focus({ preventScroll: true });
    first = false;
  }, []);
  return html`<div class="heading"><h1 tabindex="-1" ref=${element}>${title}</h1>${children}</div>`;
}

/** Says something to screen readers, and for some seconds on the screen. @param {string} text */
export function announce(text) {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = text;
  clearTimeout(Number(place.dataset.timer));
  place.dataset.timer = String(setTimeout(() => { place.textContent = ""; }, 6000));
}

/** A value with its unit, or a dash. @param {number | null | undefined} value @param {string} unit @param {number} [digits] */
export const measured = (value, unit, digits = 0) => (value === null || value === undefined ? "–" : `${number(value, digits)} ${unit}`);

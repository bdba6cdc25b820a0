// The drawing library with types: `html` makes elements, the hooks keep state.
import { h, render, Fragment } from "../vendor/preact.js";
import * as hooks from "../vendor/hooks.js";
import htm from "../vendor/htm.js";

/** @typedef {any} Element what a component returns */

/** @type {(strings: TemplateStringsArray, ...values: any[]) => Element} */
export const html = /** @type {any} */ (htm).bind(h);
/** @type {<T>(first: T | (() => T)) => [T, (next: T | ((old: T) => T)) => void]} */
export const useState = /** @type {any} */ (hooks.useState);
/** @type {(effect: () => (void | (() => void)), inputs?: any[]) => void} */
export const useEffect = /** @type {any} */ (hooks.useEffect);
/** @type {(effect: () => (void | (() => void)), inputs?: any[]) => void} */
export const useLayoutEffect = /** @type {any} */ (hooks.useLayoutEffect);
/** @type {<T>(first: T) => { current: T }} */
export const useRef = /** @type {any} */ (hooks.useRef);
/** @type {<T>(make: () => T, inputs: any[]) => T} */
export const useMemo = /** @type {any} */ (hooks.useMemo);
/** @type {<T extends Function>(callback: T, inputs: any[]) => T} */
export const useCallback = /** @type {any} */ (hooks.useCallback);
/** The error of a component below, and what forgets it. @type {() => [unknown, () => void]} */
export const useErrorBoundary = /** @type {any} */ (hooks.useErrorBoundary);
/** @type {() => string} */
export const useId = /** @type {any} */ (hooks.useId);
/** @type {(element: Element, parent: globalThis.Element) => void} */
export const draw = /** @type {any} */ (render);
export { Fragment };

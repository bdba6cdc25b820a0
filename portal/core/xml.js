// Documents of the contract as XML: what is sent is written, what is answered is read, both led by contract.js.
import { MESSAGES } from "./contract.js";

const XSI = "http://www.w3.org/2001/XMLSchema-instance";
// What XML 1.0 can't have; a person can only paste it.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** @typedef {string | { o?: Record<string, any>, a?: [string, any], m?: any, n?: any }} Shape */

/** @type {{ createHTML: (text: string) => string }} */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("heartguard-xml", { createHTML: (/** @type {string} */ text) => text })
  ?? { createHTML: (/** @type {string} */ text) => text };

/** Raised for an answer that is not the XML of its message. */
export class UnreadableDocument extends Error {}

/**
 * The value of a message. Raises UnreadableDocument.
 * @param {string} name the message
 * @param {string} text
 * @returns {any}
 */
export function readDocument(name, text) {
  // The browser's report of what is no XML, such as a proxy's page, has styles of its own, which the content security policy blocks.
  if (!new RegExp(`^\\s*(<\\?xml[^>]*>\\s*)?<${name}[\\s/>]`).test(text)) throw new UnreadableDocument(name);
  const parsed = new DOMParser().parseFromString(policy.createHTML(text), "application/xml");
  const root = parsed.documentElement;
  if (!root || root.localName !== name || parsed.querySelector("parsererror")) throw new UnreadableDocument(name);
  return value(root, /** @type {Record<string, any>} */ (MESSAGES)[name]);
}

/** @param {globalThis.Element} element @param {any} shape @returns {any} */
function value(element, shape) {
  if (element.getAttributeNS(XSI, "nil") === "true") return null;
  if (typeof shape === "string") return scalar(element, shape);
  if (shape.o) {
    /** @type {Record<string, any>} */
    const found = {};
    for (let child = element.firstElementChild; child; child = child.nextElementSibling) {
      const member = shape.o[child.localName];
      if (member !== undefined) found[child.localName] = value(child, member); // a newer server may send more
    }
    return found;
  }
  if (shape.a) {
    const items = [];
    for (let child = element.firstElementChild; child; child = child.nextElementSibling) items.push(value(child, shape.a[1]));
    return items;
  }
  /** @type {Record<string, any>} */
  const entries = Object.create(null);
  for (let child = element.firstElementChild; child; child = child.nextElementSibling) {
    entries[shape.n ? child.localName : child.getAttribute("key") ?? ""] = value(child, shape.n ?? shape.m);
  }
  return entries;
}

/** @param {globalThis.Element} element @param {string} type */
function scalar(element, type) {
  const text = element.textContent ?? "";
  const stated = type === "union" ? element.getAttribute("type") ?? "string" : type;
  if (stated === "integer" || stated === "number") return Number(text);
  return stated === "boolean" ? text.trim() === "true" : text;
}

/**
 * The XML of a message. Members that are undefined are left out, null is written as nil.
 * @param {string} name the message
 * @param {any} document
 */
export function writeDocument(name, document) {
  const body = written(name, document, /** @type {Record<string, any>} */ (MESSAGES)[name], ` xmlns:xsi="${XSI}"`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${body}`;
}

/** @param {string} tag @param {any} content @param {any} shape @param {string} attributes @returns {string} */
function written(tag, content, shape, attributes = "") {
  if (content === null) return `<${tag}${attributes} xsi:nil="true"/>`;
  if (typeof shape === "string") {
    const type = shape === "union" && typeof content !== "string" ? ` type="${typeof content}"` : "";
    return `<${tag}${attributes}${type}>${escaped(String(content))}</${tag}>`;
  }
  const inner = shape.o ? members(content, shape.o)
    : shape.a ? content.map((/** @type {any} */ item) => written(shape.a[0], item, shape.a[1])).join("")
    : entries(content, shape);
  return `<${tag}${attributes}>${inner}</${tag}>`;
}

/** @param {any} content @param {Record<string, any>} shapes */
function members(content, shapes) {
  return Object.entries(shapes)
    .filter(([name]) => content[name] !== undefined)
    .map(([name, shape]) => written(name, content[name], shape)).join("");
}

/** @param {Record<string, any>} content @param {any} shape */
function entries(content, shape) {
  return Object.entries(content)
    .map(([key, item]) => shape.n ? written(key, item, shape.n) : written("entry", item, shape.m, ` key="${escaped(key)}"`))
    .join("");
}

/** @param {string} text */
function escaped(text) {
  return text.replace(FORBIDDEN, "").replace(/[&<>"\t\n\r]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

// Addresses behind the #: "#/people/12?range=7d" is the path ["people", "12"] with its query. One page serves all.

/** @typedef {{ path: string[], query: URLSearchParams, text: string }} Place */

/** @returns {Place} */
export function place() {
  const text = location.hash.replace(/^#\/?/, "");
  const [path, query = ""] = text.split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query), text };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes to a path, as a link does. @param {string} path */
export function go(path) {
  location.hash = `#/${path}`;
}

/** Changes the query of this place without a new entry in the history; in useLayoutEffect, because a later effect may run at the next place. @param {Record<string, string>} query */
export function note(query) {
  const { path } = place();
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  history.replaceState(null, "", `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`);
}

/** @param {() => void} changed @returns {() => void} */
export function onPlace(changed) {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

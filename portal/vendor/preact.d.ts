// Types of the vendored file as far as core/dom.js needs them; it gives its own to the screens.
export const h: any, render: any, Fragment: any;

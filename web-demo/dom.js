/** Making elements. Text always goes in as text, never as HTML. */

/** @param {string} tag @param {Record<string, any>} [attributes] null and false are left out @param {...(Node|string|null|false)} children */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

export const ms = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toString());
export const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
export const percent = (value) => `${Math.min(100, Math.floor(value * 100 + 1e-9))} %`;

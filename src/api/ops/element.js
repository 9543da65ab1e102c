// Elements without markup in strings: what is shown is text, whatever it contains.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Attributes that are null or false are left out, those that are true are empty. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same, of a drawing. */
export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** An element with a share that its style draws: markup may have no styles here. */
export function share(element, value) {
  element.style.setProperty("--share", String(value));
  return element;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

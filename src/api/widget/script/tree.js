// What the widget shows is a function of its state (view.js). These two turn what that function returns into a page
// that keeps its elements, and with them the focus and what was typed.

/** An element. Attributes that are null or false are left out, those that are true are empty. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make `present` like `wanted` with as few changes as will do. Elements with a `data-key` are told apart by it. */
function morph(present, wanted) {
  for (const { name } of [...present.attributes]) {
    if (!wanted.hasAttribute(name)) present.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (present.getAttribute(name) !== value) present.setAttribute(name, value);
  }
  morphChildren(present, wanted);
}

function morphChildren(present, wanted) {
  const keyed = new Map([...present.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let next = present.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = keyOf(child);
    const old = key === null ? next : keyed.get(key);
    if (!old || old.nodeName !== child.nodeName || keyOf(old) !== key) {
      present.insertBefore(child, next);
      continue;
    }
    if (old === next) next = next.nextSibling;
    else present.insertBefore(old, next);
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== child.data) old.data = child.data;
    } else {
      morph(old, child);
    }
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

/** Elements without markup: whatever comes from outside goes in as text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {object} [parts] `class`, `text`, `on` (listeners), `data` (data-…), anything else an attribute.
 * @param {...(Node|string|null)} children
 */
export function element(tag, parts = {}, ...children) {
  return fill(document.createElement(tag), parts, children);
}

export function drawing(tag, parts = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), parts, children);
}

function fill(node, { class: classes, text, on = {}, data = {}, ...attributes }, children) {
  if (classes) node.setAttribute("class", classes);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  for (const [name, value] of Object.entries(data)) node.dataset[name] = value;
  for (const [name, run] of Object.entries(on)) node.addEventListener(name, run);
  for (const child of children) if (child !== null) node.append(child);
  return node;
}

/** One of the drawn shapes of index.html; the word beside it carries the meaning. */
export function shape(name) {
  return drawing("svg", { class: "shape", "aria-hidden": "true", data: { shape: name } }, drawing("use", { href: `#shape-${name}` }));
}

export function setShape(svg, name) {
  if (svg.dataset.shape === name) return;
  svg.dataset.shape = name;
  svg.firstElementChild.setAttribute("href", `#shape-${name}`);
}

/** Writes only what differs: an untouched node keeps a reader's place and costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Puts `children` in this order with as few moves as a walk allows; what isn't named is taken out. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

export const byId = (id) => document.getElementById(id);

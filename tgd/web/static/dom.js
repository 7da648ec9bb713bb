// The elements of the page: found, made, and written anew only where something has changed, so
// that a selection, the focus and a screen reader are left in peace.

export const $ = (id) => document.getElementById(id);

export function make(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function rewrite(element, ...nodes) {
  const wanted = nodes.filter(Boolean);
  for (const [n, node] of wanted.entries()) {
    const there = element.childNodes[n];
    if (!there) element.append(node);
    else if (!there.isEqualNode(node)) there.replaceWith(node);
  }
  while (element.childNodes.length > wanted.length) element.lastChild.remove();
}

// Written only when it changes: a screen reader would repeat it.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tags(list, codes, said) {
  rewrite(list, ...codes.map((code) => make("li", said(code))));
  list.hidden = codes.length === 0;
}

// The elements of the page: found, made, and written anew only where something has changed, so
// that a selection, the focus and a screen reader are left in peace.

export const $ = (id) => document.getElementById(id);

export function make(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const WHOLE = 16; // characters; what is longer may be broken anywhere

// A text whose words are not broken at their hyphens: "86-01", "operateur-1".
export function unbroken(tag, text) {
  const made = make(tag);
  for (const [n, word] of text.split(" ").entries()) {
    if (n > 0) made.append(" ");
    made.append(word.includes("-") && word.length <= WHOLE ? make("span", word, "whole") : word);
  }
  return made;
}

// What tells a link or a button from others, however often it is made anew; null where nothing does.
function mark(one) {
  const own = [one.getAttribute("href"), ...Object.entries(one.dataset).sort()];
  return one.matches("a, button") && own.some((part) => part !== null) ? JSON.stringify(own) : null;
}

// A link or button that had the focus has it again where it is made anew: the keyboard keeps its place.
export function rewrite(element, ...nodes) {
  const wanted = nodes.filter(Boolean);
  const at = element.contains(document.activeElement) ? mark(document.activeElement) : null;
  for (const [n, node] of wanted.entries()) {
    const there = element.childNodes[n];
    if (!there) element.append(node);
    else if (!there.isEqualNode(node)) there.replaceWith(node);
  }
  while (element.childNodes.length > wanted.length) element.lastChild.remove();
  if (at === null || element.contains(document.activeElement)) return;
  const again = [...element.querySelectorAll("a, button")].find((one) => mark(one) === at);
  again?.focus({ preventScroll: true });
}

// Written only when it changes: a screen reader would repeat it.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function tags(list, codes, said) {
  rewrite(list, ...codes.map((code) => make("li", said(code))));
  list.hidden = codes.length === 0;
}

// What this machine remembers of its operator's habits. A browser may refuse to remember anything,
// or be full: then it is forgotten, and nothing else is the worse for it.

export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // it holds until the page is left
  }
}

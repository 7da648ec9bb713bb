// Logging in by an agency's own login. The server has written the ways there; they lead back to this
// page, which is told if nothing came of it.

for (const way of document.querySelectorAll("a.agency")) {
  way.href += `?next=${encodeURIComponent(location.pathname)}`;
}

// Why the agency's answer opened nothing, once: the code of a refusal, or null.
export function refused() {
  const code = new URLSearchParams(location.search).get("refused");
  if (code) history.replaceState(null, "", location.pathname + location.hash);
  return code;
}

// Goes to where the agency's own session ends, if there is such a place.
export function away(ended) {
  if (ended?.logout) location.assign(ended.logout);
  return Boolean(ended?.logout);
}

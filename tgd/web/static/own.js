// Whoever is logged in finds their own account behind their name, in a window of its own: the console
// stays open.

export function own(name, is = true) {
  if (is) Object.assign(name, { href: "/account", target: "_blank", rel: "noopener" });
  else name.removeAttribute("href");
}

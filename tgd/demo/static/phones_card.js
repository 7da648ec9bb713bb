// One phone as a person holds it: its button, its dark screen, its side button, and beneath it what
// somebody beside her would know. The screen says something only while the side button is held.

import { order } from "./phones_link.js";
import { clock, lasting } from "./phones_texts.js";
import { t } from "./texts.js";

const LOOK_MS = 2000; // a state lapses after a minute, and a new one may come, while she looks

export const shortName = (phone) => phone.replace(/^tgd-/, "");

export class Card {
  constructor(phone, choose) {
    this.phone = phone;
    this.root = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.root.dataset.phone = phone;
    this.looking = null;
    this.stirred = null;
    const part = (name) => this.root.querySelector(`.${name}`);
    [this.choose, this.device, this.signal, this.charge, this.screen, this.button, this.side,
      this.network, this.last] = ["choose", "device", "signal", "charge", "screen", "press", "side",
      "network", "last"].map(part);
    this.choose.addEventListener("click", () => choose(phone));
    this.button.addEventListener("click", () => order(phone, "press"));
    this.network.addEventListener("click", () => order(phone, "network", { on: !this.seen.network }));
    this.device.addEventListener("animationend", () => this.device.classList.remove("stirs"));
    this.holds();
  }

  // Held by pointer or by a key, and let go whatever takes either away.
  holds() {
    const { side } = this;
    side.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      side.setPointerCapture(event.pointerId);
      this.look();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      side.addEventListener(end, () => this.lookAway());
    }
    side.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.look();
    });
    side.addEventListener("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") this.lookAway();
    });
    side.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  look() {
    if (this.looking) return;
    order(this.phone, "glance");
    this.looking = setInterval(() => order(this.phone, "glance"), LOOK_MS);
  }

  lookAway() {
    clearInterval(this.looking);
    this.looking = null;
    this.screen.textContent = "";
    this.device.classList.remove("lit");
  }

  glanced(state) {
    if (!this.looking || !this.seen.on) return;
    const said = state === null ? t("nothing_to_show") : t("state", state);
    if (this.screen.textContent !== said) this.screen.textContent = said;
    this.device.classList.add("lit");
  }

  // Returns whether it has just stirred.
  show(seen, chosen) {
    this.seen = seen;
    const name = shortName(seen.phone);
    const said = { phone: name };
    this.root.classList.toggle("chosen", chosen);
    this.choose.textContent = name;
    this.choose.setAttribute("aria-label", t("choose", said));
    this.choose.setAttribute("aria-pressed", String(chosen));
    this.button.textContent = t("press");
    this.button.setAttribute("aria-label", t("press_label", said));
    this.button.disabled = !seen.on;
    this.side.setAttribute("aria-label", t("glance_label", said));
    this.side.title = t("glance_title");
    const [what, whether] = this.network.children;
    what.textContent = t("network");
    whether.textContent = t(seen.network ? "yes" : "no");
    this.network.setAttribute("aria-label", t("network_label", said));
    this.network.setAttribute("aria-checked", String(seen.network));
    this.device.classList.toggle("off", !seen.on);
    this.signal.className = `signal ${seen.connected ? "linked" : ""}`;
    this.charge.textContent = seen.battery === null ? "" : t("percent", { n: seen.battery });
    this.charge.classList.toggle("low", seen.battery !== null && seen.battery <= 20);
    const [kind, text] = lastWord(seen);
    this.last.className = `last ${kind}`;
    if (this.last.textContent !== text) this.last.textContent = text;
    return this.stirs(seen.stirred);
  }

  stirs(count) {
    const fresh = this.stirred !== null && count > this.stirred;
    this.stirred = count;
    if (!fresh) return false;
    this.device.classList.remove("stirs");
    void this.device.offsetWidth; // begins the motion anew
    this.device.classList.add("stirs");
    if (this.looking) order(this.phone, "glance");
    return true;
  }
}

// What matters most about its presses, and how it looks.
function lastWord(seen) {
  if (!seen.on) return ["bad", t("switched_off")];
  if (seen.waiting.length && seen.dialled) return ["bad", t("dialling")];
  if (seen.waiting.length && !seen.left) return ["wait", t("kept", { n: seen.attempt })];
  if (seen.waiting.length) return ["wait", t("awaited", { n: seen.attempt })];
  if (!seen.receipt) return ["", t("never_pressed")];
  const { at, latency_s } = seen.receipt;
  return ["good", t("receipted", { at: clock(at), after: lasting(latency_s) })];
}

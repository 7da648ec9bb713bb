// The plan: invented ground, its services, the chosen phone's places, and a pin for each phone.
// A pin is a button: dragged, moved by the arrow keys, or sent by a click beside it. It stays where
// it was put until the demo has said the same. Pins may cover one another, as people do who are
// close: what one does can be done without it, by choosing the phone's card and clicking the plan.

import { settle } from "./phones_link.js";
import { metres as said } from "./phones_texts.js";
import { shortName } from "./phones_card.js";
import { t } from "./texts.js";

const METRES_PER_DEGREE = 111195;
const CENTRE = { lat: 46.58, lon: 0.34 };
const HEIGHTS_M = [24000, 6000, 1500];
const STEP = 40; // arrow keys: this part of the plan's height
const FAR_M = { walk: 5000, drive: 30000 }; // an arrow key sets out; she goes on until stopped
const CLICK_PX = 4;
const TRAIL = 400;
const LONGEST_BAR = 110;
const ARROWS = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };

export class Plan {
  constructor(ground, { choose, way }) {
    this.ground = ground;
    this.choose = choose;
    this.way = way;
    this.svg = document.getElementById("ground");
    this.box = document.getElementById("pins");
    this.pins = new Map();
    this.held = new Map(); // phone → where this page has put it, until that is known
    this.trails = new Map();
    this.level = 0;
    this.middle = CENTRE;
    this.dragging = null;
    this.zones = ground.zones.map((zone) => {
      const path = this.make("path", `zone of${zone.service}`);
      this.svg.append(path);
      return { path, zone };
    });
    this.drawn = this.make("g", "");
    this.svg.append(this.drawn);
    this.box.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
    document.getElementById("nearer").addEventListener("click", () => this.zoom(1));
    document.getElementById("further").addEventListener("click", () => this.zoom(-1));
  }

  show(phones, chosen) {
    this.phones = phones;
    this.chosen = chosen;
    for (const [phone, put] of this.held) if (put.answered) this.held.delete(phone);
    for (const seen of phones) this.trace(seen);
    this.follow();
    this.draw();
  }

  zoom(by) {
    this.level = Math.min(HEIGHTS_M.length - 1, Math.max(0, this.level + by));
    this.middle = this.level ? this.at(this.seen(this.chosen)) : CENTRE;
    this.draw();
  }

  seen(phone) {
    return this.phones.find((one) => one.phone === phone);
  }

  at(seen) {
    return this.held.get(seen.phone) ?? { lat: seen.lat, lon: seen.lon };
  }

  // The way that she has gone; where she is put somewhere, another one begins.
  trace(seen) {
    const here = { lat: seen.lat, lon: seen.lon };
    const trail = this.trails.get(seen.phone) ?? { points: [], moving: false };
    const last = trail.points.at(-1);
    const moving = seen.towards !== null;
    if (last?.lat !== here.lat || last?.lon !== here.lon) {
      const before = moving || trail.moving ? trail.points : [];
      trail.points = [...before, here].slice(-TRAIL);
    }
    trail.moving = moving;
    this.trails.set(seen.phone, trail);
  }

  // Near by, the plan stays with the chosen phone: it is moved when she comes near its edge.
  follow() {
    const seen = this.seen(this.chosen);
    if (!this.level || !seen || this.dragging) return;
    const { x, y } = this.spot(this.at(seen));
    const { width, height } = this.size();
    const out = (value, whole) => value < whole * 0.15 || value > whole * 0.85;
    if (out(x, width) || out(y, height)) this.middle = this.at(seen);
  }

  // -- drawing ------------------------------------------------------------------------------------

  size() {
    return { width: this.box.clientWidth, height: this.box.clientHeight };
  }

  scale() {
    return this.size().height / HEIGHTS_M[this.level]; // pixels a metre
  }

  spot({ lat, lon }) {
    const { width, height } = this.size();
    const narrow = Math.cos((this.middle.lat * Math.PI) / 180);
    const per = METRES_PER_DEGREE * this.scale();
    return {
      x: width / 2 + (lon - this.middle.lon) * per * narrow,
      y: height / 2 - (lat - this.middle.lat) * per,
    };
  }

  point(x, y) {
    const { width, height } = this.size();
    const narrow = Math.cos((this.middle.lat * Math.PI) / 180);
    const per = METRES_PER_DEGREE * this.scale();
    return {
      lat: this.middle.lat + (height / 2 - y) / per,
      lon: this.middle.lon + (x - width / 2) / (per * narrow),
    };
  }

  make(tag, className, attributes = {}) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    if (className) made.setAttribute("class", className);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  line(points, close) {
    const steps = points.map((point) => {
      const { x, y } = this.spot(point);
      return `${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    return `M${steps.join("L")}${close ? "Z" : ""}`;
  }

  draw() {
    if (!this.phones) return;
    const { width, height } = this.size();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const { path, zone } of this.zones) {
      const rings = zone.rings.map((ring) => this.line(ring.map(([lon, lat]) => ({ lat, lon })), true));
      path.setAttribute("d", rings.join(""));
    }
    const seen = this.seen(this.chosen);
    this.drawn.replaceChildren(...(seen ? this.about(seen) : []), ...this.bar(height));
    for (const one of this.phones) this.pin(one);
  }

  about(seen) {
    const places = this.ground.places[seen.phone] ?? [];
    const { points } = this.trails.get(seen.phone);
    const here = this.at(seen);
    return [
      this.make("path", "trail", { d: this.line([...points, here]) }),
      seen.towards && this.make("path", "towards", {
        d: this.line([here, { lat: seen.towards[0], lon: seen.towards[1] }]),
      }),
      ...places.flatMap((place) => this.place(place)),
    ].filter(Boolean);
  }

  // His address is another shape, not only another colour.
  place(place) {
    const { x, y } = this.spot(place);
    const his = place.kind === "aggressor";
    const corners = his
      ? [[0, -9], [9, 7], [-9, 7]]
      : [[-6, -6], [6, -6], [6, 6], [-6, 6]];
    const points = corners.map(([east, south]) => `${x + east},${y + south}`).join(" ");
    const label = this.make("text", his ? "label his" : "label", { x: x + 11, y: y + 5 });
    label.textContent = t("place", place.kind);
    return [this.make("polygon", his ? "known his" : "known", { points }), label];
  }

  bar(height) {
    const most = LONGEST_BAR / this.scale();
    const power = 10 ** Math.floor(Math.log10(most));
    const long = [5, 2, 1].map((n) => n * power).find((n) => n <= most);
    const wide = (long * this.scale()).toFixed(1);
    const label = this.make("text", "label", { x: 16 + Number(wide), y: height - 8 });
    label.textContent = said(long);
    return [this.make("path", "bar", { d: `M10 ${height - 14}v6h${wide}v-6` }), label];
  }

  // -- pins ---------------------------------------------------------------------------------------

  pin(seen) {
    const pin = this.pins.get(seen.phone) ?? this.newPin(seen.phone);
    const { x, y } = this.spot(this.at(seen));
    const { width, height } = this.size();
    pin.hidden = x < 0 || y < 0 || x > width || y > height;
    pin.style.left = `${x}px`;
    pin.style.top = `${y}px`;
    pin.classList.toggle("chosen", seen.phone === this.chosen);
    pin.setAttribute("aria-label", t("pin", { phone: shortName(seen.phone) }));
  }

  newPin(phone) {
    const pin = document.createElement("button");
    pin.type = "button";
    pin.className = "pin";
    pin.dataset.phone = phone;
    pin.textContent = String(Number(phone.slice(-2)));
    pin.addEventListener("pointerdown", (event) => this.grabbed(pin, event));
    pin.addEventListener("keydown", (event) => this.key(phone, event));
    this.pins.set(phone, pin);
    this.box.append(pin);
    return pin;
  }

  key(phone, event) {
    if (event.key === "Escape") {
      settle(phone, "stop", {});
      return;
    }
    const towards = ARROWS[event.key];
    if (!towards) return;
    event.preventDefault();
    this.choose(phone);
    const way = this.way();
    const far = FAR_M[way] ?? HEIGHTS_M[this.level] / STEP;
    this.send(phone, shifted(this.at(this.seen(phone)), towards[0] * far, towards[1] * far));
  }

  grabbed(pin, event) {
    if (event.button !== 0) return;
    const { phone } = pin.dataset;
    const start = { x: event.clientX, y: event.clientY };
    this.choose(phone);
    pin.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const far = Math.hypot(moved.clientX - start.x, moved.clientY - start.y);
      if (!this.dragging && far < CLICK_PX) return;
      this.dragging = phone;
      this.held.set(phone, this.under(moved));
      this.draw();
    };
    const over = new AbortController();
    const end = (ended) => {
      over.abort();
      const dropped = this.dragging && ended.type === "pointerup";
      this.dragging = null;
      this.held.delete(phone);
      if (dropped) this.send(phone, this.under(ended));
      else this.draw();
    };
    pin.addEventListener("pointermove", move, { signal: over.signal });
    pin.addEventListener("pointerup", end, { signal: over.signal });
    pin.addEventListener("pointercancel", end, { signal: over.signal });
  }

  under(event) {
    const { left, top } = this.box.getBoundingClientRect();
    return this.point(event.clientX - left, event.clientY - top);
  }

  // A click beside the pins does for the chosen phone what dragging would do.
  clicked(event) {
    if (event.target === this.box && this.chosen) this.send(this.chosen, this.under(event));
  }

  async send(phone, { lat, lon }) {
    const way = this.way();
    if (way !== "put") {
      settle(phone, "go", { lat, lon, pace: way });
      return;
    }
    const mine = { lat, lon };
    this.held.set(phone, mine);
    this.follow();
    this.draw();
    await settle(phone, "put", { lat, lon });
    mine.answered = true; // what is said from now on knows of it
  }

  // The service on whose ground the phone stands; undefined off the territory.
  service(seen) {
    const { x, y } = this.spot(this.at(seen));
    const found = this.zones.find(({ path }) => path.isPointInFill(new DOMPoint(x, y)));
    return this.ground.services[found?.zone.service];
  }
}

function shifted({ lat, lon }, north, east) {
  const narrow = Math.cos((lat * Math.PI) / 180);
  return {
    lat: lat + north / METRES_PER_DEGREE,
    lon: lon + east / (METRES_PER_DEGREE * narrow),
  };
}

export function apart(here, there) {
  const narrow = Math.cos((((here.lat + there.lat) / 2) * Math.PI) / 180);
  return METRES_PER_DEGREE * Math.hypot(there.lat - here.lat, (there.lon - here.lon) * narrow);
}

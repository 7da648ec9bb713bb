// The drawing beside the words: the disc, the newest fixes, where she is heading, the places that
// the disc touches, a scale and north. No map and no tiles: it shows how large and which side, and
// claims nothing about streets.

import { length, t } from "./texts.js";

const SIZE = 240;
const MIDDLE = SIZE / 2;
const USED = 100; // pixels from the middle to what is furthest
const FIXES = 12;
const LONGEST_BAR = 80;
const EARTH_M = 6371008.8;

export function plan(svg, position, trail, touched) {
  const apart = touched.map((place) => place.distance_m);
  const scale = USED / Math.max(position.r95_m, ...apart);
  const at = (point) => project(position, point, scale);
  svg.replaceChildren(
    ...touched.map((place) => circle(svg, at(place), place.radius_m * scale, kind(place, "ground"))),
    circle(svg, { x: MIDDLE, y: MIDDLE }, position.r95_m * scale, "disc"),
    ...trail.slice(0, FIXES).reverse().map((fix) => dot(svg, at(fix), fix)),
    ...heading(svg, position.heading_deg),
    circle(svg, { x: MIDDLE, y: MIDDLE }, 4, "here"),
    ...touched.flatMap((place) => mark(svg, at(place), place)),
    ...bar(svg, scale),
    ...north(svg),
  );
}

// East and north of the middle as on a plane: at this size nobody sees the difference.
function project(middle, point, scale) {
  const metres = (degrees) => (degrees * Math.PI * EARTH_M) / 180;
  const narrow = Math.cos((middle.lat * Math.PI) / 180);
  return {
    x: MIDDLE + metres(point.lon - middle.lon) * narrow * scale,
    y: MIDDLE - metres(point.lat - middle.lat) * scale,
  };
}

function shape(svg, tag, className, attributes) {
  const made = document.createElementNS(svg.namespaceURI, tag);
  made.setAttribute("class", className);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, typeof value === "number" ? value.toFixed(1) : value);
  }
  return made;
}

const kind = (place, what) => `${what} ${place.kind === "aggressor" ? "his" : "known"}`;
const circle = (svg, { x, y }, r, what) => shape(svg, "circle", what, { cx: x, cy: y, r });
const dot = (svg, spot, fix) => circle(svg, spot, 3, fix.doubts.length ? "fix odd" : "fix");

function words(svg, { x, y }, text, what, anchor) {
  const made = shape(svg, "text", what, { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function heading(svg, degrees) {
  if (degrees === null) return [];
  const turn = `rotate(${degrees.toFixed(0)} ${MIDDLE} ${MIDDLE})`;
  const points = [[-5, -10], [-5, -46], [-13, -46], [0, -66], [13, -46], [5, -46], [5, -10]]
    .map(([x, y]) => `${MIDDLE + x},${MIDDLE + y}`).join(" ");
  return [shape(svg, "polygon", "travel", { points, transform: turn })];
}

// His address is another shape, not only another colour.
function mark(svg, { x, y }, place) {
  const his = place.kind === "aggressor";
  const points = his
    ? `${x},${y - 9} ${x + 9},${y + 7} ${x - 9},${y + 7}`
    : `${x - 6},${y - 6} ${x + 6},${y - 6} ${x + 6},${y + 6} ${x - 6},${y + 6}`;
  const anchor = x < 70 ? "start" : x > SIZE - 70 ? "end" : "middle";
  const spot = { x: anchor === "middle" ? x : x < 70 ? x - 8 : x + 8, y: his ? y - 13 : y + 20 };
  return [
    shape(svg, "polygon", kind(place, "place"), { points }),
    words(svg, spot, t("place_short", place.kind), kind(place, "label"), anchor),
  ];
}

function bar(svg, scale) {
  const most = LONGEST_BAR / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((n) => n * power).find((n) => n <= most);
  const [x, y, wide] = [8, SIZE - 8, metres * scale];
  return [
    shape(svg, "path", "bar", { d: `M${x} ${y - 5}v5h${wide.toFixed(1)}v-5` }),
    words(svg, { x: x + wide + 5, y }, length(metres), "label", "start"),
  ];
}

function north(svg) {
  const [x, y] = [SIZE - 14, 8];
  return [
    shape(svg, "polygon", "north", { points: `${x},${y} ${x + 6},${y + 14} ${x - 6},${y + 14}` }),
    words(svg, { x, y: y + 27 }, t("north"), "label", "middle"),
  ];
}

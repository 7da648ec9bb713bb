// The drawing beside the words: the disc, the newest fixes, where she is heading, the places that
// the disc touches, a scale and north. No map and no tiles: it shows how large and which side, and
// claims nothing about streets.

import { rewrite } from "./dom.js";
import { length, t } from "./texts.js";

const SIZE = 240;
const MIDDLE = SIZE / 2;
const USED = 100; // pixels from the middle to what is furthest
const FIXES = 12;
const LEFT_OUT = 8; // a fix this many times further than the disc reaches does not set the scale
const LONGEST_BAR = 80;
const EARTH_M = 6371008.8;

export function plan(svg, position, trail, places) {
  const his = (place) => Number(place.kind === "aggressor");
  const touched = [...places].sort((a, b) => his(b) - his(a));
  const fixes = trail.slice(0, FIXES);
  const scale = USED / reach(position, fixes, touched);
  const at = (point) => {
    const [east, north] = apart(position, point);
    return { x: MIDDLE + east * scale, y: MIDDLE - north * scale };
  };
  const taken = [position, ...touched].map((place) => ({ ...at(place), half: 7 }));
  rewrite(svg,
    ...touched.map((place) => circle(svg, at(place), place.radius_m * scale, kind(place, "ground"))),
    circle(svg, { x: MIDDLE, y: MIDDLE }, position.r95_m * scale, "disc"),
    path(svg, fixes.filter((fix) => !odd(fix)).map(at)),
    ...fixes.map((fix) => circle(svg, at(fix), 3, odd(fix) ? "fix odd" : "fix")),
    ...heading(svg, position.heading_deg),
    circle(svg, { x: MIDDLE, y: MIDDLE }, 4, "here"),
    ...[...touched].reverse().map((place) => mark(svg, at(place), place)),
    ...touched.map((place) => name(svg, at(place), place, taken)),
    ...bar(svg, scale),
    ...north(svg),
  );
}

// A position's age is no doubt about the way that it shows.
const odd = (fix) => fix.doubts.some((code) => code !== "location_stale");

// How many metres the drawing must show on each side of the middle.
function reach(position, fixes, touched) {
  const way = fixes.filter((fix) => !odd(fix)).map((fix) => Math.hypot(...apart(position, fix)));
  const near = way.filter((metres) => metres < LEFT_OUT * position.r95_m);
  return Math.max(position.r95_m, ...near, ...touched.map((place) => place.distance_m));
}

// Metres east and north as on a plane: at this size nobody sees the difference.
function apart(middle, point) {
  const metres = (degrees) => (degrees * Math.PI * EARTH_M) / 180;
  const narrow = Math.cos((middle.lat * Math.PI) / 180);
  return [metres(point.lon - middle.lon) * narrow, metres(point.lat - middle.lat)];
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

function path(svg, spots) {
  const points = spots.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return shape(svg, "polyline", "path", { points });
}

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
  const points = place.kind === "aggressor"
    ? `${x},${y - 9} ${x + 9},${y + 7} ${x - 9},${y + 7}`
    : `${x - 6},${y - 6} ${x + 6},${y - 6} ${x + 6},${y + 6} ${x - 6},${y + 6}`;
  return shape(svg, "polygon", kind(place, "place"), { points });
}

// A name goes where there is room for it; without any it is left to the list beside the drawing.
function name(svg, { x, y }, place, taken) {
  const said = t("place_short", place.kind);
  const half = said.length * 4.6; // capitals are wide
  const within = Math.min(SIZE - half - 2, Math.max(half + 2, x));
  const free = [[within, y + 16], [within, y - 17], [x + half + 12, y], [x - half - 12, y]].find(
    ([cx, cy]) => cx > half && cx < SIZE - half && cy > 8 && cy < SIZE - 28
      && taken.every((one) => Math.abs(one.x - cx) > one.half + half || Math.abs(one.y - cy) > 12));
  if (!free) return null;
  const [cx, cy] = free;
  taken.push({ x: cx, y: cy, half });
  return words(svg, { x: cx, y: cy + 4 }, said, kind(place, "label"), "middle");
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

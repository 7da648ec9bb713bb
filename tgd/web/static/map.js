// The map on request: Leaflet out of the package, our own zones' borders, the disc, the fixes and the
// known places. No tiles unless the configuration names a server of them. When it cannot load, the
// drawing beside the words stays what it was.

import { $, make, say } from "./dom.js";
import * as api from "./api.js";
import { atMost, clock, t } from "./texts.js";

const FIXES = 12;
const CLOSEST = 17;
const BLUE = "#004799", RED = "#b00020", INK = "#101820", GREY = "#5b6b7a";

let loading = null;
let map = null;
let layers = null;
let zonesNo = null; // the set whose borders are drawn
let fitted = null; // what was last brought into sight: the operator may move the map from there
let wanted = false;

// `always`: the page has nothing to show it with, it is simply there.
export function prepare(redraw, { always = false } = {}) {
  wanted = always;
  if (always) return;
  $("map-show").addEventListener("click", () => {
    wanted = !wanted;
    fitted = null;
    redraw();
  });
}

export function reset() {
  fitted = null;
}

// Shows the map of what was found of this alert, if it is wanted and there is a position.
export function draw(id, found) {
  const position = found?.position ?? null;
  const shown = wanted && position !== null;
  $("w-map").hidden = !shown;
  if ($("map-show")) button(shown);
  if (!shown) return;
  loading ??= load().catch(() => failed("map_failed"));
  if (map === null) {
    loading.then(() => map && draw(id, found));
    return;
  }
  mark(position, found);
  fit(id, position);
  borders(found.zones ?? null);
}

function button(shown) {
  $("map-show").setAttribute("aria-expanded", String(shown));
  say($("map-show"), t(wanted ? "map_hide" : "map_show"));
  $("map-show").dataset.t = wanted ? "map_hide" : "map_show";
}

function failed(why) {
  say($("map-not"), t(why));
  $("map-not").hidden = false;
  if (why === "map_failed") loading = null; // to be tried again when it is next asked for
  if (why === "map_failed" && $("map-show")) wanted = false;
}

async function load() {
  await Promise.all([added("link", { rel: "stylesheet", href: document.body.dataset.leafletStyle }),
    added("script", { src: document.body.dataset.leaflet })]);
  map = L.map($("map"), { attributionControl: false, zoomSnap: 0.5, fadeAnimation: false,
    zoomAnimation: false, preferCanvas: true });
  L.control.scale({ imperial: false }).addTo(map);
  const tiles = document.body.dataset.tiles;
  if (tiles) L.tileLayer(tiles, { maxZoom: 19 }).addTo(map);
  layers = { zones: L.layerGroup().addTo(map), marks: L.layerGroup().addTo(map) };
  $("map-not").hidden = true;
}

function added(tag, attributes) {
  return new Promise((done, refused) => {
    const element = make(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.addEventListener("load", done);
    element.addEventListener("error", refused);
    document.head.append(element);
  });
}

const at = (one) => [one.lat, one.lon];
const said = (text) => make("span", text); // an element: Leaflet reads text as markup

function mark(position, found) {
  const marks = layers.marks;
  marks.clearLayers();
  const doubtful = (fix) => fix.doubts.some((code) => code !== "location_stale");
  const fixes = found.trail.slice(0, FIXES);
  L.circle(at(position), { radius: position.r95_m, color: BLUE, weight: 2, fillOpacity: 0.15 })
    .bindTooltip(said(t("within", { n: atMost(position.r95_m) }))).addTo(marks);
  L.polyline(fixes.filter((fix) => !doubtful(fix)).map(at), { color: GREY, weight: 2 }).addTo(marks);
  for (const fix of fixes) {
    L.circleMarker(at(fix), { radius: 4, color: GREY, weight: 2, fillOpacity: doubtful(fix) ? 0 : 1 })
      .bindTooltip(said(clock(fix.fixed_at))).addTo(marks);
  }
  if (position.heading_deg !== null) L.polyline(ahead(position), { color: BLUE, weight: 4 }).addTo(marks);
  L.circleMarker(at(position), { radius: 6, color: "#fff", weight: 2, fillColor: BLUE, fillOpacity: 1 })
    .addTo(marks);
  for (const place of found.places) known(place).forEach((one) => one.addTo(marks));
}

function known(place) {
  const his = place.kind === "aggressor";
  const colour = his ? RED : INK;
  const name = said(t("place_short", place.kind));
  name.className = his ? "his" : "";
  return [
    L.circle(at(place), { radius: place.radius_m, color: colour, weight: 1, dashArray: "4 4", fillOpacity: his ? 0.12 : 0 }),
    L.circleMarker(at(place), { radius: 6, color: "#fff", weight: 2, fillColor: colour, fillOpacity: 1 })
      .bindTooltip(name, { permanent: true, direction: "top" }),
  ];
}

// Where she would be after a minute, as she moves now.
function ahead({ lat, lon, heading_deg: course, speed_kmh: speed, r95_m: wide }) {
  const metres = Math.max(wide, ((speed ?? 0) * 1000) / 60);
  const turn = (course * Math.PI) / 180;
  const up = (metres * Math.cos(turn)) / 111195;
  const right = (metres * Math.sin(turn)) / (111195 * Math.cos((lat * Math.PI) / 180));
  return [[lat, lon], [lat + up, lon + right]];
}

function fit(id, position) {
  map.invalidateSize({ animate: false });
  const moved = fitted?.lat !== position.lat || fitted.lon !== position.lon;
  if (fitted?.id === id && (!moved || map.getBounds().contains(at(position)))) return;
  const wide = L.latLng(at(position)).toBounds(Math.max(400, position.r95_m * 2.6));
  map.fitBounds(wide, { maxZoom: CLOSEST, animate: false });
  fitted = { id, lat: position.lat, lon: position.lon };
}

async function borders(no) {
  if (no === zonesNo) return;
  zonesNo = no;
  layers.zones.clearLayers();
  if (no === null) return;
  try {
    const shapes = await api.kept(`zones/${no}`);
    if (no !== zonesNo) return;
    L.geoJSON(shapes, {
      style: ({ properties }) => ({ color: INK, weight: 1, dashArray: "2 4", fillOpacity: 0.08,
        fillColor: properties.institution === "PN" ? BLUE : "#0a5c2b" }),
      onEachFeature: ({ properties }, layer) => layer.bindTooltip(said(t("map_zone",
        { name: properties.name, service: properties.service ?? t("map_no_service") })), { sticky: true }),
    }).addTo(layers.zones);
    for (const layer of layers.zones.getLayers()) layer.bringToBack();
    $("map-not").hidden = true;
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    zonesNo = undefined; // asked for again with the next drawing
    failed("map_no_borders");
  }
}

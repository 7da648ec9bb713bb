// Plots as inline SVG: percentiles over time on a logarithmic scale, columns and bars. Elements
// only, no library, nothing but attributes, so that a strict policy lets them through.

// As the page itself names it: no address stands in a script.
const SVG = document.getElementById("pen").namespaceURI;
export const WIDE = 520;
const HIGH = 230;
const LEFT = 52, RIGHT = 34, TOP = 10, FOOT = 26;
const TICKS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86400, 0.3, 3, 30, 120, 300, 1800, 0.03, 0.003, 0.5, 5,
  20, 0.2, 2, 40, 90, 1.5, 7, 15, 4];
const APART = 24;

export const PERCENTILES = ["p50", "p90", "p99"];

export function draw(tag, attributes = {}, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function sheet(label, high = HIGH, wide = WIDE) {
  return draw("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": label });
}

// The days of the period, each with its place on the x axis: `begins` is a date as text.
function across(since, until) {
  const [first, last] = [Date.parse(since), Date.parse(until)];
  const span = Math.max(last - first, 86400000);
  return (begins) => {
    const at = Math.min(Math.max(Date.parse(begins), first), last);
    return LEFT + 6 + ((at - first) / span) * (WIDE - LEFT - RIGHT - 12);
  };
}

function days(shown, since, until, say) {
  const x = across(since, until);
  const [first, last] = [Date.parse(since), Date.parse(until)];
  const count = Math.min(5, Math.round((last - first) / 86400000) + 1);
  for (let n = 0; n < count; n += 1) {
    const at = count === 1 ? first : first + Math.round((n * (last - first)) / (count - 1) / 86400000) * 86400000;
    const day = new Date(at).toISOString().slice(0, 10);
    shown.append(draw("text", { x: x(day), y: HIGH - 8, "text-anchor": "middle" }, say(day)));
  }
  return x;
}

// A mark is a circle, a square or a triangle: percentiles are told apart without colour too.
function mark(name, x, y, title) {
  const made = name === "p50" ? draw("circle", { cx: x, cy: y, r: 3.6 })
    : name === "p90" ? draw("rect", { x: x - 3.4, y: y - 3.4, width: 6.8, height: 6.8 })
      : draw("polygon", { points: `${x},${y - 4.6} ${x + 4.4},${y + 3.6} ${x - 4.4},${y + 3.6}` });
  made.setAttribute("class", name);
  made.append(draw("title", {}, title));
  return made;
}

export function percentiles({ steps, targets, since, until, label, duration, day }) {
  const shown = sheet(label);
  const goals = Object.values(targets);
  const values = steps.flatMap((one) => PERCENTILES.map((p) => one[p]));
  const least = Math.max(0.0005, Math.min(...values, ...goals) / 1.6);
  const most = Math.max(...values, ...goals) * 1.6;
  const scale = Math.log(most / least);
  const y = (seconds) => {
    const part = Math.log(Math.max(seconds, least) / least) / scale;
    return HIGH - FOOT - part * (HIGH - FOOT - TOP);
  };
  const ticks = [];
  for (const tick of TICKS.filter((one) => one >= least && one <= most)) {
    if (ticks.length < 6 && ticks.every((one) => Math.abs(y(one) - y(tick)) > APART)) ticks.push(tick);
  }
  for (const tick of ticks) {
    shown.append(draw("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(tick), y2: y(tick), class: "grid" }));
    shown.append(draw("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, duration(tick)));
  }
  shown.append(draw("line", { x1: LEFT, x2: WIDE - RIGHT, y1: HIGH - FOOT, y2: HIGH - FOOT, class: "axis" }));
  for (const [name, goal] of Object.entries(targets)) {
    const line = draw("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(goal), y2: y(goal), class: `target ${name}` });
    line.append(draw("title", {}, `${name} ≤ ${duration(goal)}`));
    shown.append(line);
  }
  const x = days(shown, since, until, day);
  // The strictest last, so that it lies on top; the labels keep apart from one another.
  const ends = [];
  for (const name of [...PERCENTILES].reverse()) {
    const points = steps.map((one) => [x(one.begins), y(one[name]), one]);
    const way = points.map(([px, py], n) => `${n ? "L" : "M"}${px.toFixed(1)},${py.toFixed(1)}`).join("");
    shown.append(draw("path", { d: way, class: name }));
    for (const [px, py, one] of points) {
      shown.append(mark(name, px, py, `${day(one.begins)} · ${name} ${duration(one[name])} · n = ${one.n}`));
    }
    const [px, py] = points.at(-1);
    ends.push([name, px, py]);
  }
  ends.sort((a, b) => a[2] - b[2]);
  ends.forEach(([name, px, py], place) => {
    const lowest = HIGH - FOOT - 12 * (ends.length - place);
    ends[place][2] = Math.min(lowest, place ? Math.max(py, ends[place - 1][2] + 12) : py);
    shown.append(draw("text", { x: px + 8, y: ends[place][2] + 4, class: name }, name));
  });
  return shown;
}

export function columns({ steps, since, until, step, label, day, said }) {
  const shown = sheet(label, HIGH, WIDE * 2);
  const most = Math.max(1, ...steps.map((one) => one.alerts + one.tests));
  const tall = (n) => (n / most) * (HIGH - FOOT - TOP);
  const [first, last] = [Date.parse(since), Date.parse(until) + 86400000];
  const room = WIDE * 2 - LEFT - 12;
  const x = (at) => LEFT + ((Math.max(at, first) - first) / (last - first)) * room;
  const length = (step === "week" ? 7 : 1) * 86400000;
  for (const tick of [...new Set([most, Math.round(most / 2)])].filter(Boolean)) {
    const y = HIGH - FOOT - tall(tick);
    shown.append(draw("line", { x1: LEFT, x2: LEFT + room, y1: y, y2: y, class: "grid" }));
    shown.append(draw("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, String(tick)));
  }
  for (const one of steps) {
    const at = Date.parse(one.begins);
    const from = x(at);
    const width = Math.max(2, Math.min(x(Math.min(at + length, last)) - from - 2, 60));
    let foot = HIGH - FOOT;
    for (const kind of ["alerts", "tests"]) {
      const high = tall(one[kind]);
      if (!high) continue;
      foot -= high;
      const bar = draw("rect", { x: from, y: foot, width, height: high, class: `bar-${kind}` });
      bar.append(draw("title", {}, `${day(one.begins)} · ${said(kind, one[kind])}`));
      shown.append(bar);
    }
  }
  shown.append(draw("line", { x1: LEFT, x2: LEFT + room, y1: HIGH - FOOT, y2: HIGH - FOOT, class: "axis" }));
  const marks = Math.min(9, Math.round((last - first) / 86400000));
  for (let n = 0; n < marks; n += 1) {
    const at = first + Math.round((n * (last - first)) / marks / 86400000) * 86400000;
    const said = day(new Date(at).toISOString().slice(0, 10));
    shown.append(draw("text", { x: x(at) + 2, y: HIGH - 8 }, said));
  }
  return shown;
}

// Bars with their words on the left and their number behind; `goal` is a share of `whole`.
export function bars({ rows, whole, label, wide = WIDE, left = 0.44 }) {
  const line = 26;
  const shown = sheet(label, rows.length * line + 4, wide);
  const from = wide * left, room = wide * 0.4;
  rows.forEach(({ name, n, said, goal, tone }, place) => {
    const y = place * line + 4;
    shown.append(draw("text", { x: from - 8, y: y + 14, "text-anchor": "end", class: "said" }, name));
    shown.append(draw("rect", { x: from, y, width: room, height: line - 8, class: "whole" }));
    const width = whole ? (n / whole) * room : 0;
    shown.append(draw("rect", { x: from, y, width, height: line - 8, class: tone ?? "bar-alerts" }));
    if (goal !== undefined) {
      const at = from + goal * room;
      shown.append(draw("line", { x1: at, x2: at, y1: y - 2, y2: y + line - 6, class: "goal" }));
    }
    shown.append(draw("text", { x: from + room + 8, y: y + 14, class: "said" }, said ?? String(n)));
  });
  return shown;
}

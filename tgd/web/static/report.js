// The report of one alert, as the server has worded it: titles and tables, nothing of our own.

import { $, make } from "./dom.js";
import { Page, read } from "./after.js";
import { glass } from "./glass.js";

const id = location.pathname.split("/").pop();
const at = `alerts/${encodeURIComponent(id)}`;

function table(section) {
  const shown = make("table", undefined, section.head.length ? "" : "facts");
  const all = section.widths.reduce((sum, width) => sum + width, 0);
  const columns = make("colgroup");
  for (const width of section.widths) {
    const column = make("col");
    column.width = `${(100 * width) / all}%`;
    columns.append(column);
  }
  shown.append(columns);
  if (section.head.length) shown.append(row("thead", section.head, "th", "col"));
  const body = make("tbody");
  for (const one of section.rows) {
    const line = make("tr", undefined, one.tone);
    one.cells.forEach((cell, place) => {
      const heads = !section.head.length && one.cells.length > 1 && place === 0;
      const made = make(heads ? "th" : "td", cell);
      if (heads) made.scope = "row";
      line.append(made);
    });
    body.append(line);
  }
  shown.append(body);
  return shown;
}

function row(part, cells, tag, scope) {
  const made = make(part);
  const line = make("tr");
  for (const cell of cells) {
    const one = make(tag, cell);
    one.scope = scope;
    line.append(one);
  }
  made.append(line);
  return made;
}

function section(one) {
  const shown = make("section");
  shown.id = one.name;
  const title = make("h2", one.title);
  title.id = `${one.name}-title`;
  shown.setAttribute("aria-labelledby", title.id);
  const wide = make("div", undefined, "wide");
  wide.append(table(one));
  shown.append(title, wide);
  if (one.remark) shown.append(make("p", one.remark, "remark"));
  return shown;
}

function show(said) {
  const parts = [make("p", said.subtitle, "remark"), make("h1", said.heading), make("p", said.of_case, "case")];
  if (said.warning) parts.push(make("p", said.warning, "warning"));
  for (const remark of said.remarks) parts.push(make("p", remark, "remark"));
  $("report").replaceChildren(...parts, ...said.sections.map(section));
  document.title = said.title;
}

const page = new Page("report", async (language) => {
  const found = await read(`${at}/report?form=page&lang=${language}`);
  show(found.document);
  $("report").hidden = $("pdf").hidden = $("print").hidden = false;
  $("glass").hidden = page.role !== "supervisor" || found.provisional;
  $("pdf").href = `/api/v1/${at}/report.pdf?lang=${language}`;
});

$("print").addEventListener("click", () => window.print());
glass(at, page);
page.start();

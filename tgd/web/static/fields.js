// Forms made by scripts: a label above every field, one button that does what it says.

import { make } from "./dom.js";
import { t } from "./texts.js";

export function input(name, label, { type = "text", ...more } = {}) {
  const field = make("input");
  Object.assign(field, { name, type, ...more });
  return labelled(field, label);
}

export function area(name, label, more = {}) {
  const field = make("textarea");
  Object.assign(field, { name, rows: 2, maxLength: 4000, ...more });
  return labelled(field, label);
}

export function choice(name, label, options, { empty, required = false, value = "" } = {}) {
  const field = make("select");
  Object.assign(field, { name, required });
  const all = empty === undefined ? options : [["", empty], ...options];
  field.append(...all.map(([code, text]) => {
    const one = make("option", text);
    one.value = code;
    one.selected = code === value;
    return one;
  }));
  return labelled(field, label);
}

export function tick(name, label, checked = false) {
  const shown = make("label", undefined, "tick");
  const field = make("input");
  Object.assign(field, { name, type: "checkbox", checked });
  shown.append(field, make("span", label));
  return shown;
}

export function group(legend, ...parts) {
  const shown = make("fieldset");
  shown.append(make("legend", legend), ...parts);
  return shown;
}

// She said yes, she said no, or was not asked: three answers, none of them by default.
export function answered(name, legend, value) {
  const options = [["yes", true], ["no", false]].map(([code, given]) => {
    const label = make("label", undefined, "tick");
    const field = make("input");
    Object.assign(field, { name, type: "radio", value: code, checked: value === given });
    label.append(field, make("span", t("answer", code)));
    return label;
  });
  return group(legend, ...options);
}

export const said = (value) => (value === "yes" ? true : value === "no" ? false : undefined);

// What was filled in; an empty field was not.
export function values(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()])
    .filter(([, value]) => value !== ""));
}

// A form that does its act through `page`, which says what was refused and loses nothing typed.
export function acting(page, parts, label, doing, className = "") {
  const form = make("form");
  const button = make("button", label, className);
  button.type = "submit";
  form.append(...parts, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    page.act(button, () => doing(values(form)));
  });
  return form;
}

// Makes the forms of a box anew, in another language say; what was typed into them stays.
export function remade(box, making) {
  const before = [...box.querySelectorAll("form")].map((form) =>
    [...form.elements].filter((one) => one.name).map(({ name, type, value, checked }) => ({ name, type, value, checked })));
  making();
  box.querySelectorAll("form").forEach((form, n) => {
    for (const { name, type, value, checked } of before[n] ?? []) {
      const same = [...form.elements].find((one) => one.name === name && (type !== "radio" || one.value === value));
      if (!same) continue;
      if (type === "radio" || type === "checkbox") same.checked = checked;
      else same.value = value;
    }
  });
}

function labelled(field, label) {
  const shown = make("label");
  shown.append(make("span", label), field);
  return shown;
}

// Makes elements; text only ever goes in as text.

import { patchChildren } from "./patch.js";

export const byId = (id) => document.getElementById(id);

/** `element("td", { class: "x", onclick }, "text", child)`. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A table row; the labels are shown on a phone, where there is no head. */
export function row(table, key, cells) {
  const labels = [...byId(table).querySelectorAll("th")].map((head) => head.textContent);
  return element(
    "tr",
    { "data-key": key },
    ...cells.map(([content, kind], i) =>
      element("td", { "data-label": labels[i], class: [kind, content === "" ? "none" : ""].filter(Boolean).join(" ") }, content),
    ),
  );
}

export function fill(table, rows, empty) {
  const columns = byId(table).querySelectorAll("th").length;
  const none = () => element("tr", { "data-key": "" }, element("td", { colspan: String(columns), class: "empty" }, empty));
  patchChildren(byId(table).tBodies[0], rows.length ? rows : [none()]);
}

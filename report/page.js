"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const images = all("[data-image]").map((element) => ({
  number: element.dataset.image,
  threshold: Number(element.dataset.threshold),
  area: Number(element.dataset.area),
  probabilities: JSON.parse(element.dataset.probabilities),
  parts: all("[data-p]", element).map((part) => [part, Number(part.dataset.p)]),
}));

// Threshold: null stands for each image's own, that of the run.
const slider = one("#threshold");
let moved = false;
function apply(threshold) {
  for (const image of images) {
    if (threshold === null && !moved) break; // the page shows that of the run already
    const from = threshold ?? image.threshold;
    for (const [part, p] of image.parts) part.classList.toggle("figure", p >= from);
    const count = image.probabilities.filter((p) => p >= from).length;
    all(`[data-count="${image.number}"]`).forEach((e) => { e.textContent = count; });
    all(`[data-density="${image.number}"]`).forEach((e) => { e.textContent = image.area ? (count / image.area).toFixed(1) : "–"; });
  }
  moved = threshold !== null;
  const run = images.length ? images[0].threshold : 0.5;
  if (threshold === null) slider.value = run;
  one("output").textContent = (threshold ?? run).toFixed(3);
}
slider.addEventListener("input", () => apply(Number(slider.value)));
one("#reset").addEventListener("click", () => apply(null));
one("#misses").addEventListener("change", (event) => document.body.classList.toggle("without-misses", !event.target.checked));
if (images.length) { all(".tools, .scripted").forEach((e) => { e.hidden = false; }); apply(null); }

// The table sorts by a column: numbers descending first, names ascending first, failed images last.
const heads = all("#summary-table thead th");
const body = one("#summary-table tbody");
heads.forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const numeric = head.classList.contains("number");
    const first = numeric ? "descending" : "ascending";
    const order = head.ariaSort === first ? (numeric ? "ascending" : "descending") : first;
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => row.cells.length > column && (column === 0 || row.cells.length > 2) ? row.cells[column].textContent : null;
    const compare = (a, b) => {
      const [left, right] = [value(a), value(b)];
      if (left === null || right === null) return (left === null) - (right === null);
      return sign * (numeric ? left - right : left.localeCompare(right, undefined, { numeric: true }));
    };
    body.append(...[...body.rows].sort(compare));
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    one("#announcement").textContent = `sorted by ${button.textContent}, ${order}`;
  });
});

// A detection under the pointer is highlighted in its overview; printing opens folded parts.
const marks = new Map(all(".mark").map((mark) => [mark.dataset.key, mark]));
for (const item of all(".detection")) {
  const mark = marks.get(item.dataset.key);
  item.addEventListener("pointerenter", () => mark?.classList.add("pointed"));
  item.addEventListener("pointerleave", () => mark?.classList.remove("pointed"));
}
addEventListener("beforeprint", () => all("details").forEach((e) => { e.open = true; }));

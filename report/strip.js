"use strict";
// The crops beside the zoomable view: a click goes to a cell, and a ring highlights its crop.
const strip = { items: new Map() };

strip.fill = () => {
  strip.items.clear();
  one("#strip").replaceChildren(...view.cells.map(strip.item));
  strip.style();
};

strip.item = (cell) => {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const crop = one(`[data-key="${view.data.number}-${cell.rank}"] img`);
  button.type = "button";
  if (crop) button.append(Object.assign(new Image(96, 96), { src: crop.src, alt: "" }));
  button.append(document.createElement("span"));
  button.addEventListener("click", () => view.select(cell));
  button.addEventListener("pointerenter", () => rings.point(cell));
  button.addEventListener("pointerleave", () => rings.point(null));
  item.append(button);
  strip.items.set(cell.key, item);
  return item;
};

strip.style = () => {
  for (const cell of view.cells) {
    const item = strip.items.get(cell.key);
    const p = view.probability(cell);
    const name = cell.missed ? "added" : `${cell.rank}. ${p.toFixed(3)}`;
    item.hidden = !view.isShown(cell);
    item.classList.toggle("figure", view.isFigure(cell));
    item.querySelector("span").textContent = `${name}${SIGNS[view.verdictOf(cell)] ?? ""}`;
    item.dataset.verdict = view.verdictOf(cell) ?? "";
    if (cell === view.selected) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  }
};

strip.reveal = (cell) => {
  strip.items.forEach((item, key) => item.classList.toggle("pointed", key === cell?.key));
  if (cell) strip.items.get(cell.key).scrollIntoView({ block: "nearest", inline: "nearest" });
};

view.on("open", strip.fill);
view.on("cells", strip.fill);
view.on("change", strip.style);
view.on("reviewed", strip.style);
view.on("select", (cell) => { strip.style(); strip.reveal(cell); });
view.on("point", (cell) => { if (cell) strip.reveal(cell); else strip.items.forEach((item) => item.classList.remove("pointed")); });

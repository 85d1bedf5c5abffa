"use strict";
// Rings with probabilities over the zoomable view, its scale bar and the position of the pointer.
const SVG = "http://www.w3.org/2000/svg";
const LEAST_RING = 9; // CSS px
const LABELS_FROM = 14; // CSS px of a ring's radius
const SIGNS = { [FIGURE]: " ✓", [NOT]: " ✗", [UNSURE]: " ?" };
const rings = { layer: null, marks: new Map() };

const shape = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
};

// CSS px of the view for each px of the image, and where its corner is.
rings.transform = () => {
  const image = view.osd.world.getItemAt(0);
  const corner = image.imageToViewerElementCoordinates(new OpenSeadragon.Point(0, 0));
  const end = image.imageToViewerElementCoordinates(new OpenSeadragon.Point(view.data.size[0], 0));
  return { x: corner.x, y: corner.y, scale: (end.x - corner.x) / view.data.size[0] };
};
// px of the image. least: CSS px.
view.ringRadius = (least = 0) => Math.max(view.data.ring, Math.max(least, LEAST_RING) / rings.transform().scale);

rings.draw = () => {
  rings.layer.replaceChildren();
  rings.marks.clear();
  const [x, y, width, height] = view.data.hotspot;
  for (const name of ["hotspot edge", "hotspot"]) shape("rect", { class: name, x, y, width, height }, rings.layer);
  for (const cell of [...view.cells].reverse()) {
    const mark = shape("g", { class: "mark" }, rings.layer);
    for (const name of ["edge", ""]) shape("circle", { class: name, cx: cell.x + 0.5, cy: cell.y + 0.5 }, mark);
    shape("text", {}, mark);
    rings.marks.set(cell.key, mark);
  }
  rings.style();
  rings.scale = null;
  rings.place();
};

rings.style = () => {
  for (const cell of view.cells) {
    const mark = rings.marks.get(cell.key);
    const p = view.probability(cell);
    mark.lastChild.textContent = `${cell.missed ? "added" : p.toFixed(2)}${SIGNS[view.verdictOf(cell)] ?? ""}`;
    mark.classList.toggle("figure", view.isFigure(cell));
    mark.classList.toggle("pointed", cell === view.selected);
    mark.toggleAttribute("hidden", !view.isShown(cell));
    mark.dataset.verdict = view.verdictOf(cell) ?? "";
  }
};

rings.place = () => {
  if (!view.osd?.world.getItemAt(0)) return;
  const { x, y, scale } = rings.transform();
  rings.layer.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  if (rings.scale !== scale) {
    rings.scale = scale;
    const radius = view.ringRadius();
    const labelled = radius * scale >= LABELS_FROM;
    rings.layer.style.fontSize = `${13 / scale}px`;
    for (const cell of view.cells) {
      const mark = rings.marks.get(cell.key);
      const [edge, ring, text] = mark.children;
      edge.setAttribute("r", radius);
      ring.setAttribute("r", radius);
      text.setAttribute("x", cell.x + 0.5 + radius * 0.75);
      text.setAttribute("y", cell.y + 0.5 - radius * 0.75);
      text.toggleAttribute("hidden", !labelled);
    }
    rings.scaleBar(scale / view.data.mpp[0]);
  }
};

// The longest of 1, 2, 5, 10, ... µm that is at most 160 CSS px long. scale: CSS px for each µm.
rings.scaleBar = (scale) => {
  const most = 160 / scale;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = power * [5, 2, 1].find((factor) => factor * power <= most);
  one("#scale span").textContent = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
  one("#scale").style.width = `${length * scale}px`;
};

rings.point = (cell) => {
  rings.marks.forEach((mark, key) => mark.classList.toggle("pointed", key === cell?.key || key === view.selected?.key));
};

view.on("open", () => {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("rings");
  rings.layer = shape("g", {}, svg);
  rings.scale = null;
  view.osd.canvas.append(svg);
  view.osd.addHandler("update-viewport", rings.place);
  view.osd.addHandler("canvas-click", (event) => {
    const reach = event.originalEvent.pointerType === "touch" ? FINGER : 0;
    const cell = event.quick && view.cellAt(event.position, reach);
    if (cell) { event.preventDefaultAction = true; view.select(cell); }
  });
  view.osd.canvas.addEventListener("pointermove", (event) => {
    const image = view.osd.world.getItemAt(0);
    if (!image) return;
    const box = view.osd.canvas.getBoundingClientRect();
    const point = new OpenSeadragon.Point(event.clientX - box.x, event.clientY - box.y);
    const at = image.viewerElementToImageCoordinates(point);
    const um = [at.x * view.data.mpp[0], at.y * view.data.mpp[1]].map((value) => value.toFixed(1));
    one("#position").textContent = `x ${um[0]}, y ${um[1]} µm (${Math.floor(at.x)}, ${Math.floor(at.y)} px)`;
    view.send("point", view.cellAt(point));
  });
});
const drawn = (act) => () => { if (view.osd?.world.getItemAt(0)) act(); };
view.on("opened", rings.draw);
view.on("cells", drawn(rings.draw));
for (const name of ["select", "change", "reviewed"]) view.on(name, drawn(rings.style));
view.on("point", rings.point);

"use strict";
// The zoomable view: one image at a time in a dialog. Positions are px of the image, counted from the
// centre of the first pixel as in result.json; OpenSeadragon counts from its corner.
const view = Object.assign(new EventTarget(), {
  data: null, // what the page knows of the image that is shown
  cells: [], // its detections, the most probable first
  selected: null,
  unadapted: false, // whether probabilities are those without adaptation
  osd: null,
});
view.send = (name, detail) => view.dispatchEvent(new CustomEvent(name, { detail }));
view.on = (name, handler) => view.addEventListener(name, (event) => handler(event.detail));
view.probability = (cell) => (view.unadapted ? cell.before : cell.p);
view.isFigure = (cell) => cell.missed || view.probability(cell) >= view.data.threshold;
view.says = (text) => { one(view.osd ? "#zoom-status" : "#page-status").textContent = text; };

const CONTEXT_UM = 64; // shown around a cell
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

view.open = (number, rank) => {
  view.close();
  const data = JSON.parse(one(`#data-${number}`).textContent);
  view.data = { ...data, number };
  view.cells = data.cells.map(([rank, x, y, p, before]) => ({ key: String(rank), rank, x, y, p, before }));
  view.selected = null;
  one("#zoom-name").textContent = data.file;
  one("#zoom").showModal();
  document.documentElement.classList.add("zooming");
  view.osd = OpenSeadragon({
    element: one("#zoom-canvas"),
    tileSources: tileSource(data),
    drawer: "canvas", // WebGL may not use images of file://
    showNavigationControl: false,
    animationTime: still ? 0 : 0.5,
    immediateRender: true,
    maxZoomPixelRatio: 6,
    visibilityRatio: 0.3,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { dblClickToZoom: true },
  });
  view.osd.canvas.setAttribute("role", "application");
  view.osd.canvas.setAttribute("aria-label", `Image ${data.file}`);
  view.osd.canvas.setAttribute("aria-roledescription", "zoomable image");
  view.osd.addHandler("open", () => {
    view.send("opened");
    if (rank) view.select(view.cells.find((cell) => cell.rank === rank), true);
  });
  view.osd.addHandler("tile-load-failed", () => view.says(
    "A part of the image could not be loaded: keep the folder report_files beside the page."));
  view.send("open");
};

// A Deep Zoom pyramid of JPEG files, or the image itself.
function tileSource({ source, size }) {
  if (source.url) return { type: "image", url: source.url, buildPyramid: false };
  const there = source.there && new Set(source.there.map(([level, column, row]) => `${level}/${column}_${row}`));
  return {
    width: size[0], height: size[1], tileSize: source.tile, tileOverlap: source.overlap,
    minLevel: 8, maxLevel: source.levels,
    tileExists: (level, column, row) => level <= source.coarse || !there || there.has(`${level}/${column}_${row}`),
    getTileUrl: (level, column, row) => `${source.folder}/image_files/${level}/${column}_${row}.jpeg`,
  };
}

view.close = () => {
  if (!view.osd) return;
  document.documentElement.classList.remove("zooming");
  view.osd.destroy();
  view.osd = null;
  view.send("close");
};
// The event comes late, perhaps after the next opening.
one("#zoom").addEventListener("close", () => { if (!one("#zoom").open) view.close(); });
one("#zoom-close").addEventListener("click", () => one("#zoom").close());

view.select = (cell, atOnce = false) => {
  view.selected = cell ?? null;
  if (cell) view.fly(cell, atOnce);
  view.send("select", cell);
};

// Goes to a cell. The zoom stays where it already shows cells at a useful size.
view.fly = ({ x, y }, atOnce = false) => {
  const { viewport, world } = view.osd;
  const image = world.getItemAt(0);
  if (!image) return;
  const side = CONTEXT_UM / view.data.mpp[0];
  const shown = image.viewportToImageRectangle(viewport.getBounds());
  const usual = shown.width > side / 4 && shown.width < side * 2.5;
  if (usual) viewport.panTo(image.imageToViewportCoordinates(x + 0.5, y + 0.5), atOnce);
  else view.fit([x + 0.5 - side / 2, y + 0.5 - side / 2, side, side], atOnce);
};

view.fit = ([left, top, width, height], atOnce = false) => {
  const image = view.osd.world.getItemAt(0);
  view.osd.viewport.fitBounds(image.imageToViewportRectangle(left, top, width, height), atOnce);
};

// The cell that a point of the screen is on, in CSS px of the view. reach: of a finger, beyond the ring.
const FINGER = 22; // CSS px
view.cellAt = (point, reach = 0) => {
  const image = view.osd.world.getItemAt(0);
  if (!image) return null;
  const at = image.viewerElementToImageCoordinates(point);
  const distance = (cell) => Math.hypot(cell.x + 0.5 - at.x, cell.y + 0.5 - at.y);
  const most = view.ringRadius(reach);
  const near = view.cells.filter((cell) => view.isShown(cell) && distance(cell) <= most);
  return near.sort((a, b) => distance(a) - distance(b))[0] ?? null;
};

one("#zoom-in").addEventListener("click", () => view.osd.viewport.zoomBy(1.6).applyConstraints());
one("#zoom-out").addEventListener("click", () => view.osd.viewport.zoomBy(1 / 1.6).applyConstraints());
one("#zoom-whole").addEventListener("click", () => view.osd.viewport.goHome());
one("#zoom-hotspot").addEventListener("click", () => view.fit(view.data.hotspot));
one("#zoom-misses").addEventListener("change", () => view.send("change"));
one("#zoom-before").addEventListener("change", (event) => {
  view.unadapted = event.target.checked;
  view.send("change");
});
view.isShown = (cell) => cell.missed || one("#zoom-misses").checked || view.isFigure(cell) || cell === view.selected;

// The page opens the view: buttons with the image's number and perhaps a detection's rank.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (!button) return;
  const [number, rank] = button.dataset.zoom.split("-").map(Number);
  view.open(number, rank);
});

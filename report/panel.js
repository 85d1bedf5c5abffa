"use strict";
// The review by buttons and keys: Y, N, U judge a cell, the arrows go to the next one.
const panel = { adding: false };
const VERDICTS = { y: FIGURE, n: NOT, u: UNSURE };
const judges = all("[data-judge]");

const describe = (cell) => {
  const name = cell.missed ? "Added figure" : `${cell.rank}. Probability ${view.probability(cell).toFixed(3)}`;
  return `${name}: ${cell.missed ? "mitotic figure" : view.verdictOf(cell) ?? "not reviewed"}`;
};

panel.show = () => {
  const { work } = review;
  const [done, total] = [review.reviewed(work), review.detections.length];
  one("#progress").textContent = review.summary(view.data, work);
  one("#progress-bar").max = Math.max(total, 1);
  one("#progress-bar").value = done;
  const cell = view.selected;
  one("#current").textContent = cell ? describe(cell) : "No cell selected";
  for (const button of judges) {
    button.disabled = !cell;
    button.setAttribute("aria-pressed", String(Boolean(cell) && view.verdictOf(cell) === VERDICTS[button.dataset.judge]));
  }
  one("#comment").value = cell ? review.record(cell)?.comment ?? "" : work.comment;
  one("#comment-of").textContent = cell ? "Comment on the cell" : "Comment on the image";
  one("#reviewer").value = review.reviewer;
  one("#not-kept").hidden = store.kept;
};

panel.judge = (verdict) => {
  const cell = view.selected;
  if (!cell) return panel.step(1);
  if (cell.missed) {
    if (verdict !== NOT) return view.says("An added figure counts as mitotic; N removes it");
    review.remove(cell);
    view.select(null);
    return view.says("The added figure is removed");
  }
  review.judge(cell, verdict);
  const next = panel.unreviewed(cell);
  if (next) return view.select(next);
  view.select(cell);
  return view.says("All cells are reviewed. Now save the review");
};

// The next shown cell without a verdict, from the first one after the last; the first one of all after none.
panel.unreviewed = (cell) => {
  const from = view.cells.indexOf(cell);
  const order = [...view.cells.slice(from + 1), ...view.cells.slice(0, from)];
  return order.find((other) => view.isShown(other) && !view.verdictOf(other));
};

panel.step = (by) => {
  const shown = view.cells.filter(view.isShown);
  if (!shown.length) return;
  const at = shown.indexOf(view.selected);
  view.select(at < 0 ? panel.unreviewed(null) ?? shown[0] : shown[(at + by + shown.length) % shown.length]);
};

// A figure that was missed: put where the image is clicked, or at the centre with Enter.
panel.add = (on = !panel.adding) => {
  panel.adding = on;
  one("#add").setAttribute("aria-pressed", String(on));
  one("#zoom-canvas").classList.toggle("adding", on);
  if (on) view.says("Click the missed figure, or move it to the centre and press Enter");
};
panel.addAt = (point) => {
  panel.add(false);
  const at = view.osd.world.getItemAt(0).viewerElementToImageCoordinates(point);
  const [x, y] = [at.x - 0.5, at.y - 0.5].map((value) => Math.round(value * 10) / 10);
  if (x < 0 || y < 0 || x > view.data.size[0] - 1 || y > view.data.size[1] - 1) return view.says("Outside the image");
  const known = view.cells.find((cell) => Math.hypot(cell.x - x, cell.y - y) <= view.data.ring);
  if (known) { view.select(known); return view.says("This cell is listed already: judge it with Y, N or U"); }
  view.select(review.add({ x, y }));
  return view.says("Added as a mitotic figure: N removes it, C comments on it");
};
panel.centre = () => {
  const { clientWidth, clientHeight } = view.osd.canvas;
  return new OpenSeadragon.Point(clientWidth / 2, clientHeight / 2);
};

panel.pan = (right, down) => {
  const { viewport } = view.osd;
  const { width, height } = viewport.getBounds();
  viewport.panBy(new OpenSeadragon.Point(right * width / 8, down * height / 8)).applyConstraints();
};

const KEYS = {
  ArrowRight: () => panel.step(1), ArrowDown: () => panel.step(1),
  ArrowLeft: () => panel.step(-1), ArrowUp: () => panel.step(-1),
  "shift ArrowRight": () => panel.pan(1, 0), "shift ArrowLeft": () => panel.pan(-1, 0),
  "shift ArrowDown": () => panel.pan(0, 1), "shift ArrowUp": () => panel.pan(0, -1),
  y: () => panel.judge(FIGURE), n: () => panel.judge(NOT), u: () => panel.judge(UNSURE),
  z: () => view.says(review.undo() ? "Undone" : "Nothing to undo"),
  m: () => panel.add(), c: () => one("#comment").focus(),
  h: () => one("#zoom-hotspot").click(), 0: () => one("#zoom-whole").click(),
  "+": () => one("#zoom-in").click(), "=": () => one("#zoom-in").click(), "-": () => one("#zoom-out").click(),
};
one("#zoom").addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox])");
  if (typing && event.key !== "Enter" && event.key !== "Escape") return event.stopPropagation();
  if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== "z")) return;
  const arrow = event.key.startsWith("Arrow");
  const key = arrow ? event.key : event.key.toLowerCase();
  let act = KEYS[event.shiftKey && arrow ? `shift ${key}` : key];
  if (typing) act = () => view.osd.canvas.focus(); // Enter and Escape end a comment
  else if (panel.adding && event.key === "Enter") act = () => panel.addAt(panel.centre());
  else if (panel.adding && event.key === "Escape") act = () => { panel.add(false); view.says(""); };
  if (!act) return;
  event.preventDefault();
  event.stopPropagation(); // OpenSeadragon has other uses for some of these keys
  act();
}, true);

judges.forEach((button) => button.addEventListener("click", () => panel.judge(VERDICTS[button.dataset.judge])));
one("#previous").addEventListener("click", () => panel.step(-1));
one("#next").addEventListener("click", () => panel.step(1));
one("#undo").addEventListener("click", KEYS.z);
one("#add").addEventListener("click", () => { panel.add(); view.osd.canvas.focus(); });
one("#comment").addEventListener("change", (event) => review.describe(view.selected, event.target.value.trim()));
one("#reviewer").addEventListener("change", (event) => review.rename(event.target.value.trim()));
view.on("open", () => {
  panel.add(false);
  panel.show();
  view.says("Choose a ring or a crop, or press →. Y, N and U judge it and go on");
  view.osd.canvas.focus();
  view.osd.addHandler("canvas-click", (event) => {
    if (!panel.adding || !event.quick) return;
    event.preventDefaultAction = true;
    panel.addAt(event.position);
  });
});
for (const name of ["reviewed", "change", "select"]) view.on(name, panel.show);
view.on("select", (cell) => { if (cell) view.says(describe(cell)); });

"use strict";
// The density of mitotic figures as a map over the zoomable view: a Gaussian kernel round each figure,
// of those that the review confirmed where there is one.
const SIGMA_UM = 150;
const MAP_SIDE = 160; // px of the map, its longer side
const density = { element: null };

density.figures = () => view.cells.filter((cell) => {
  const verdict = view.verdictOf(cell);
  return verdict ? verdict === FIGURE : view.isFigure(cell);
});

// Mitotic figures per mm² at the centre of each px of the map, row by row.
density.values = (columns, rows) => {
  const [width, height] = view.data.size.map((side, axis) => side * view.data.mpp[axis]); // µm
  const values = new Float64Array(columns * rows);
  for (const { x, y } of density.figures()) {
    const at = [x + 0.5, y + 0.5].map((value, axis) => value * view.data.mpp[axis]);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const across = (column + 0.5) * width / columns - at[0];
        const down = (row + 0.5) * height / rows - at[1];
        values[row * columns + column] += Math.exp(-(across ** 2 + down ** 2) / (2 * SIGMA_UM ** 2));
      }
    }
  }
  return values.map((value) => value * 1e6 / (2 * Math.PI * SIGMA_UM ** 2));
};

density.draw = () => {
  density.element?.remove();
  if (!one("#zoom-density").checked || !rings.layer) return;
  const [width, height] = view.data.size;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(MAP_SIDE * Math.min(1, width / height)));
  canvas.height = Math.max(1, Math.round(MAP_SIDE * Math.min(1, height / width)));
  const values = density.values(canvas.width, canvas.height);
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(canvas.width, canvas.height);
  values.forEach((value, index) => picture.data.set([0, 60, 255, most ? 120 * value / most : 0], index * 4));
  pen.putImageData(picture, 0, 0);
  density.element = shape("image", { href: canvas.toDataURL(), width, height, preserveAspectRatio: "none" }, rings.layer);
  rings.layer.prepend(density.element);
  view.says(`Darkest blue: ${most.toFixed(1)} mitotic figures per mm², averaged over ${SIGMA_UM} µm (sigma)`);
};

one("#zoom-density").addEventListener("change", density.draw);
for (const name of ["opened", "cells", "change", "reviewed"]) view.on(name, density.draw);

"use strict";
// A review as files: JSON to merge with `python -m report --review`, CSV, and GeoJSON for QuPath.
const COLOURS = { [FIGURE]: [0, 200, 80], [NOT]: [160, 160, 160], [UNSURE]: [255, 160, 0] };

// The images of the page that the reviewer has begun, as in the document's schema.
const reviewedImages = () => all("[data-run]").flatMap(({ dataset }) => {
  const work = review.load(dataset);
  return review.isBegun(work) ? [reviewedImage(JSON.parse(one(`#data-${dataset.image}`).textContent), work)] : [];
});

const reviewedImage = (data, work) => ({
  file: data.file, sha256: data.sha256, run: data.run,
  size_px: data.size, pixel_size_um: data.mpp, cells: data.cells.length,
  verdicts: data.cells.flatMap(([rank, x, y, probability]) => {
    const { verdict, comment = "" } = work.verdicts[rank] ?? {};
    return verdict || comment ? [{ x, y, probability, verdict: verdict ?? null, comment }] : [];
  }),
  missed: work.missed, comment: work.comment,
});

const asJson = () => JSON.stringify({
  schema_version: Number(document.body.dataset.schema), kind: "mitosis review",
  reviewer: review.reviewer, images: reviewedImages(),
}, null, 1);

// A spreadsheet takes some first characters for a formula.
const cell = (value) => {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const asCsv = () => {
  const rows = reviewedImages().flatMap(({ file, verdicts, missed }) => [
    ...verdicts.map((v) => [file, v.x, v.y, v.probability, v.verdict, v.comment, review.reviewer]),
    ...missed.map((m) => [file, m.x, m.y, "", FIGURE, m.comment, review.reviewer]),
  ]);
  const head = ["file", "x_px", "y_px", "probability", "verdict", "comment", "reviewer"];
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
};

// QuPath counts from the corner of the first pixel.
const feature = ({ x, y, probability, verdict, comment }) => ({
  type: "Feature", geometry: { type: "Point", coordinates: [x + 0.5, y + 0.5] },
  properties: {
    objectType: "annotation", name: probability === undefined ? "added" : probability.toFixed(2),
    classification: { name: verdict, color: COLOURS[verdict] },
    ...(probability === undefined ? {} : { measurements: { Probability: probability } }),
    ...(comment ? { metadata: { ANNOTATION_DESCRIPTION: comment } } : {}),
  },
});
const asGeoJson = () => {
  const { verdicts, missed } = reviewedImage(view.data, review.work);
  const judged = verdicts.filter(({ verdict }) => verdict);
  const features = [...judged, ...missed.map((m) => ({ ...m, verdict: FIGURE }))].map(feature);
  return JSON.stringify({ type: "FeatureCollection", features }, null, 1);
};

const FORMS = {
  json: ["application/json", asJson], csv: ["text/csv", asCsv], geojson: ["application/geo+json", asGeoJson],
};
const download = (form) => {
  const [type, make] = FORMS[form];
  const by = (review.reviewer || "unnamed").replace(/[^\p{L}\p{N}_-]+/gu, "-");
  const of = form === "geojson" ? `-${view.data.file.replace(/[^\p{L}\p{N}_-]+/gu, "-")}` : "";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([make()], { type }));
  link.download = `${by}${of}.review.${form}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const next = form === "json" ? `. Merge it: ./run.sh INPUT OUTPUT --review DOWNLOADS/${link.download}` : "";
  view.says(`Saved as ${link.download} in the browser's downloads${next}`);
};
all("[data-save]").forEach((button) => button.addEventListener("click", () => download(button.dataset.save)));

// Progress on the page itself.
const summarise = () => {
  const [begun, total] = all("[data-run]").reduce(([done, all], { dataset }) => {
    const work = review.load(dataset);
    const line = one(`[data-reviewed="${dataset.image}"]`);
    line.hidden = !review.isBegun(work);
    if (!line.hidden) line.textContent = `Your review: ${review.summary(JSON.parse(one(`#data-${dataset.image}`).textContent), work)}`;
    return [done + review.reviewed(work), all + Number(dataset.cells)];
  }, [0, 0]);
  one("#reviewed").textContent = `${begun} of ${total} cells reviewed in this browser${review.reviewer ? ` by ${review.reviewer}` : ""}`;
  one("#load-undo").hidden = !review.loaded;
};
view.on("close", summarise);
summarise();

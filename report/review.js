"use strict";
// A reviewer's verdicts, kept in the browser for each image, run and reviewer, with undo.
const FIGURE = "mitotic figure", NOT = "non-mitotic figure", UNSURE = "unsure";
const review = { reviewer: "", work: null, undone: [], detections: [] };

// The browser may refuse storage; then the review lasts as long as the page.
const store = {
  kept: true,
  read: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  write: (key, text) => { try { localStorage.setItem(key, text); store.kept = true; } catch { store.kept = false; } },
  remove: (key) => { try { localStorage.removeItem(key); } catch { store.kept = false; } },
};
const REVIEWER = "mitosis-review reviewer";
const keyOf = ({ sha256, run }, reviewer) => `mitosis-review ${sha256} ${run} ${reviewer}`;
review.reviewer = store.read(REVIEWER) ?? "";

// verdicts: by the rank of a detection, {verdict, comment}; missed: [{x, y, comment}].
review.load = (image, reviewer = review.reviewer) =>
  JSON.parse(store.read(keyOf(image, reviewer)) ?? "null") ?? { verdicts: {}, missed: [], comment: "" };
review.reviewed = (work) => Object.values(work.verdicts).filter((given) => given.verdict).length;
review.isBegun = (work) => Object.keys(work.verdicts).length + work.missed.length > 0 || work.comment !== "";

// Every change goes through here: it can be undone, and its cell is selected again.
review.change = (key, alter) => {
  review.undone.push({ key, work: JSON.stringify(review.work) });
  alter(review.work);
  review.save();
};
review.undo = () => {
  const last = review.undone.pop();
  if (!last) return false;
  review.work = JSON.parse(last.work);
  review.save();
  view.select(review.cell(last.key));
  return true;
};
review.save = () => {
  store.write(keyOf(view.data, review.reviewer), JSON.stringify(review.work));
  review.refresh();
  view.send("reviewed");
};

// The cells of the view are the detections and the figures that the reviewer added.
const keyAt = ({ x, y }) => `at ${x} ${y}`;
review.refresh = () => {
  const added = review.work.missed.map(({ x, y }) => ({ key: keyAt({ x, y }), x, y, missed: true }));
  const same = view.cells.length === review.detections.length + added.length;
  view.cells = [...review.detections, ...added];
  view.selected = review.cell(view.selected?.key);
  if (!same) view.send("cells");
};
review.cell = (key) => view.cells.find((cell) => cell.key === key) ?? null;
review.record = (cell) => (cell.missed
  ? review.work.missed.find((figure) => keyAt(figure) === cell.key)
  : review.work.verdicts[cell.key]);
view.verdictOf = (cell) => (cell.missed ? FIGURE : review.record(cell)?.verdict);

review.judge = (cell, verdict) => review.change(cell.key, ({ verdicts }) => {
  verdicts[cell.key] = { comment: "", ...verdicts[cell.key], verdict };
});
review.describe = (cell, comment) => review.change(cell?.key, (work) => {
  if (!cell) work.comment = comment;
  else if (cell.missed) review.record(cell).comment = comment;
  else work.verdicts[cell.key] = { ...work.verdicts[cell.key], comment };
});
review.add = ({ x, y }) => {
  review.change(keyAt({ x, y }), ({ missed }) => missed.push({ x, y, comment: "" }));
  return review.cell(keyAt({ x, y }));
};
review.remove = (cell) => review.change(cell.key, (work) => {
  work.missed = work.missed.filter((figure) => keyAt(figure) !== cell.key);
});

// Mitotic figures after the review: an unreviewed cell counts as the run called it, an unsure one not.
review.figures = () => view.cells.filter((cell) => {
  const verdict = view.verdictOf(cell);
  return verdict ? verdict === FIGURE : cell.p >= view.data.threshold;
}).length;

// Another name is another reviewer, whose own work is shown; the first name takes over what there is.
review.rename = (name) => {
  const images = all("[data-run]").map(({ dataset }) => dataset);
  if (review.reviewer === "") {
    for (const image of images) {
      const work = review.load(image);
      if (!review.isBegun(work) || review.isBegun(review.load(image, name))) continue;
      store.write(keyOf(image, name), JSON.stringify(work));
      store.remove(keyOf(image, ""));
    }
  }
  review.reviewer = name;
  store.write(REVIEWER, name);
  if (!view.osd) return;
  review.begin();
  view.send("reviewed");
};
review.begin = () => {
  review.work = review.load(view.data);
  review.undone = [];
  review.refresh();
};
view.on("open", () => {
  review.detections = view.cells;
  review.begin();
});

"use strict";
// A reviewer's verdicts, kept in the browser for each image, run and reviewer, with undo.
const FIGURE = "mitotic figure", NOT = "non-mitotic figure", UNSURE = "unsure";
const review = { reviewer: "", work: null, undone: [], loaded: null, detections: [] };

// The browser may refuse storage; then the review lasts as long as the page. A null text is no entry.
const store = {
  kept: true,
  page: new Map(),
  read: (key) => {
    if (store.page.has(key)) return store.page.get(key);
    try { return localStorage.getItem(key); } catch { return null; }
  },
  write: (key, text) => {
    try {
      if (text === null) localStorage.removeItem(key); else localStorage.setItem(key, text);
      store.page.delete(key);
      store.kept = true;
    } catch {
      store.page.set(key, text);
      store.kept = false;
    }
  },
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
  if (last.kept) {
    review.restore(last);
  } else {
    review.work = JSON.parse(last.work);
    review.save();
  }
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
review.figures = ({ cells, threshold }, work) => work.missed.length + cells.filter(([rank, , , p]) => {
  const verdict = work.verdicts[rank]?.verdict;
  return verdict ? verdict === FIGURE : p >= threshold;
}).length;
review.summary = (data, work) => {
  const figures = review.figures(data, work);
  const density = data.area ? ` (${(figures / data.area).toFixed(1)} per mm²)` : "";
  return `${review.reviewed(work)} of ${data.cells.length} reviewed, ${work.missed.length} added. Mitotic figures: ${figures}${density}`;
};

// Another name is another reviewer, whose own work is shown; the first name takes over what there is.
review.rename = (name) => {
  const images = all("[data-run]").map(({ dataset }) => dataset);
  if (review.reviewer === "") {
    for (const image of images) {
      const work = review.load(image);
      if (!review.isBegun(work) || review.isBegun(review.load(image, name))) continue;
      store.write(keyOf(image, name), JSON.stringify(work));
      store.write(keyOf(image, ""), null);
    }
  }
  review.setReviewer(name);
  if (!view.osd) return;
  review.begin();
  view.send("reviewed");
};
review.setReviewer = (name) => {
  review.reviewer = name;
  store.write(REVIEWER, name);
};

// A loaded review replaces the work of its reviewer, and can be undone: in the view as any change, else until one is
// opened and in that one. works: [[image, work]].
review.take = (reviewer, works) => {
  const kept = works.map(([image]) => [keyOf(image, reviewer), store.read(keyOf(image, reviewer))]);
  const before = { key: view.selected?.key, reviewer: review.reviewer, kept };
  if (view.osd) review.undone.push(before);
  else review.loaded = before;
  review.restore({ reviewer, kept: works.map(([image, work]) => [keyOf(image, reviewer), JSON.stringify(work)]) });
};
review.restore = ({ reviewer, kept }) => {
  for (const [key, text] of kept) store.write(key, text);
  review.setReviewer(reviewer);
  if (!view.osd) return;
  review.work = review.load(view.data);
  review.refresh();
  view.send("reviewed");
};
review.begin = () => {
  review.work = review.load(view.data);
  review.undone = review.loaded ? [review.loaded] : [];
  review.loaded = null;
  review.refresh();
};
view.on("open", () => {
  review.detections = view.cells;
  review.begin();
});

"use strict";
// Loads a saved review of this page's images, in place of what the browser keeps of its reviewer.
const load = { found: null };
const refuse = (reason) => { throw new RangeError(reason); };

load.read = (text) => {
  let content = null;
  try { content = JSON.parse(text); } catch { /* refused below */ }
  if (content?.kind !== "mitosis review") refuse("It is not a review: choose the .json file that Save review has written.");
  if ((content.schema_version ?? 1) > Number(document.body.dataset.schema)) refuse("A newer version of the program has written it: update the program.");
  try {
    if (typeof content.reviewer !== "string" || !content.images.length) throw new TypeError();
    return { reviewer: content.reviewer, works: content.images.map(load.work) };
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return refuse("It is incomplete: its fields are not those of a review.");
  }
};

// The image of the page that was reviewed, and the work as the browser keeps it.
load.work = (image) => {
  const same = all("[data-run]").filter(({ dataset }) => dataset.sha256 === image.sha256);
  if (!same.length) refuse(`It reviews ${image.file}, an image that is not on this page.`);
  const here = same.find(({ dataset }) => dataset.run === image.run);
  if (!here) refuse(`It reviews ${image.file} of another run: its weights, settings or detections differ from this page's.`);
  const data = JSON.parse(one(`#data-${here.dataset.image}`).textContent);
  const missed = image.missed.map(({ x, y, comment = "" }) => ({ x, y, comment }));
  if (missed.some(({ x, y }) => !(x > -1 && y > -1 && x < data.size[0] && y < data.size[1]))) refuse(`It adds a figure outside ${image.file}.`);
  const work = { verdicts: load.verdicts(image, data), missed, comment: image.comment ?? "" };
  const texts = [work, ...missed, ...Object.values(work.verdicts)].map(({ comment }) => comment);
  if (texts.some((comment) => typeof comment !== "string")) throw new TypeError();
  return [{ ...here.dataset }, work];
};

// By rank, as `review` has them.
load.verdicts = ({ file, verdicts }, { cells }) => {
  const ranks = new Map(cells.map(([rank, x, y]) => [`${x} ${y}`, rank]));
  return Object.fromEntries(verdicts.map(({ x, y, verdict, comment = "" }) => {
    const rank = ranks.get(`${x} ${y}`) ?? refuse(`It judges a cell of ${file} that this page does not show.`);
    if (verdict !== null && ![FIGURE, NOT, UNSURE].includes(verdict)) throw new TypeError();
    return [rank, verdict ? { comment, verdict } : { comment }];
  }));
};

const plural = (number, name) => `${number} ${name}${number === 1 ? "" : "s"}`;
const extent = (works) => {
  const sum = (count) => works.reduce((total, work) => total + count(work), 0);
  const added = sum((work) => work.missed.length);
  return `${plural(sum(review.reviewed), "cell")} judged${added ? `, ${plural(added, "figure")} added` : ""}`;
};
load.describe = ({ reviewer, works }) => {
  const kept = works.map(([image]) => review.load(image, reviewer));
  const differs = kept.some((work, place) => review.isBegun(work) && JSON.stringify(work) !== JSON.stringify(works[place][1]));
  one("#load-text").textContent = `${reviewer || "Reviewer without a name"}: ${extent(works.map(([, work]) => work))} in ${plural(works.length, "image")}.`;
  one("#load-replaces").textContent = differs ? `It replaces what this browser keeps by this reviewer: ${extent(kept)}. Undo brings that back.` : "";
};

load.choose = async (file) => {
  load.found = null;
  one("#load-name").textContent = `Load ${file.name}`;
  one("#load-replaces").textContent = "";
  try {
    load.found = load.read(await file.text());
    load.describe(load.found);
  } catch (error) {
    one("#load-text").textContent = error instanceof RangeError ? error.message : "The file cannot be read.";
  }
  one("#load-text").classList.toggle("failed", !load.found);
  one("#load-accept").hidden = !load.found;
  one("#load-cancel").textContent = load.found ? "Cancel" : "Close";
  one("#load").showModal();
};

load.accept = () => {
  const { reviewer, works } = load.found;
  one("#load").close();
  review.take(reviewer, works);
  summarise();
  view.says(`Loaded${reviewer && ` from ${reviewer}`}: ${extent(works.map(([, work]) => work))}`);
};
one("#load-undo").addEventListener("click", () => {
  review.restore(review.loaded);
  review.loaded = null;
  summarise();
  view.says("The loaded review is removed");
});

all("[data-load]").forEach((button) => button.addEventListener("click", () => one("#load-file").click()));
one("#load-file").addEventListener("change", ({ target }) => {
  if (target.files.length) load.choose(target.files[0]);
});
one("#load-file").addEventListener("click", ({ target }) => { target.value = ""; }); // the same file can be chosen again
one("#load-accept").addEventListener("click", load.accept);
one("#load-cancel").addEventListener("click", () => one("#load").close());

"""From the entries of an annotation file to annotated images."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from evaluation.annotated_image import UNKNOWN_SIZE, AnnotatedImage, base_name
from evaluation.box_format import TWO_CORNERS, Boxes, box_format, to_corners
from evaluation.category_names import CellClass, category_classes, figures_note
from evaluation.midog_editions import ScannerBlock, block_of, edition_of
from evaluation.midog_schema import MOST_PIXELS, UNUSABLE, Annotation, ImageEntry, MidogJson
from evaluation.repetitions import close_pairs, repeating, without_repetitions
from evaluation.scored_image import UNKNOWN_DOMAIN
from evaluation.unread_fields import unread_note

Centres = Mapping[tuple[str, CellClass], np.ndarray]  # (n, 2) px by image id and class
# px, between which the longest side of a box may be half its image: MIDOG's are 50 px, those of all
# nuclei of BreCaHAD 211 px at most.
LONGEST_SIDES = 250, 1000


def annotated_images(
    content: MidogJson, problems: list[str], notes: list[str]
) -> list[AnnotatedImage]:
    """The images of a file in its order.

    Args:
        content: the parsed file.
        problems: a line is appended for each reason why the file cannot be used.
        notes: a line is appended for what is understood but is not in MIDOG's format.
    """
    entries = _entries_by_id(content, problems)
    usable = _usable(content, entries, problems)
    annotations = _different(usable)
    classes = _classes(content, annotations, problems, notes)
    corners = _corners(annotations, entries, problems, notes)
    edition = edition_of(content.info.description)
    if not edition:
        _check_contradictions(annotations, classes, problems)
    if problems:
        return []
    notes.extend(
        unread_note([a for a in usable if classes[a.category_id] is CellClass.MITOTIC_FIGURE])
    )
    listed: dict[tuple[str, CellClass], list[list[float]]] = defaultdict(list)
    for annotation, centre in zip(annotations, _centres(corners).tolist(), strict=True):
        listed[annotation.image_id, classes[annotation.category_id]].append(centre)
    centres = {key: np.array(each, float) for key, each in listed.items()}
    if not edition:
        centres = {key: without_repetitions(each) for key, each in centres.items()}
    images = [_image(entry, centres, edition) for entry in entries.values()]
    notes.extend(_repetition_notes(len(usable) - sum(map(len, centres.values())), images))
    return images


def _entries_by_id(content: MidogJson, problems: list[str]) -> dict[str, ImageEntry]:
    entries: dict[str, ImageEntry] = {}
    names: dict[str, str] = {}
    for entry in content.images:
        name = base_name(entry.file_name)
        if entry.id in entries:
            problems.append(f"two images have the id {entry.id}")
        if names.setdefault(name, entry.id) != entry.id:
            problems.append(f"two images have the file name {name}")
        entries.setdefault(entry.id, entry)
    if not entries:
        problems.append("no image in it")
    return entries


def _usable(
    content: MidogJson, entries: Mapping[str, ImageEntry], problems: list[str]
) -> list[Annotation]:
    """The annotations that mark one cell of a listed image, with a box each."""
    usable = []
    for number, annotation in enumerate(content.annotations, 1):
        name = _name(annotation, number)
        annotation = annotation.model_copy(update={"id": name})
        if annotation.image_id not in entries:
            problems.append(f"{name} is for an image that is not in 'images'")
        elif flag := _flag(annotation):
            problems.append(f"{name}: '{flag}' is set: mark single cells, or remove it")
        elif annotation.bbox is None and _polygon(annotation.segmentation) is None:
            problems.append(f"{name} has no 'bbox'")
        else:
            usable.append(annotation)
    return usable


def _flag(annotation: Annotation) -> str | None:
    """A field that says not to take an annotation for one cell, or an attribute of that name."""
    attributes = annotation.attributes if isinstance(annotation.attributes, dict) else {}
    stated = dict(annotation), attributes
    for flag in UNUSABLE:
        if any(fields.get(flag) in (True, "true", "True") for fields in stated):
            return flag
    return None


def _name(annotation: Annotation, number: int) -> str:
    known = f"number {number}" if annotation.id is None else annotation.id
    return f"annotation {known} of image {annotation.image_id}"


def _different(annotations: list[Annotation]) -> list[Annotation]:
    """Each box of a category in an image once."""
    unique = {
        (a.image_id, a.category_id, a.bbox or repr(a.segmentation)): a
        for a in reversed(annotations)
    }
    return list(reversed(unique.values()))


def _repetition_notes(repeated: int, images: list[AnnotatedImage]) -> list[str]:
    """Lines on annotations that repeat another one or may, and on cells of two kinds."""
    notes = []
    if repeated:
        few = "1 annotation repeats another one and counts once"
        many = f"{repeated} annotations repeat another one and count once"
        notes.append(few if repeated == 1 else many)
    if close := sum(close_pairs(image.figures, image.mpp) for image in images):
        which = (
            "1 pair of annotated mitotic figures is"
            if close == 1
            else f"{close} pairs of annotated mitotic figures are"
        )
        notes.append(f"{which} within 5 µm (20 px): if cells are annotated twice, keep one")
    if both := sum(repeating(image.figures, image.hard_negatives) for image in images):
        notes.append(f"mitotic figures that are annotated as another kind of cell as well: {both}")
    return notes


def _classes(
    content: MidogJson, annotations: list[Annotation], problems: list[str], notes: list[str]
) -> dict[str, CellClass]:
    names: dict[str, str] = {}
    for category in content.categories or []:
        if names.setdefault(category.id, category.name) != category.name:
            problems.append(
                f"category {category.id} has two names, {names[category.id]!r} and "
                f"{category.name!r}"
            )
    try:
        classes = category_classes(names, (a.category_id for a in annotations))
    except ValueError as error:
        problems.append(str(error))
        return {}
    if classes and not names:
        notes.append("no list of categories: 1 is taken as mitotic figure, 2 as look-alike")
    figures = {
        category.id: (category.name, str(category.supercategory or ""))
        for category in content.categories or []
        if classes.get(category.id) is CellClass.MITOTIC_FIGURE
    }
    notes.extend(figures_note(list(figures.values())))
    return classes


def _check_contradictions(
    annotations: list[Annotation], classes: Mapping[str, CellClass], problems: list[str]
) -> None:
    """A line for each box that is annotated as two kinds of cell. MIDOG's own files are trusted."""
    first: dict[tuple[str, object], Annotation] = {}
    for annotation in annotations:
        box = annotation.image_id, annotation.bbox or repr(annotation.segmentation)
        other = first.setdefault(box, annotation)
        if classes.get(other.category_id) != classes.get(annotation.category_id):
            problems.append(f"{annotation.id} marks the box of {other.id} as another kind of cell")


def _corners(
    annotations: list[Annotation],
    entries: Mapping[str, ImageEntry],
    problems: list[str],
    notes: list[str],
) -> np.ndarray:
    """(n, 4) float64 x1, y1, x2, y2 of each annotation."""
    if not annotations:
        return np.zeros((0, 4))
    sizes = np.array([_size(entries[a.image_id]) for a in annotations], float)
    sizes[sizes == 0] = np.nan
    has_box = np.array([a.bbox is not None for a in annotations])
    corners = np.array([a.bbox or _polygon(a.segmentation) for a in annotations], float)
    if has_box.any():
        areas = np.array([a.area or np.nan for a in annotations])[has_box]
        try:
            form = box_format(Boxes(corners[has_box], areas, sizes[has_box]))
        except ValueError as error:
            problems.append(str(error))
            return corners
        corners[has_box] = to_corners(corners[has_box], form)
        if form != TWO_CORNERS:
            notes.append(f"the boxes of the annotations are read as {form}")
    if _are_not_pixels(corners):
        problems.append(
            "all boxes are smaller than a pixel or in the first one: state positions in px, not in "
            "mm or as shares of the image"
        )
    _check_boxes(annotations, corners, sizes, problems)
    return corners


def _are_not_pixels(corners: np.ndarray) -> bool:
    """Whether no box (n, 4) reaches beyond the first pixel, or any is as large as one."""
    side = float((corners[:, 2:] - corners[:, :2]).max())
    return bool(np.abs(corners).max() <= 1.5) or 0 < side < 1


def _centres(corners: np.ndarray) -> np.ndarray:
    centres: np.ndarray = (corners[:, :2] + corners[:, 2:]) / 2
    return centres


def _check_boxes(
    annotations: list[Annotation], corners: np.ndarray, sizes: np.ndarray, problems: list[str]
) -> None:
    """A line for each box that has a negative side, does not touch its image, or is too large."""
    starts, ends = corners[:, :2], corners[:, 2:]
    longest = np.nan_to_num(np.clip(sizes / 2, *LONGEST_SIDES), nan=LONGEST_SIDES[1])
    reasons = {
        "has a negative width or height": np.any(ends < starts, axis=1),
        "lies outside its image": np.any((ends < 0) | (starts > sizes), axis=1),
        "is too large for a cell": np.any(ends - starts > longest, axis=1),
    }
    for index in np.flatnonzero(np.any(list(reasons.values()), axis=0)):
        annotation = annotations[index]
        why = next(reason for reason, found in reasons.items() if found[index])
        box = list(annotation.bbox or corners[index].tolist())
        size = "" if np.isnan(sizes[index]).any() else " ({:.0f}x{:.0f} px)".format(*sizes[index])
        problems.append(f"{annotation.id}: bbox {box} {why}{size}")


def _polygon(segmentation: object) -> tuple[float, float, float, float] | None:
    """The bounding box x1, y1, x2, y2 of COCO's polygons [[x, y, x, y, ...], ...]."""
    if not isinstance(segmentation, list):
        return None
    try:
        points = np.concatenate([np.asarray(p, float).reshape(-1, 2) for p in segmentation])
    except (TypeError, ValueError):
        return None
    if len(points) < 3 or not (np.abs(points) <= MOST_PIXELS).all():
        return None
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x1, y1, x2, y2


def _image(
    entry: ImageEntry, centres: Centres, edition: tuple[ScannerBlock, ...]
) -> AnnotatedImage:
    """An image with what the file says, and what MIDOG's own table adds for MIDOG's own image."""
    size = _size(entry)
    figures, look_alikes, masked = (
        centres.get((entry.id, cell_class), np.zeros((0, 2))) for cell_class in CellClass
    )
    image = AnnotatedImage(
        file_name=entry.file_name,
        figures=figures,
        hard_negatives=look_alikes,
        size=size,
        mpp=entry.mpp,
        slide=entry.slide,
        domain=entry.domain or UNKNOWN_DOMAIN,
        masked=masked,
        tissue=entry.tissue or entry.slide,
        number=entry.id,
    )
    block = block_of(edition, entry.id, entry.file_name, size)
    if block is None:
        return image
    slide = entry.slide or image.stem  # MIDOG has one image of each case
    return image._replace(
        mpp=entry.mpp or (None if block.mpp is None else (block.mpp, block.mpp)),
        slide=slide,
        domain=entry.domain or block.scanner,
        tissue=entry.tissue or slide,
        labelled=block.labelled,
    )


def _size(entry: ImageEntry) -> tuple[int, int]:
    if entry.width is None or entry.height is None:
        return UNKNOWN_SIZE
    return entry.width, entry.height

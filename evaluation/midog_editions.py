"""Scanner, pixel size and labels by image id in MIDOG's own annotation files.

The files name no scanner: it follows from the id. An image is one of MIDOG's only if the file says
that it is MIDOG's, its name is its id and its size is one of that scanner's, so that another
laboratory's `001.tif` is not mistaken for one.

Sources: MIDOG.json for ids and sizes of 2021; Aubreville et al. 2023, "A comprehensive multi-domain
dataset for mitotic figure detection", table 1, with MIDOG++.json and datasets_xvalidation.csv of
github.com/DeepMicroscopy/MIDOGpp for MIDOG++. MIDOG 2022 numbers the same images without the
unlabelled ones of 2021. The training set of MIDOG 2025 is MIDOG++.
"""

from typing import NamedTuple

from evaluation.annotated_image import image_stem


class ScannerBlock(NamedTuple):
    """Consecutive image ids of one scanner in one laboratory.

    first, last    image ids
    scanner        scanner and laboratory, as in a weights card
    widths         px, smallest and largest
    heights        px, smallest and largest
    mpp            µm per pixel, None where the images themselves say
    labelled       whether the images are annotated
    """

    first: int
    last: int
    scanner: str
    widths: tuple[int, int]
    heights: tuple[int, int]
    mpp: float | None = None
    labelled: bool = True


_XR = ((7215, 7215), (5412, 5412))
_S360 = ((7084, 7185), (5284, 5386))
_CS2 = ((6439, 6548), (4776, 4893))
_GT450 = ((6171, 6302), (4595, 4717))
_PANNORAMIC = ((6577, 6577), (4933, 4933))
_CS2_BERLIN = ((6445, 6447), (4835, 4835))

_BREAST = (
    ScannerBlock(1, 50, "hamamatsu_xr_utrecht", *_XR, 0.23),
    ScannerBlock(51, 100, "hamamatsu_s360_utrecht", *_S360, 0.23),
    ScannerBlock(101, 150, "aperio_cs2_utrecht", *_CS2, 0.25),
)
_LEICA = ScannerBlock(151, 200, "leica_gt450_utrecht", *_GT450, 0.26, labelled=False)
MIDOG_2021 = (*_BREAST, _LEICA)
MIDOG_2022 = (
    *_BREAST,
    ScannerBlock(151, 249, "pannoramic_scan_ii_vienna", *_PANNORAMIC),  # canine lung, lymphoma
    ScannerBlock(250, 299, "aperio_cs2_berlin", *_CS2_BERLIN),  # canine mast cell tumour
    ScannerBlock(300, 354, "hamamatsu_xr_utrecht", *_XR),  # human neuroendocrine tumour
    ScannerBlock(355, 405, "hamamatsu_xr_utrecht", *_XR, labelled=False),  # human melanoma
)
MIDOG_PLUS_PLUS = (
    *MIDOG_2021,
    ScannerBlock(201, 299, "pannoramic_scan_ii_vienna", *_PANNORAMIC),  # canine lung, lymphoma
    ScannerBlock(300, 349, "aperio_cs2_berlin", *_CS2_BERLIN),  # canine mast cell tumour
    ScannerBlock(350, 404, "hamamatsu_xr_utrecht", *_XR),  # human neuroendocrine tumour
    ScannerBlock(405, 489, "pannoramic_scan_ii_new_york", *_PANNORAMIC),  # soft tissue sarcoma
    ScannerBlock(490, 504, "pannoramic_scan_ii_vienna", *_PANNORAMIC),
    ScannerBlock(505, 553, "hamamatsu_xr_utrecht", *_XR),  # human melanoma
)

# What the description in a file says, in the order in which it is looked for.
_DESCRIPTIONS = (
    ("midog++", MIDOG_PLUS_PLUS),
    ("multi-domain data set for mitotic figures", MIDOG_PLUS_PLUS),
    ("(midog) 2021", MIDOG_2021),
    ("(midog) 2022", MIDOG_2022),
)


def edition_of(description: str | None) -> tuple[ScannerBlock, ...]:
    """The blocks of the edition that a file's `info.description` names; empty for other files."""
    text = (description or "").lower()
    return next((blocks for words, blocks in _DESCRIPTIONS if words in text), ())


def block_of(
    edition: tuple[ScannerBlock, ...], number: str, file_name: str, size: tuple[int, int]
) -> ScannerBlock | None:
    """The block of an image by id, name and size (width, height); None if it is not MIDOG's."""
    if not number.isdecimal() or image_stem(file_name) != f"{int(number):03d}":
        return None
    for block in edition:
        if block.first <= int(number) <= block.last:
            (least_width, most_width), (least_height, most_height) = block.widths, block.heights
            width, height = size
            agrees = least_width <= width <= most_width and least_height <= height <= most_height
            return block if agrees else None
    return None

"""Whether an image looks like what the detector was made for: H&E, in focus, at its pixel size.

Some numbers are measured on the tissue and compared with limits. The limits lie outside what
`python -m experiments.image_limits DATA` measures on 92 real fields of at least five scanners, so
at most one of them is warned about, and inside what it measures on degraded copies of them. A
verdict warns; nothing is refused.
"""

from __future__ import annotations

from slide.appearance import Appearance

MIN_SIDE_UM = 4.0  # of an image; a small nucleus
MIN_AREA_MM2 = 0.001  # 1000 µm², the smallest piece that counts as tissue
# Real fields, then copies: grey, inverted, brown as in immunohistochemistry 0 to 0.01.
MIN_H_AND_E_SHARE = 0.5  # 0.71 and more
# Half of the copies with red and blue exchanged, as some programs store them: 35 to 67.
MAX_BLUENESS = 35  # grey levels; 23 and less
# Copies with red or blue moved by 1 px: 0.75 and more.
MAX_CHANNEL_SHIFT = 0.5  # px; 0.25 and less
# Copies in YCbCr, HSV or HLS that are taken for RGB: below -0.1.
MIN_CHANNEL_AGREEMENT = 0.3  # 0.81 and more; in pieces of 0.003 mm² 0.42 and more
# Copies brightened by 1.3: 0.15 and more, half of them 0.51.
MAX_CLIPPED = 0.15  # 0.06 and less
# Copies with 0.5 % cut off at either end: of each channel, or of all together; also as JPEG.
MAX_CUT_OFF = 0.0001, 0.002  # of all channels 0.00001 and less, of any 0.0014
# 25 of 31 copies of half the contrast, as under a white overlay: 152 and more.
MAX_DARKEST = 152.0  # grey levels; in 902 pieces of 130 to 250 µm 151 and less
# Copies of 0.8 of the contrast, as behind haze, or with 20 % of scattered light: 50 and more.
MAX_DEEPEST, MIN_AREA_OF_DEEPEST_MM2 = 50.0, 0.045  # 41 and less; in 637 such pieces one has 76
# Copies at 0.45 of the contrast, or at half the brightness: 98 and less; half of those at 0.6.
MIN_BRIGHTNESS_RANGE = 105.0  # grey levels; 129 and more, in 453 pieces of 70 to 250 µm 122
# Copies moved by 7 px (1.75 µm) along x or y: 1.37 and less, of ratios of 1.21 and more.
MIN_SHARPNESS_ALONG = 1.42  # 1.5 and more, in these pieces 1.44
MIN_DIRECTION = 1.2  # of the sharper direction by the other
# Copies whose light falls to 60 % along x, or in the corners: 0.71 and less, but for a tenth.
MIN_EVENNESS = 0.8  # 0.93 and more, in 1084 pieces of 128 to 250 µm 1
# Copies blurred by 3 px (0.75 µm): 0.9 to 1.25 and -0.97 to -0.95; by 2 px: 1.1 to 1.5 and -0.92.
MIN_SHARPNESS = 1.4  # 1.53 and more
MIN_FINENESS = -0.895  # -0.87 and more
# Copies read with rows 1 px too long or short have gains of 1.23 and more, but for one field; with
# rows 50 px too long, or width and height exchanged, steps of 3 and more.
MAX_ROW_STEP = 2.5  # 1.76 and less
MAX_ROW_GAIN = 1.1  # 1 in all
# How much nuclei look smaller or larger than usual, in doublings; see Appearance. Copies of half
# the size have more than 2.1, but for 6 of 90; fields scanned at 20x are less fine than reduced
# ones, and fewer may be over the limit. Fields saved as JPEG of quality 75 have up to 2. Of
# copies of twice the size, nearly all count as out of focus or as too large. Little tissue may
# hold nothing but small or large nuclei: pieces of real fields of 0.004 mm² have up to 2.3 and
# 1.6, of 0.012 mm² 1.7 and 1.8, of 0.024 mm² 1.7 and 2.3, of 0.035 mm² and more 1.6 and 1.6.
MAX_SMALLNESS = 2.1  # one of 92 fields, with the smallest nuclei, has 3.2, the others 1.55 and less
MAX_LARGENESS = 1.8  # 1.63 and less
MIN_AREA_OF_SMALL_MM2, MIN_AREA_OF_LARGE_MM2 = 0.012, 0.03


def judge(appearance: Appearance) -> list[str]:
    """What is wrong with an image, in words; nothing where it is usable.

    One reason at most: the first makes the later ones unreliable.
    """
    sharpness = appearance.sharpness
    blurred = sharpness is not None and (
        sharpness < MIN_SHARPNESS or (appearance.fineness or 0) < MIN_FINENESS
    )
    moved = (appearance.direction or 0) > MIN_DIRECTION and (
        appearance.least_sharpness or 0
    ) < MIN_SHARPNESS_ALONG
    small = appearance.smallness > MAX_SMALLNESS and appearance.area_mm2 > MIN_AREA_OF_SMALL_MM2
    large = appearance.largeness > MAX_LARGENESS and appearance.area_mm2 > MIN_AREA_OF_LARGE_MM2
    hazy = (appearance.deepest or 0) > MAX_DEEPEST and (
        appearance.area_mm2 > MIN_AREA_OF_DEEPEST_MM2
    )
    little = appearance.area_mm2 < MIN_AREA_MM2 and appearance.share < 0.5
    reasons = {
        "regions of about 0.001 mm² or less: too small to judge, or not in px of the full image": (
            appearance.inside_mm2 is not None and appearance.inside_mm2 < 1.5 * MIN_AREA_MM2
        ),
        "smaller than a nucleus: too small to judge": (
            appearance.side_um is not None and appearance.side_um < MIN_SIDE_UM
        ),
        "no tissue found: only glass, black or debris": little and not appearance.pen_like,
        "contrast was stretched: colours are cut off at the dark and at the bright end": any(
            share > limit for share, limit in zip(appearance.cut_off, MAX_CUT_OFF, strict=True)
        ),
        "probably not H&E: its colours are not those of haematoxylin and eosin": (
            appearance.pen_like or appearance.h_and_e_share < MIN_H_AND_E_SHARE
        ),
        "less than 0.001 mm² of tissue: too small to judge": appearance.area_mm2 < MIN_AREA_MM2,
        "channels do not vary together: YCbCr or HSV taken for RGB, or out of register": (
            appearance.channel_agreement is not None
            and appearance.channel_agreement < MIN_CHANNEL_AGREEMENT
        ),
        "bluer than H&E: red and blue may be exchanged": (appearance.blueness or 0) > MAX_BLUENESS,
        "uneven light: one side, the corners or the middle are darker": (
            appearance.evenness is not None and appearance.evenness < MIN_EVENNESS
        ),
        "without dark nuclei: faded, overexposed or hardly any cells": (
            (appearance.darkest or 0) > MAX_DARKEST
        ),
        "overexposed: much of the tissue has a colour channel at its brightest": (
            (appearance.clipped or 0) > MAX_CLIPPED
        ),
        "its colour channels are out of register": (
            (appearance.channel_shift or 0) > MAX_CHANNEL_SHIFT
        ),
        "rows do not continue each other: wrong width and height, or blurred by movement": (
            (appearance.row_step or 0) > MAX_ROW_STEP or (appearance.row_gain or 0) > MAX_ROW_GAIN
        ),
        "dark lines cross the tissue, as of a counting grid: focus and nuclei cannot be judged": (
            appearance.lined and (blurred or small or large)
        ),
        "blurred in one direction, as by movement": moved,
        "out of focus, or enlarged from a lower magnification": blurred,
        "low contrast: faded, hazy, underexposed or hardly any cells": hazy
        or (
            appearance.brightness_range is not None
            and appearance.brightness_range < MIN_BRIGHTNESS_RANGE
        ),
        "nuclei look too small for the stated pixel size, or broken up by compression or scaling": (
            small
        ),
        "nuclei look too large for the stated pixel size": large,
    }
    return [reason for reason, holds in reasons.items() if holds][:1]

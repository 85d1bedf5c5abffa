"""Tags about colours and orientation that are ignored, and the warnings about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tifffile

from slide.colour_profile import profile_warning, reference_warning, transfer_warning
from slide.orientation import orientation_warning
from slide.tiff.checks import RGB
from slide.tiff.colour import REFERENCE


def ignored_tags(page: tifffile.TiffPage) -> tuple[str, ...]:
    """A warning for each tag that asks for other pixels than the stored ones."""
    warnings = orientation_warning(page.tags.valueof("Orientation"))
    if profile := page.tags.valueof("InterColorProfile"):
        warnings += profile_warning(profile)
    else:
        warnings += transfer_warning(np.ravel(page.tags.valueof("TransferFunction", ())).tolist())
    if page.photometric == RGB:
        warnings += reference_warning(_reference(page))
    return warnings


def _reference(page: tifffile.TiffPage) -> Sequence[float]:
    """ReferenceBlackWhite; of none, and of the one for YCbCr, nothing."""
    pairs = np.array(page.tags.valueof("ReferenceBlackWhite") or (), np.float64)
    if pairs.size != 2 * len(REFERENCE) or not pairs[1::2].all():
        return ()
    values = tuple(map(float, pairs[::2] / pairs[1::2]))
    return () if values == REFERENCE else values

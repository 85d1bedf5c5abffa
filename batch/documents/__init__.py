"""One type for each document that crosses a process. `python -m batch.documents` exports them."""

from batch.documents.base import SCHEMA_VERSION, DocumentError
from batch.documents.counts import AreaCount, Counts, HotspotCount, Range
from batch.documents.folder import FolderEntry, FolderResults, entry, read_summary
from batch.documents.platform import PlatformInput, PlatformInputs
from batch.documents.result import (
    Detection,
    FailedImage,
    Hash,
    ImageResult,
    ProcessedImage,
    Record,
    RegionsOfInterest,
    Settings,
    SlideRecord,
    SourceFile,
    Tissue,
    Verdict,
    read_result,
)

__all__ = [
    "SCHEMA_VERSION",
    "AreaCount",
    "Counts",
    "Detection",
    "DocumentError",
    "FailedImage",
    "FolderEntry",
    "FolderResults",
    "Hash",
    "HotspotCount",
    "ImageResult",
    "PlatformInput",
    "PlatformInputs",
    "ProcessedImage",
    "Range",
    "Record",
    "RegionsOfInterest",
    "Settings",
    "SlideRecord",
    "SourceFile",
    "Tissue",
    "Verdict",
    "entry",
    "read_result",
    "read_summary",
]

"""The method, from the pixels of an image to its mitotic figures; `detector` is the entry point.

In the order in which the data flows: candidates, patches, activations, target, network,
source_bank, scoring, adaptation, detections.
"""

__version__ = "0.2.0"

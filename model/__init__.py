"""The detector, in the order in which the data flows.

inputs, image, candidates, patches, network, source_bank, target, adaptation, classification,
detections, output; `pipeline` is an image's way through them, `folder` a folder's.
"""

__version__ = "0.2.0"

"""TIFF files: the page of the full resolution, its colours, its pixel size, its pixels."""

"""Pictures, tables and a page made from saved results, without computing anything again.

saved reads an output folder and finds its images; overlay, geojson and table write one kind of file
each; hotspot, trust, words, chart and pictures make the parts of the page; page puts them together;
write does all of it for a folder, and `python -m report OUTPUT` calls it.
"""

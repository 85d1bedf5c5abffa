"""Many images at the same time, on Dask (requirements-cohort.txt): a task is an image.

cluster.py  workers on this machine, or an existing cluster
task.py     what a worker does: the same code as without workers
queue.py    which image is next, and how often one is tried whose worker dies
run.py      hands out the images and takes up their outcomes
"""
